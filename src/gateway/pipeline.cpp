#include "gateway/pipeline.hpp"

#include <array>
#include <span>

#include "gateway/route_table.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"
#include "gateway/trace_notes.hpp"

namespace gw::gateway {
namespace {

const StageOptions kNoOptions;

// The options of a stage for this request; null when it does not run on this route.
const StageOptions* options_for(const Exchange& x, std::size_t index) {
    if (kStages[index]->read == nullptr) {
        return &kNoOptions;
    }
    return x.route != nullptr && index < x.route->options.size() ? x.route->options[index].get()
                                                                 : nullptr;
}

// Of its route those that it has not passed.
std::span<const StageStep> steps_left(const Exchange& x) {
    if (x.route == nullptr) {
        return {};
    }
    std::span<const StageStep> steps = x.route->steps;
    while (!steps.empty() && steps.front().stage < x.stages_passed) {
        steps = steps.subspan(1);
    }
    return steps;
}

// The stages that look at answers, the last first: few of all do.
struct Lookers {
    std::array<std::uint8_t, kStageCount> at{};
    std::size_t count = 0;

    template <class Has>
    explicit Lookers(Has has) {
        for (std::size_t i = kStageCount; i-- > 0;) {
            if (has(*kStages[i])) {
                at[count++] = static_cast<std::uint8_t>(i);
            }
        }
    }
    [[nodiscard]] std::span<const std::uint8_t> list() const { return {at.data(), count}; }
};
const Lookers kJudges([](const Stage& stage) { return stage.judge != nullptr; });
const Lookers kListeners([](const Stage& stage) { return stage.on_response != nullptr; });

}  // namespace

Verdict decide(Exchange& x) {
    // What is no request at all has nothing for a stage to look at.
    if (const http::H1Refusal* defect = x.stream.defect(); defect != nullptr) {
        x.outcome.decided_by = "protocol";
        if (defect->status == 405) {
            x.allow = kServedMethods;
        }
        if (defect->status == 400) {
            report_violation(x, observe::Violation::protocol_abuse, defect->detail, "blocked", 400);
        }
        return refuse(code_for_status(defect->status), defect->detail);
    }
    for (; x.route == nullptr && x.stages_passed < kStageCount; ++x.stages_passed) {
        const Stage& stage = *kStages[x.stages_passed];
        const Verdict verdict = stage.read == nullptr ? stage.decide(x, kNoOptions) : go_on();
        if (!verdict.goes_on()) {
            x.outcome.decided_by = stage.name;
            return verdict;
        }
    }
    for (const StageStep& step : steps_left(x)) {
        const Verdict verdict = step.decide(x, *step.options);
        if (!verdict.goes_on()) {
            x.stages_passed = step.stage;
            x.outcome.decided_by = kStages[step.stage]->name;
            return verdict;
        }
    }
    x.stages_passed = kStageCount;
    x.outcome.decided_by = "upstream";
    return go_on();
}

net::Task<Verdict> wait_and_decide(Exchange& x) {
    while (true) {
        const std::size_t waiting = x.stages_passed;
        const Instant began = x.shard.loop().now();
        Verdict verdict = co_await kStages[waiting]->wait(x, options_for(x, waiting));
        note_wait(x, kStages[waiting]->name, began);
        if (verdict.goes_on()) {
            ++x.stages_passed;
            verdict = decide(x);
        }
        if (verdict.kind() != Verdict::Kind::wait) {
            co_return verdict;
        }
    }
}

Verdict judge(Exchange& x, const http::ResponseHead& head) {
    for (const std::size_t i : kJudges.list()) {
        if (i >= x.stages_passed) {
            continue;
        }
        if (const StageOptions* options = options_for(x, i)) {
            const Verdict verdict = kStages[i]->judge(x, head, *options);
            if (!verdict.goes_on()) {
                x.outcome.decided_by = kStages[i]->name;
                return verdict;
            }
        }
    }
    return go_on();
}

void on_response(Exchange& x) {
    for (const std::size_t i : kListeners.list()) {
        if (i >= x.stages_passed) {
            continue;
        }
        if (const StageOptions* options = options_for(x, i)) {
            kStages[i]->on_response(x, *options);
        }
    }
}

}  // namespace gw::gateway
