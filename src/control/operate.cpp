#include "control/operate.hpp"

#include <algorithm>
#include <charconv>

#include "control/admin_body.hpp"
#include "control/contain_steps.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using gateway::Code;
using net::Task;

constexpr std::size_t kBansShown = 1'000;
// The keys of revocations end by themselves; a day holds whatever somebody's clock says.
constexpr std::chrono::hours kRevokedLeast{24};
constexpr const char* kNameWanted =
    "a name has 1 to 512 bytes of UTF-8, none of them a control character";

// The key of a ban, or nothing.
std::optional<std::string> ban_key(const std::string& kind, const std::string& who) {
    if (kind == "ip") {
        const auto block = state::parse_banned_block(who);
        return block ? std::optional("banned:ip:" + state::to_text(*block)) : std::nullopt;
    }
    return kind == "user" || kind == "tenant" ? std::optional("banned:" + kind + ":" + who)
                                              : std::nullopt;
}

// Addresses of which one ban would hit everybody.
bool hits_everybody(const std::string& kind, const std::string& who) {
    const auto block = kind == "ip" ? state::parse_banned_block(who) : std::nullopt;
    return block && block->bits < (block->base.is_v4() ? 8U : 16U);
}

// Is it in force, beyond the end of what is to take its place? none: that has no end.
bool lasts_longer(const state::KnownEntry& there, std::optional<WallTime> until, WallTime now) {
    return until && (!there.expires || (*there.expires > now && *there.expires > *until));
}

// Are there API keys that somebody may think revoked with these tokens?
bool keys_outlive(const identity::ApiKeys& keys, const std::string& kind, const std::string& who) {
    return kind == "all" ? !keys.empty() : kind == "tenant" && keys.any_of_tenant(who);
}

// Of the platform (`service` empty) or of a service, once nobody says anything of it any more.
boost::json::object what_windows_hold(const state::Known& known, std::string_view service,
                                      WallTime now) {
    const auto planned = known.planned(service, now);
    boost::json::object answer{{"maintenance", state::name_of(planned.mode)}};
    if (planned.mode != state::Maintenance::off) {
        answer["window"] = planned.window;
        answer["until"] = rfc3339(planned.until);
    }
    return answer;
}

}  // namespace

void Operations::add_to(AdminApi& api) {
    using enum http::Method;
    const auto on = [&](http::Method method, std::string_view path, std::string_view summary,
                        Answer (Operations::*run)(AdminCall)) {
        api.add(
            {.method = method, .path = path, .summary = summary, .run = [this, run](AdminCall c) {
                 return (this->*run)(std::move(c));
             }});
    };
    on(get, "/status", "how the gateway is", &Operations::status);
    on(get, "/authentication", "what failed authentications look like",
       &Operations::authentication);
    on(get, "/bans", "who is banned, why, by whom, until when", &Operations::list_bans);
    on(put, "/bans/{kind}/{who}", "ban an ip, user or tenant: {seconds | endless, shorten, reason}",
       &Operations::ban);
    on(delete_, "/bans/{kind}/{who}", "lift a ban", &Operations::unban);
    on(post, "/revocations",
       "revoke: {kind: jti|user|tenant|all, who}, {seconds | endless} or as long as tokens live",
       &Operations::revoke);
    on(put, "/maintenance", "{mode: off|read-only|down, service, banner, seconds | endless}",
       &Operations::set_maintenance);
    on(get, "/breakers", "circuit breakers: state, why, since when", &Operations::list_breakers);
    on(put, "/breakers/{name}", "{state: open|closed, seconds, everywhere}, or {state: auto}",
       &Operations::force_breaker);
    on(post, "/cache/purge", "forget answers: {all: true}, or {path | tag | tenant: …}",
       &Operations::purge_cache);
    on(put, "/log-level",
       "{level: DEBUG|INFO|WARN|ERROR, seconds}; without seconds until the next start or reload; "
       "auto: as configured",
       &Operations::set_log_level);
    on(get, "/knobs", "settings that were changed for a time, by whom, why, until when",
       &Operations::list_knobs);
}

Task<AdminAnswer> Operations::status(AdminCall) {
    co_return AdminAnswer::ok(parts_.status());
}

Task<AdminAnswer> Operations::authentication(AdminCall) {
    const security::AuthDiagnosis& diagnosis = parts_.watch.diagnosis();
    co_return AdminAnswer::ok({{"cause", cause_name(diagnosis.cause)}, {"line", diagnosis.line}});
}

Task<AdminAnswer> Operations::list_bans(AdminCall) {
    const state::BanList list = parts_.known.list_bans(parts_.loop.clock().wall, kBansShown);
    boost::json::array bans;
    for (const state::BanRecord& ban : list.bans) {
        boost::json::object entry{{"key", ban.key},
                                  {"reason", ban.note.reason},
                                  {"by", ban.note.by},
                                  {"since", time_or_null(ban.note.since)},
                                  {"until", time_or_null(ban.note.until)},
                                  {"byHand", ban.note.by_hand}};
        constexpr std::string_view kAddress = "banned:ip:";
        if (ban.key.starts_with(kAddress)) {
            if (const auto block = state::parse_banned_block(ban.key.substr(kAddress.size()))) {
                entry["usersLastHour"] = parts_.watch.users_of(block->base);
            }
        }
        if (!ban.note.until) {
            entry["warning"] = "it has no end";
        } else if (*ban.warning != '\0') {
            entry["warning"] = ban.warning;
        }
        bans.push_back(std::move(entry));
    }
    co_return AdminAnswer::ok({{"bans", std::move(bans)},
                               {"total", list.total},
                               {"endless", list.endless},
                               {"byHand", list.by_hand}});
}

Task<AdminAnswer> Operations::set(std::string key, std::string value, std::optional<Millis> ttl) {
    const Result<bool> done = co_await parts_.store.set(key, std::move(value), {.ttl = ttl});
    if (!done) {
        co_return store_away(done.error());
    }
    boost::json::object body{{"key", key}, {"until", nullptr}};
    if (ttl) {
        body["until"] = rfc3339(parts_.loop.clock().wall + *ttl);
    }
    co_return AdminAnswer::ok(std::move(body));
}

// Whoever asks for what a containment holds wants it also when that is undone. A store that does
// not take this takes the ban or revocation no better, and says so then.
Task<void> Operations::claim(std::string key) {
    [[maybe_unused]] const Result<std::int64_t> done =
        co_await parts_.store.erase({holder_key(key)});
}

std::vector<std::string> Operations::other_spellings(const AdminCall& call) const {
    const auto block =
        call.parameters[0] == "ip" ? state::parse_banned_block(call.parameters[1]) : std::nullopt;
    return block ? parts_.known.other_spellings(*block) : std::vector<std::string>();
}

// What was banned by them is let in again, and held by no containment; how many there were.
Task<Result<std::int64_t>> Operations::erase_bans(std::vector<std::string> keys) {
    Result<std::int64_t> done = co_await parts_.store.erase(keys);
    if (done && *done > 0) {
        std::ranges::transform(keys, keys.begin(), holder_key);
        if (const auto held = co_await parts_.store.erase(std::move(keys)); !held) {
            done = std::unexpected(held.error());
        }
    }
    co_return done;
}

Task<AdminAnswer> Operations::ban(AdminCall call) {
    const std::string& kind = call.parameters[0];
    const std::string& who = call.parameters[1];
    const auto key = ban_key(kind, who);
    if (!key) {
        co_return bad_request(
            "whom? /bans/ip/203.0.113.7, /bans/ip/203.0.113.0%2F24, /bans/user/42 or "
            "/bans/tenant/t1");
    }
    // What was written by hand may be called otherwise, and is lifted all the same.
    if (kind != "ip" && !state::is_called(who)) {
        co_return bad_request(kNameWanted);
    }
    if (hits_everybody(kind, who)) {
        co_return bad_request("that block holds half the world; name a smaller one");
    }
    const auto lifetime = lifetime_of(call.body);
    if (!lifetime) {
        co_return bad_request(kLifetimeWanted);
    }
    const WallTime now = parts_.loop.clock().wall;
    const auto until = lifetime->ttl ? std::optional(now + *lifetime->ttl) : std::nullopt;
    // What cannot be read is no reason to let somebody in: then the ban is set.
    const Result<std::optional<state::KnownEntry>> there = co_await parts_.store.get(*key);
    co_await claim(*key);
    AdminAnswer answer;
    if (there && *there && !truth_of(call.body, "shorten") && lasts_longer(**there, until, now)) {
        answer = AdminAnswer::ok(
            {{"key", *key}, {"until", time_or_null((*there)->expires)}, {"kept", true}});
    } else {
        answer = co_await set(*key,
                              state::write_ban({.reason = text_of(call.body, "reason"),
                                                .by = call.by,
                                                .since = now,
                                                .until = until}),
                              lifetime->ttl);
        std::vector<std::string> others = other_spellings(call);
        if (!answer.code && truth_of(call.body, "shorten") && !others.empty()) {
            if (const auto gone = co_await erase_bans(std::move(others)); !gone) {
                answer = store_away(gone.error());
            }
        }
    }
    const auto block = kind == "ip" ? state::parse_banned_block(who) : std::nullopt;
    if (block && answer.body.is_object()) {
        answer.body.as_object()["usersLastHour"] = parts_.watch.users_of(block->base);
    }
    co_return answer;
}

Task<AdminAnswer> Operations::unban(AdminCall call) {
    const auto key = ban_key(call.parameters[0], call.parameters[1]);
    if (!key) {
        co_return bad_request("whom? /bans/ip/203.0.113.7, /bans/user/42 or /bans/tenant/t1");
    }
    std::vector<std::string> keys = other_spellings(call);
    keys.push_back(*key);
    const Result<std::int64_t> done = co_await erase_bans(std::move(keys));
    if (!done) {
        co_return store_away(done.error());
    }
    if (*done == 0) {
        co_return AdminAnswer::refused(Code::not_found, "there is no such ban");
    }
    co_return AdminAnswer::ok({{"key", *key}, {"lifted", true}});
}

Task<AdminAnswer> Operations::revoke(AdminCall call) {
    const std::string kind = text_of(call.body, "kind");
    const std::string who = text_of(call.body, "who");
    const bool all = kind == "all";
    if (!all && ((kind != "jti" && kind != "user" && kind != "tenant") || who.empty())) {
        co_return bad_request(
            R"(what? {"kind": "user", "who": "42"}; kinds are jti, user, tenant and all)");
    }
    if (!all && !state::is_called(who)) {
        co_return bad_request(kNameWanted);
    }
    const std::chrono::seconds token_life = parts_.token_life();
    auto lifetime = lifetime_of(call.body);
    if (!lifetime && !call.body.contains("seconds") && !call.body.contains("endless")) {
        lifetime = Lifetime{std::max<std::chrono::seconds>(kRevokedLeast, token_life)};
    }
    if (!lifetime) {
        co_return bad_request(kLifetimeWanted);
    }
    if (kind == "user" && who.starts_with(identity::kApiKeyUser)) {
        co_return bad_request("an API key is no token, and goes on; ban it instead: ban user " +
                              who);
    }
    const WallTime now = parts_.loop.clock().wall;
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    ContainStep step{.key = all ? "revoked:all" : "revoked:" + kind + ":" + who,
                     .value = kind == "jti" ? "1" : std::to_string(second),
                     .until = lifetime->ttl ? std::optional(now + *lifetime->ttl) : std::nullopt};
    Result<std::optional<state::KnownEntry>> there = co_await parts_.store.get(step.key);
    if (there && *there) {
        meet(step, Standing{.value = std::move((*there)->value), .until = (*there)->expires}, now);
    }
    co_await claim(step.key);
    std::optional<Millis> lasts;
    AdminAnswer answer;
    if (step.kept) {
        answer = AdminAnswer::ok(
            {{"key", step.key}, {"until", time_or_null(step.before->until)}, {"kept", true}});
    } else {
        if (step.until) {
            lasts = std::chrono::duration_cast<Millis>(*step.until - now);
        }
        answer = co_await set(std::move(step.key), std::move(step.value), lasts);
    }
    std::string warning;
    if (lasts && *lasts < token_life) {
        warning = "tokens live up to " + std::to_string(token_life.count()) +
                  " s: some of those revoked are good again after it";
    }
    if (keys_outlive(parts_.api_keys(), kind, who)) {
        warning += warning.empty() ? "" : "; ";
        warning += "API keys go on: ban them or their tenant";
    }
    if (!answer.code && !warning.empty()) {
        answer.body.as_object()["warning"] = warning;
    }
    co_return answer;
}

Task<AdminAnswer> Operations::set_maintenance(AdminCall call) {
    const std::string text = text_of(call.body, "mode");
    // In the store nothing is "off"; here somebody has forgotten to say it.
    const auto mode = text.empty() ? std::nullopt : state::parse_maintenance(text);
    if (!mode) {
        co_return bad_request(R"(which? {"mode": "read-only"}, "down" or "off")");
    }
    const std::string service = text_of(call.body, "service");
    const state::Known& known_now = *parts_.known.current();
    const WallTime now = parts_.loop.clock().wall;
    // A service that is no longer configured may still be closed.
    const bool known = service.empty() || parts_.breakers.find(service) != nullptr ||
                       (*mode == state::Maintenance::off &&
                        known_now.maintenance_of(service, now).mode != state::Maintenance::off);
    if (!known) {
        co_return bad_request(
            "there is no such service; without `service` it is the whole platform");
    }
    const std::string key = "maintenance:mode" + (service.empty() ? "" : ":" + service);
    const std::string banner = text_of(call.body, "banner");
    if (*mode == state::Maintenance::off) {
        if (!banner.empty()) {
            co_return bad_request(
                "off takes the banner down; a banner without maintenance is the key "
                "maintenance:banner of the state");
        }
        // The banner is of everything: it stays while something else is closed.
        const bool others_closed =
            std::ranges::any_of(known_now.services_in_maintenance(now),
                                [&](const auto& one) { return one.service != service; }) ||
            known_now.maintenance(now) != state::Maintenance::off;
        std::vector<std::string> keys{key};
        if (service.empty() || !others_closed) {
            keys.emplace_back("maintenance:banner");
        }
        const Result<std::int64_t> done = co_await parts_.store.erase(std::move(keys));
        co_return done ? AdminAnswer::ok(what_windows_hold(*parts_.known.current(), service, now))
                       : store_away(done.error());
    }
    const auto lifetime = lifetime_of(call.body);
    if (!lifetime) {
        co_return bad_request(kLifetimeWanted);
    }
    if (!banner.empty()) {
        AdminAnswer answer = co_await set("maintenance:banner", banner, lifetime->ttl);
        if (answer.code) {
            co_return answer;
        }
    }
    co_return co_await set(key, std::string(state::name_of(*mode)), lifetime->ttl);
}

Task<AdminAnswer> Operations::list_breakers(AdminCall) {
    const Instant now = parts_.loop.now();
    boost::json::object breakers;
    parts_.breakers.each([&](const upstream::Breaker& breaker) {
        const upstream::BreakerSnapshot found = breaker.snapshot(now);
        const auto seconds = [](Instant::duration time) {
            return std::chrono::duration_cast<std::chrono::seconds>(time).count();
        };
        boost::json::object entry{{"state", upstream::name_of(found.state)},
                                  {"forced", found.forced},
                                  {"why", found.why},
                                  {"rejects", found.rejects}};
        if (found.since != Instant{}) {
            entry["forSeconds"] = seconds(now - found.since);
        }
        if (found.state == upstream::BreakerState::open) {
            entry["nextTrySeconds"] = std::max<std::int64_t>(0, seconds(found.next_try - now));
        }
        breakers[breaker.name()] = std::move(entry);
    });
    co_return AdminAnswer::ok(std::move(breakers));
}

// Here, or, with `everywhere`, by a key that all gateways follow.
Task<AdminAnswer> Operations::force_breaker(AdminCall call) {
    const std::string knob = std::string(kBreakerKnob) + call.parameters[0];
    const std::string state = text_of(call.body, "state");
    if (parts_.breakers.find(call.parameters[0]) == nullptr) {
        co_return AdminAnswer::refused(Code::not_found, "there is no service of that name");
    }
    if (state == "auto") {
        AdminAnswer lifted = co_await lift(knob, call);
        if (!lifted.code) {
            lifted.body = {{"state", "auto"}};
        }
        co_return lifted;
    }
    if (state != "open" && state != "closed") {
        co_return bad_request(R"(which? {"state": "open"}, "closed" or "auto")");
    }
    const auto lifetime = lifetime_of(call.body);
    if (!lifetime || !lifetime->ttl) {
        co_return bad_request(R"(say for how long: {"seconds": 600})");
    }
    AdminAnswer answer = co_await turn(
        knob, state == "open" ? upstream::BreakerState::open : upstream::BreakerState::closed,
        *lifetime, call);
    if (!answer.code) {
        answer.body.as_object()["state"] = state;
        answer.body.as_object()["seconds"] = call.body["seconds"];
    }
    co_return answer;
}

Task<AdminAnswer> Operations::turn(std::string knob, KnobSetting setting, Lifetime lifetime,
                                   AdminCall call, bool until_reload) {
    const WallTime now = parts_.loop.clock().wall;
    KnobValue value{std::move(setting),
                    {.by = call.by,
                     .reason = text_of(call.body, "reason"),
                     .since = now,
                     .until = lifetime.ttl ? std::optional(now + *lifetime.ttl) : std::nullopt}};
    boost::json::object answer{{"knob", knob},
                               {"until", time_or_null(value.note.until)},
                               {"everywhere", truth_of(call.body, "everywhere")}};
    if (truth_of(call.body, "everywhere")) {
        const Result<bool> done =
            co_await parts_.store.set("knob:" + knob, write_knob(value), {.ttl = lifetime.ttl});
        co_return done ? AdminAnswer::ok(std::move(answer)) : store_away(done.error());
    }
    parts_.knobs.set_here(knob, std::move(value), until_reload);
    co_return AdminAnswer::ok(std::move(answer));
}

Task<AdminAnswer> Operations::lift(std::string knob, AdminCall call) {
    if (truth_of(call.body, "everywhere")) {
        const Result<std::int64_t> done = co_await parts_.store.erase({"knob:" + knob});
        co_return done ? AdminAnswer::ok({{"knob", knob}, {"lifted", *done > 0}})
                       : store_away(done.error());
    }
    const bool lifted = parts_.knobs.lift_here(knob);
    if (!lifted && parts_.knobs.find(knob) != nullptr) {
        co_return bad_request(R"(that was set on all gateways: say {"everywhere": true})");
    }
    co_return AdminAnswer::ok({{"knob", knob}, {"lifted", lifted}});
}

// Here at once, and elsewhere by a key that all gateways follow.
Task<AdminAnswer> Operations::purge_cache(AdminCall call) {
    const auto* all = call.body.if_contains("all");
    std::string what = all != nullptr && all->is_bool() && all->as_bool() ? "all" : "";
    int said = what.empty() ? 0 : 1;
    for (const std::string_view name : {"path", "tag", "tenant"}) {
        if (const std::string text = text_of(call.body, name); !text.empty()) {
            what = std::string(name) + ":" + text;
            ++said;
        }
    }
    const auto purge = gateway::parse_purge(what);
    if (said != 1 || !purge) {
        co_return bad_request(
            R"(what? {"path": "/api/v1/events/42"} without its query, "/api/v1/events/**" for all )"
            R"(below, "tag", "tenant", or {"all": true})");
    }
    const std::size_t count = parts_.answers.purge(*purge);
    constexpr std::chrono::seconds kSeen{60};  // by gateways that are away for a moment
    AdminAnswer answer = co_await set("cache:purge:" + what,
                                      std::to_string(epoch_ms(parts_.loop.clock().wall)), kSeen);
    if (answer.code) {
        answer.detail = "purged by this gateway only; " + answer.detail;
        co_return answer;
    }
    co_return AdminAnswer::ok({{"purged", what}, {"here", count}});
}

// Without a lifetime it ends with the next start or configuration, as it always did.
Task<AdminAnswer> Operations::set_log_level(AdminCall call) {
    const std::string name = text_of(call.body, "level");
    const std::string knob(kLogLevelKnob);
    if (name == "auto") {
        AdminAnswer lifted = co_await lift(knob, call);
        if (!lifted.code) {
            lifted.body = {{"level", "auto"}};
        }
        co_return lifted;
    }
    const auto level = parse_log_level(name);
    if (!level) {
        co_return bad_request("which? DEBUG, INFO, WARN, ERROR, or auto: as configured");
    }
    const auto lifetime = lifetime_of(call.body);
    if (!lifetime && (truth_of(call.body, "everywhere") || call.body.contains("seconds"))) {
        co_return bad_request(kLifetimeWanted);
    }
    AdminAnswer answer =
        co_await turn(knob, *level, lifetime.value_or(Lifetime{}), call, !lifetime);
    if (!answer.code) {
        answer.body.as_object()["level"] = name;
    }
    co_return answer;
}

Task<AdminAnswer> Operations::list_knobs(AdminCall) {
    co_return AdminAnswer::ok({{"knobs", parts_.knobs.json()}});
}

}  // namespace gw::control
