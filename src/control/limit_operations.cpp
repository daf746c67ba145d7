#include "control/limit_operations.hpp"

#include <algorithm>

#include "control/admin_body.hpp"
#include "gateway/rate_limit_options.hpp"

namespace gw::control {
namespace {

using gateway::Code;
using limits::Mode;
using limits::PolicyOptions;
using net::Task;

constexpr std::size_t kTopShown = 10;      // of a policy
constexpr std::size_t kKeysMax = 64;       // of somebody
constexpr Millis kStorePatience{1'000};    // nobody's request waits for it
constexpr std::chrono::seconds kSeen{60};  // by gateways that are away for a moment

std::int64_t seconds_of(Instant::duration time) {
    return std::chrono::ceil<std::chrono::seconds>(time).count();
}

boost::json::object numbers_of(const PolicyOptions& options) {
    boost::json::object tiers;
    for (const auto& [name, tier] : options.tiers) {
        tiers[name] = tier.requests;
    }
    return {{"requests", options.requests},
            {"windowMs", options.window.count()},
            {"blockMs", options.block.count()},
            {"enforcement", !options.enabled  ? "off"
                            : options.dry_run ? "dry-run"
                                              : "on"},
            {"tiers", std::move(tiers)}};
}

std::string_view mode_name(Mode mode) {
    return limits::names_of(mode)[static_cast<std::size_t>(mode)].first;
}

AdminAnswer flawed(const config::Flaw& flaw) {
    return bad_request("that " + flaw.what + "; " + flaw.remedy);
}

struct StoreWait {
    net::Pause* pause = nullptr;
    bool told = false;
    std::optional<limits::StoreAnswer> answer;
};

}  // namespace

Task<std::optional<LimitStanding>> standing_of(net::Loop* loop, gateway::RateLimits* limits,
                                               std::string key, const limits::Policy* policy,
                                               const limits::Quota* quota) {
    if (const auto out = limits->look_alone(key, *policy, *quota, loop->now())) {
        // It is what the next request would be told, which is counted there.
        co_return LimitStanding{out->limit, out->admitted ? out->remaining + 1 : 0, out->blocked,
                                out->retry_after};
    }
    net::Pause pause(*loop);
    const auto wait = std::make_shared<StoreWait>();
    wait->pause = &pause;
    limits->ask_store(key, *quota, limits::StoreAsk{.permits = 0},
                      [wait](const std::optional<limits::StoreAnswer>& answer, Instant) {
                          wait->answer = answer;
                          wait->told = true;
                          if (wait->pause != nullptr) {
                              wait->pause->wake();
                          }
                      });
    const Instant latest = loop->now() + kStorePatience;
    while (!wait->told && loop->now() < latest) {
        co_await pause.until(latest);
    }
    wait->pause = nullptr;
    if (!wait->answer) {
        co_return std::nullopt;
    }
    const std::uint32_t here =
        policy->mode() == Mode::leased ? limits->permits_here(key, *quota) : 0;
    co_return LimitStanding{quota->limit(),
                            std::min(quota->limit(), wait->answer->remaining + here),
                            wait->answer->blocked, wait->answer->retry_after};
}

void LimitOperations::add_to(AdminApi& api) {
    using enum http::Method;
    const auto on = [&](http::Method method, std::string_view path, std::string_view summary,
                        Answer (LimitOperations::*run)(AdminCall)) {
        api.add({.method = method,
                 .path = path,
                 .summary = summary,
                 .run = [this, run](AdminCall c) { return (this->*run)(std::move(c)); },
                 .dry_runs = method == put});
    };
    on(get, "/limits", "rate limits: their numbers, what was changed for a time, who meets them",
       &LimitOperations::list);
    on(put, "/limits/{policy}",
       "change one for a time, on all gateways: {requests, windowMs, blockMs, tiers, enforcement: "
       "on|off|dry-run, seconds | endless, reason, dryRun}",
       &LimitOperations::set);
    on(delete_, "/limits/{policy}", "as it is configured again", &LimitOperations::reset);
    on(get, "/limits/{kind}/{who}", "how an ip, user, tenant or api-key stands with them",
       &LimitOperations::look);
    on(delete_, "/limits/{kind}/{who}", "forget what they have counted of one, on all gateways",
       &LimitOperations::forget);
}

std::vector<std::string> LimitOperations::routes_of(std::string_view policy) const {
    std::vector<std::string> routes;
    for (const auto& route : parts_.site()->routes.routes()) {
        const gateway::RateLimitOptions* const options = gateway::rate_limit_of(route->options);
        if (options != nullptr &&
            std::ranges::find(options->policies, policy) != options->policies.end() &&
            std::ranges::find(routes, route->path) == routes.end()) {
            routes.push_back(route->path);
        }
    }
    return routes;
}

boost::json::object LimitOperations::described(const std::string& name,
                                               const PolicyOptions& configured) const {
    PolicyOptions now = configured;
    const Knobs::Knob* const knob = parts_.knobs.find(std::string(kLimitKnob) + name);
    if (knob != nullptr) {
        now = limits::overridden(configured, std::get<limits::PolicyOverride>(knob->value.setting))
                  .value_or(configured);
    }
    boost::json::object out = numbers_of(now);
    boost::json::array key;
    for (const limits::KeyPart& part : configured.key) {
        key.emplace_back(part.to_string());
    }
    out["name"] = name;
    out["key"] = std::move(key);
    out["mode"] = mode_name(configured.mode);
    out["counts"] = configured.counted == limits::Counted::all ? "all" : "failures";
    boost::json::array routes;
    for (const std::string& route : routes_of(name)) {
        routes.emplace_back(route);
    }
    out["routes"] = std::move(routes);
    out["refused"] = parts_.refused(name);
    out["configured"] = nullptr;
    out["override"] = nullptr;
    if (knob != nullptr) {
        out["configured"] = numbers_of(configured);
        out["override"] = parts_.knobs.json_of(std::string(kLimitKnob) + name, *knob);
    }
    return out;
}

Task<AdminAnswer> LimitOperations::list(AdminCall) {
    const limits::LimitsOptions options = parts_.configured();
    const Instant now = parts_.loop.now();
    const std::vector<limits::RefusedKeys::Entry> refused = parts_.limits.refused().list(now);
    const std::shared_ptr<const gateway::Site> site = parts_.site();
    std::vector<boost::json::object> policies;
    options.each_policy([&](const std::string& name, const PolicyOptions& policy) {
        policies.push_back(described(name, policy));
    });
    boost::json::array shown;
    bool answers = true;  // the store; one that does not is not waited for again
    for (boost::json::object& policy : policies) {
        const std::string_view name = policy.at("name").as_string();
        const auto found = std::ranges::find_if(
            site->policies, [&](const auto& each) { return each->name() == name; });
        boost::json::array top;
        for (const limits::RefusedKeys::Entry& entry : refused) {
            if (policy_of_key(entry.key) != name || top.size() >= kTopShown) {
                continue;
            }
            boost::json::object one{{"who", readable_key(entry.key)},
                                    {"refused", entry.refused},
                                    {"lastSeconds", seconds_of(now - entry.last)},
                                    {"remaining", nullptr},
                                    {"blockedSeconds", nullptr}};
            if (answers && found != site->policies.end()) {
                const auto standing = co_await standing_of(&parts_.loop, &parts_.limits, entry.key,
                                                           found->get(), &(*found)->quota({}));
                answers = standing.has_value();
                if (standing) {
                    one["remaining"] = standing->remaining;
                    one["blockedSeconds"] =
                        standing->blocked ? seconds_of(standing->retry_after) : 0;
                }
            }
            top.push_back(std::move(one));
        }
        policy["top"] = std::move(top);
        shown.push_back(std::move(policy));
    }
    co_return AdminAnswer::ok({{"enabled", options.enabled},
                               {"gateways", parts_.gateways()},
                               {"policies", std::move(shown)}});
}

Task<AdminAnswer> LimitOperations::set(AdminCall call) {
    const std::string name = call.parameters[0];
    const limits::LimitsOptions options = parts_.configured();
    const PolicyOptions* const policy = options.find(name);
    if (policy == nullptr) {
        co_return AdminAnswer::refused(Code::not_found,
                                       "there is no such policy; GET /admin/v1/limits lists them");
    }
    const auto over = policy_override_of(call.body);
    if (!over) {
        co_return flawed(over.error());
    }
    if (const auto flaw = parts_.check(std::string(kLimitKnob) + name, *over)) {
        co_return flawed(*flaw);
    }
    const auto lifetime = lifetime_of(call.body);
    if (!lifetime) {
        co_return bad_request(kLifetimeWanted);
    }
    const WallTime now = parts_.loop.clock().wall;
    const KnobValue value{
        *over,
        {.by = call.by,
         .reason = text_of(call.body, "reason"),
         .since = now,
         .until = lifetime->ttl ? std::optional(now + *lifetime->ttl) : std::nullopt}};
    boost::json::object answer{
        {"policy", name},
        {"key", "knob:" + std::string(kLimitKnob) + name},
        {"value", setting_text(value.setting)},
        {"now", numbers_of(limits::overridden(*policy, *over).value_or(*policy))},
        {"configured", numbers_of(*policy)},
        {"until", time_or_null(value.note.until)},
        {"done", false}};
    boost::json::array routes;
    for (const std::string& route : routes_of(name)) {
        routes.emplace_back(route);
    }
    answer["routes"] = std::move(routes);
    if (truth_of(call.body, "dryRun")) {
        co_return AdminAnswer::ok(std::move(answer));
    }
    const Result<bool> done = co_await parts_.store.set("knob:" + std::string(kLimitKnob) + name,
                                                        write_knob(value), {.ttl = lifetime->ttl});
    if (!done) {
        co_return store_away(done.error());
    }
    answer["done"] = true;
    co_return AdminAnswer::ok(std::move(answer));
}

Task<AdminAnswer> LimitOperations::reset(AdminCall call) {
    const std::string key = "knob:" + std::string(kLimitKnob) + call.parameters[0];
    const Result<std::int64_t> done = co_await parts_.store.erase({key});
    if (!done) {
        co_return store_away(done.error());
    }
    if (*done == 0) {
        co_return AdminAnswer::refused(Code::not_found, "that limit is as it is configured");
    }
    co_return AdminAnswer::ok({{"key", key}, {"lifted", true}});
}

std::vector<std::string> LimitOperations::keys_of(const LimitedOne& one) const {
    std::vector<std::string> keys;
    for (const auto& policy : parts_.site()->policies) {
        for (std::string& key : keys_for(*policy, one, routes_of(policy->name()))) {
            keys.push_back(std::move(key));
        }
    }
    const std::string part = key_part_of(one);
    for (const limits::RefusedKeys::Entry& entry :
         parts_.limits.refused().list(parts_.loop.now())) {
        if (counts_for(entry.key, part) && std::ranges::find(keys, entry.key) == keys.end()) {
            keys.push_back(entry.key);
        }
    }
    keys.resize(std::min(keys.size(), kKeysMax));
    return keys;
}

constexpr const char* kWhom =
    "whom? /limits/user/42, /limits/ip/203.0.113.7, /limits/tenant/t1 or /limits/api-key/box";

Task<AdminAnswer> LimitOperations::look(AdminCall call) {
    const auto one = LimitedOne::parse(call.parameters[0], call.parameters[1]);
    if (!one) {
        co_return bad_request(kWhom);
    }
    const std::shared_ptr<const gateway::Site> site = parts_.site();
    const identity::Identity* const key_of =
        one->kind == LimitedOne::Kind::api_key ? site->api_keys.named(one->who) : nullptr;
    const std::string tenant = one->kind == LimitedOne::Kind::tenant ? one->who
                               : key_of != nullptr                   ? key_of->tenant
                                                                     : "";
    const std::string tier = key_of != nullptr ? key_of->limit_tier : "";
    const std::vector<std::string> keys = keys_of(*one);
    boost::json::array shown;
    for (const std::string& key : keys) {
        const auto policy = std::ranges::find_if(
            site->policies, [&](const auto& each) { return each->name() == policy_of_key(key); });
        if (policy == site->policies.end()) {
            continue;
        }
        const auto standing = co_await standing_of(&parts_.loop, &parts_.limits, key, policy->get(),
                                                   &(*policy)->quota(tenant, tier));
        if (!standing) {
            co_return AdminAnswer::refused(Code::no_healthy_upstream,
                                           "the state store does not answer");
        }
        shown.push_back({{"policy", (*policy)->name()},
                         {"who", readable_key(key)},
                         {"requests", standing->limit},
                         {"windowMs", (*policy)->window().count()},
                         {"remaining", standing->remaining},
                         {"blocked", standing->blocked},
                         {"retryAfterSeconds", seconds_of(standing->retry_after)}});
    }
    co_return AdminAnswer::ok({{"limits", std::move(shown)}});
}

// Here by the follower, as everywhere: by a key that all gateways follow.
Task<AdminAnswer> LimitOperations::forget(AdminCall call) {
    const auto one = LimitedOne::parse(call.parameters[0], call.parameters[1]);
    if (!one) {
        co_return bad_request(kWhom);
    }
    const std::vector<std::string> keys = keys_of(*one);
    boost::json::array forgotten;
    for (const std::string& key : keys) {
        const Result<std::int64_t> erased = co_await parts_.store.erase({limits::store_key(key)});
        const Result<bool> told =
            erased ? co_await parts_.store.set(std::string(state::KnownState::kForget) + key,
                                               std::to_string(epoch_ms(parts_.loop.clock().wall)),
                                               {.ttl = kSeen})
                   : Result<bool>(std::unexpected(erased.error()));
        if (!told) {
            co_return store_away(told.error());
        }
        forgotten.push_back({{"policy", policy_of_key(key)}, {"who", readable_key(key)}});
    }
    if (forgotten.empty()) {
        co_return AdminAnswer::refused(
            Code::not_found,
            "no policy counts by that, and nobody of that name was refused of late");
    }
    co_return AdminAnswer::ok({{"forgotten", std::move(forgotten)}});
}

}  // namespace gw::control
