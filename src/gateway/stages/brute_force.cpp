// Notices who tries passwords: the answers that a login route gives, counted by address.
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

struct BruteForceOptions : StageOptions {
    std::vector<std::string> login_paths{"/login"};
};

template <class Visitor>
void fields(Visitor& field, BruteForceOptions& o) {
    field("login_paths", o.login_paths,
          "paths below the route's own where people sign in: an answer of 401 or 403 is a failure");
}

Verdict decide(Exchange&, const BruteForceOptions&) {
    return go_on();
}

Verdict judge_answer(Exchange& x, const http::ResponseHead& head, const StageOptions& options) {
    const auto& o = static_cast<const BruteForceOptions&>(options);
    const bool failed = head.status == 401 || head.status == 403;
    if (failed && std::ranges::find(o.login_paths, x.rest) != o.login_paths.end()) {
        report_failed_login(x);
    }
    return go_on();
}

constexpr Stage row() {
    Stage stage = gateway::stage<BruteForceOptions, decide>("brute_force");
    stage.judge = judge_answer;
    return stage;
}

}  // namespace

constinit const Stage stages::brute_force = row();

}  // namespace gw::gateway
