#include "control/console_operations.hpp"

#include "control/admin_body.hpp"

namespace gw::control {
namespace {

using gateway::Code;
using net::Task;

constexpr std::size_t kShown = 1'000;
// To list more would hold up the control thread, and nobody reads so many.
constexpr std::size_t kListedMax = 20'000;

// The moment up to which tokens are revoked; null for a single token.
boost::json::value issued_until(const state::KnownEntry& entry) {
    const auto until = state::parse_revoked_until(entry.value);
    if (!until || entry.key.starts_with("revoked:jti:")) {
        return nullptr;
    }
    return boost::json::value(rfc3339(wall_at(*until)));
}

}  // namespace

void ConsoleOperations::add_to(AdminApi& api) {
    using enum http::Method;
    const auto on = [&](http::Method method, std::string_view path, std::string_view summary,
                        Answer (ConsoleOperations::*run)(AdminCall)) {
        api.add(
            {.method = method, .path = path, .summary = summary, .run = [this, run](AdminCall c) {
                 return (this->*run)(std::move(c));
             }});
    };
    on(get, "/revocations", "which tokens are revoked, until when",
       &ConsoleOperations::list_revocations);
    on(delete_, "/revocations/{kind}/{who}", "lift a revocation; of all: /revocations/all/all",
       &ConsoleOperations::lift_revocation);
    on(post, "/reload", "read the configuration again", &ConsoleOperations::reload);
}

Task<AdminAnswer> ConsoleOperations::list_revocations(AdminCall) {
    const std::size_t total = known_.current()->revocations.size();
    boost::json::array shown;
    if (total <= kListedMax) {
        for (const state::KnownEntry& entry : known_.list_revocations(loop_.clock().wall, kShown)) {
            boost::json::object one{
                {"key", entry.key}, {"issuedUntil", issued_until(entry)}, {"until", nullptr}};
            if (entry.expires) {
                one["until"] = rfc3339(*entry.expires);
            }
            shown.push_back(std::move(one));
        }
    }
    co_return AdminAnswer::ok({{"revocations", std::move(shown)}, {"total", total}});
}

Task<AdminAnswer> ConsoleOperations::lift_revocation(AdminCall call) {
    const std::string& kind = call.parameters[0];
    const std::string& who = call.parameters[1];
    const bool all = kind == "all" && who == "all";
    if (!all && kind != "jti" && kind != "user" && kind != "tenant") {
        co_return AdminAnswer::refused(Code::bad_request,
                                       "which? /revocations/jti/…, user/…, tenant/… or all/all");
    }
    const std::string key = all ? "revoked:all" : "revoked:" + kind + ":" + who;
    const Result<std::int64_t> done = co_await store_.erase({key});
    if (!done) {
        co_return store_away(done.error());
    }
    if (*done == 0) {
        co_return AdminAnswer::refused(Code::not_found, "there is no such revocation");
    }
    co_return AdminAnswer::ok({{"key", key}, {"lifted", true}});
}

Task<AdminAnswer> ConsoleOperations::reload(AdminCall) {
    const ReloadOutcome outcome = reload_();
    if (!outcome.taken) {
        co_return AdminAnswer::refused(Code::validation_failed,
                                       "the old configuration stays: " + outcome.mistake);
    }
    co_return AdminAnswer::ok(
        {{"configHash", outcome.hash}, {"configGeneration", outcome.generation}});
}

}  // namespace gw::control
