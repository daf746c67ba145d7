#include "control/containment.hpp"

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "observe/timestamp.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using gateway::Code;
using net::Task;
using std::chrono::seconds;

constexpr std::int64_t kSecondsMax = 365LL * 86'400;
// The report outlives the containment: somebody will ask.
constexpr seconds kReportKept{30LL * 86'400};
constexpr std::string_view kPrefix = "containment:";

std::string rfc3339(WallTime time) {
    observe::Timestamp timestamp;
    return std::string(timestamp.text(time));
}

std::int64_t millis_of(WallTime time) {
    return std::chrono::duration_cast<Millis>(time.time_since_epoch()).count();
}

boost::json::value time_or_null(const std::optional<WallTime>& time) {
    return time ? boost::json::value(rfc3339(*time)) : boost::json::value(nullptr);
}

AdminAnswer bad(std::string detail) {
    return AdminAnswer::refused(Code::bad_request, std::move(detail));
}

AdminAnswer store_failed(const Error& error) {
    return AdminAnswer::refused(Code::no_healthy_upstream,
                                std::string("the state store: ") + error.detail);
}

std::optional<std::string> text_in(const boost::json::object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    return value != nullptr && value->is_string() ? std::optional<std::string>(value->as_string())
                                                  : std::nullopt;
}

const char* effect_of(const ContainStep& step) {
    if (step.kept) {
        return "kept: what is there holds at least as long";
    }
    if (is_ban(step.key)) {
        return "403 from now on, and what is in flight ends";
    }
    return names_a_moment(step.key) ? "401 for tokens issued until now" : "401 for this token";
}

boost::json::value before_json(const std::optional<state::KnownEntry>& before) {
    if (!before) {
        return nullptr;
    }
    boost::json::object out{{"value", before->value}, {"untilMs", nullptr}};
    if (before->expires) {
        out["untilMs"] = millis_of(*before->expires);
    }
    return out;
}

struct Previous {
    std::string value;
    std::optional<WallTime> until;
};
std::optional<Previous> previous_of(const boost::json::object& step) {
    const auto* before = step.if_contains("before");
    if (before == nullptr || !before->is_object()) {
        return std::nullopt;
    }
    const auto value = text_in(before->as_object(), "value");
    if (!value) {
        return std::nullopt;
    }
    Previous out{.value = *value, .until = std::nullopt};
    if (const auto* until = before->as_object().if_contains("untilMs");
        until != nullptr && until->is_int64()) {
        out.until = WallTime(Millis(until->as_int64()));
    }
    return out;
}

}  // namespace

void Containment::add_to(AdminApi& api) {
    using enum http::Method;
    const auto on = [&](http::Method method, std::string_view path, std::string_view summary,
                        Answer (Containment::*run)(AdminCall)) {
        api.add({.method = method,
                 .path = path,
                 .summary = summary,
                 .run = [this, run](AdminCall c) { return (this->*run)(std::move(c)); },
                 .dry_runs = path == "/containments"});
    };
    on(post, "/containments",
       "ban and revoke together: {users, tenants, addresses, tokens, seconds, reason, dryRun}",
       &Containment::contain);
    on(get, "/containments/{id}", "what a containment did", &Containment::report);
    on(delete_, "/containments/{id}", "undo a containment", &Containment::undo);
}

Task<Result<void>> Containment::look(std::vector<ContainStep>* steps) {
    for (ContainStep& step : *steps) {
        Result<std::optional<state::KnownEntry>> found = co_await store_.get(step.key);
        if (!found) {
            co_return std::unexpected(found.error());
        }
        meet(step, std::move(*found), loop_.clock().wall);
    }
    co_return Result<void>{};
}

boost::json::array Containment::shown(const std::vector<ContainStep>& steps) const {
    boost::json::array out;
    for (const ContainStep& step : steps) {
        boost::json::object entry{{"key", step.key},
                                  {"effect", effect_of(step)},
                                  {"until", time_or_null(step.until)},
                                  {"kept", step.kept},
                                  {"written", step.kept ? "" : step.value},
                                  {"before", before_json(step.before)}};
        constexpr std::string_view kAddress = "banned:ip:";
        if (step.key.starts_with(kAddress)) {
            if (const auto block = state::parse_banned_block(step.key.substr(kAddress.size()))) {
                entry["usersLastHour"] = watch_.users_of(block->base);
            }
        }
        if (step.kept) {
            entry["until"] = time_or_null(step.before ? step.before->expires : std::nullopt);
        } else if (is_ban(step.key) && step.before) {
            entry["extends"] = true;
        }
        out.push_back(std::move(entry));
    }
    return out;
}

Task<AdminAnswer> Containment::contain(AdminCall call) {
    const auto targets = read_contain_targets(call.body);
    if (!targets) {
        co_return bad(targets.error());
    }
    const auto* length = call.body.if_contains("seconds");
    if (length == nullptr || !length->is_int64() || length->as_int64() < 1 ||
        length->as_int64() > kSecondsMax) {
        co_return bad(R"(say for how long, at most a year: {"seconds": 86400})");
    }
    const std::string reason = text_in(call.body, "reason").value_or("");
    if (reason.empty()) {
        co_return bad(R"(say why: {"reason": "incident 7"})");
    }
    const WallTime now = loop_.clock().wall;
    const WallTime until = now + seconds(length->as_int64());
    std::vector<ContainStep> steps = contain_steps(*targets, reason, call.by, now, until);
    if (const Result<void> looked = co_await look(&steps); !looked) {
        co_return store_failed(looked.error());
    }
    const auto* dry = call.body.if_contains("dryRun");
    if (dry != nullptr && dry->is_bool() && dry->as_bool()) {
        co_return AdminAnswer::ok(
            {{"dryRun", true}, {"until", rfc3339(until)}, {"steps", shown(steps)}});
    }
    std::array<char, 36> id{};
    random_.uuid(id);
    boost::json::object report{{"id", std::string(id.data(), id.size())},
                               {"by", call.by},
                               {"reason", reason},
                               {"since", rfc3339(now)},
                               {"until", rfc3339(until)},
                               {"undone", nullptr},
                               {"steps", shown(steps)}};
    // First, so that what an unlucky end leaves half done can still be undone.
    const Result<bool> noted = co_await store_.set(
        std::string(kPrefix) + std::string(id.data(), id.size()), boost::json::serialize(report),
        {.ttl = std::chrono::duration_cast<Millis>(until - now + kReportKept)});
    if (!noted) {
        co_return store_failed(noted.error());
    }
    boost::json::array failed;
    for (const ContainStep& step : steps) {
        if (step.kept) {
            continue;
        }
        std::optional<Millis> ttl;
        if (step.until) {
            ttl = std::chrono::duration_cast<Millis>(*step.until - now);
        }
        const Result<bool> done = co_await store_.set(step.key, step.value, {.ttl = ttl});
        if (!done) {
            failed.push_back({{"key", step.key}, {"why", done.error().detail}});
        }
    }
    report["complete"] = failed.empty();
    report["failed"] = std::move(failed);
    co_return AdminAnswer::ok(std::move(report));
}

Task<AdminAnswer> Containment::report(AdminCall call) {
    const Result<std::optional<state::KnownEntry>> found =
        co_await store_.get(std::string(kPrefix) + call.parameters[0]);
    if (!found) {
        co_return store_failed(found.error());
    }
    boost::system::error_code error;
    boost::json::value value =
        *found ? boost::json::parse((*found)->value, error) : boost::json::value();
    if (error || !value.is_object()) {
        co_return AdminAnswer::refused(Code::not_found, "there is no such containment");
    }
    co_return AdminAnswer::ok(std::move(value));
}

Task<AdminAnswer> Containment::undo(AdminCall call) {
    const std::string key = std::string(kPrefix) + call.parameters[0];
    AdminAnswer found = co_await report(std::move(call));
    const auto* steps = found.code ? nullptr : found.body.as_object().if_contains("steps");
    if (steps == nullptr || !steps->is_array()) {
        co_return found;
    }
    const WallTime now = loop_.clock().wall;
    boost::json::array lifted;
    boost::json::array left;
    for (const boost::json::value& item : steps->as_array()) {
        const boost::json::object* step = item.if_object();
        const auto name = step == nullptr ? std::nullopt : text_in(*step, "key");
        const auto written = step == nullptr ? std::nullopt : text_in(*step, "written");
        // The record is a key like others: whoever can write it must not make us write any key.
        if (!name || !written || written->empty() ||
            !(is_ban(*name) || name->starts_with("revoked:"))) {
            continue;
        }
        const Result<std::optional<state::KnownEntry>> there = co_await store_.get(*name);
        if (!there) {
            co_return store_failed(there.error());
        }
        if (!*there || (*there)->value != *written) {
            left.push_back({{"key", *name}, {"why", "it was changed since"}});
            continue;
        }
        const auto before = previous_of(*step);
        if (before && (!before->until || *before->until > now)) {
            std::optional<Millis> ttl;
            if (before->until) {
                ttl = std::chrono::duration_cast<Millis>(*before->until - now);
            }
            const Result<bool> done = co_await store_.set(*name, before->value, {.ttl = ttl});
            if (!done) {
                co_return store_failed(done.error());
            }
        } else {
            const Result<std::int64_t> done = co_await store_.erase({*name});
            if (!done) {
                co_return store_failed(done.error());
            }
        }
        lifted.push_back(boost::json::string(*name));
    }
    boost::json::object& report = found.body.as_object();
    report["undone"] = rfc3339(now);
    const Result<bool> noted =
        co_await store_.set(key, boost::json::serialize(report),
                            {.ttl = std::chrono::duration_cast<Millis>(kReportKept)});
    if (!noted) {
        co_return store_failed(noted.error());
    }
    co_return AdminAnswer::ok({{"id", key.substr(kPrefix.size())},
                               {"undone", rfc3339(now)},
                               {"lifted", std::move(lifted)},
                               {"left", std::move(left)}});
}

}  // namespace gw::control
