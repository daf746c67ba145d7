#include "gateway/pipeline.hpp"

#include "gateway/route_table.hpp"

namespace gw::gateway {
namespace {

const StageOptions kNoOptions;

// The options of a stage for this request; null when it does not run on this route.
const StageOptions* options_for(const Exchange& x, std::size_t index) {
    if (kStages[index]->read == nullptr) {
        return &kNoOptions;
    }
    return x.route != nullptr ? x.route->options[index].get() : nullptr;
}

}  // namespace

net::Task<Verdict> decide(Exchange& x) {
    // What is no request at all has nothing for a stage to look at.
    if (const http::H1Refusal* defect = x.stream.defect(); defect != nullptr) {
        x.outcome.decided_by = "protocol";
        if (defect->status == 405) {
            x.allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
        }
        co_return refuse(code_for_status(defect->status), defect->detail);
    }
    for (std::size_t i = 0; i < kStageCount; ++i) {
        const Stage& stage = *kStages[i];
        const StageOptions* options = options_for(x, i);
        if (options == nullptr) {
            continue;
        }
        Verdict verdict = stage.decide(x, *options);
        if (verdict.kind() == Verdict::Kind::wait) {
            verdict = co_await stage.wait(x, *options);
        }
        if (!verdict.goes_on()) {
            x.outcome.decided_by = stage.name;
            co_return verdict;
        }
        x.stages_passed = i + 1;
    }
    co_return go_on();
}

void on_response(Exchange& x) {
    for (std::size_t i = x.stages_passed; i-- > 0;) {
        if (kStages[i]->on_response != nullptr) {
            if (const StageOptions* options = options_for(x, i)) {
                kStages[i]->on_response(x, *options);
            }
        }
    }
}

}  // namespace gw::gateway
