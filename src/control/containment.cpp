#include "control/containment.hpp"

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>

#include "control/admin_body.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using gateway::Code;
using net::Task;
using std::chrono::seconds;

constexpr std::int64_t kSecondsMax = 365LL * 86'400;
// The report outlives the containment: somebody will ask.
constexpr seconds kReportKept{30LL * 86'400};
// More than were ever done on top of each other; what is further back is in force.
constexpr std::size_t kRecordsMax = 64;

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

std::optional<Millis> left_until(const std::optional<WallTime>& until, WallTime now) {
    return until ? std::optional(
                       std::max(Millis(1), std::chrono::duration_cast<Millis>(*until - now)))
                 : std::nullopt;
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
        Result<std::optional<Standing>> found = co_await standing(step.key);
        if (!found) {
            co_return std::unexpected(found.error());
        }
        meet(step, std::move(*found), loop_.clock().wall);
    }
    co_return Result<void>{};
}

Task<Result<std::optional<Standing>>> Containment::standing(std::string key) {
    Result<std::optional<state::KnownEntry>> there = co_await store_.get(key);
    if (!there) {
        co_return std::unexpected(there.error());
    }
    if (!*there) {
        co_return std::optional<Standing>();
    }
    Result<std::optional<state::KnownEntry>> holder = co_await store_.get(holder_key(key));
    if (!holder) {
        co_return std::unexpected(holder.error());
    }
    co_return Standing{.value = std::move((*there)->value),
                       .until = (*there)->expires,
                       .containment = *holder ? std::move((*holder)->value) : std::string()};
}

Task<Result<void>> Containment::write(std::string key, Standing what) {
    const auto ttl = left_until(what.until, loop_.clock().wall);
    const Result<bool> done = co_await store_.set(key, std::move(what.value), {.ttl = ttl});
    if (!done) {
        co_return std::unexpected(done.error());
    }
    if (what.containment.empty()) {
        const Result<std::int64_t> gone = co_await store_.erase({holder_key(key)});
        co_return gone ? Result<void>{} : std::unexpected(gone.error());
    }
    const Result<bool> noted =
        co_await store_.set(holder_key(key), std::move(what.containment), {.ttl = ttl});
    co_return noted ? Result<void>{} : std::unexpected(noted.error());
}

Task<Result<ContainRecords>> Containment::records_before(std::vector<std::string> wanted) {
    ContainRecords records;
    while (!wanted.empty() && records.size() < kRecordsMax) {
        const std::string id = std::move(wanted.back());
        wanted.pop_back();
        if (records.contains(id)) {
            continue;
        }
        const Result<std::optional<state::KnownEntry>> found =
            co_await store_.get(std::string(kContainmentKeys) + id);
        if (!found) {
            co_return std::unexpected(found.error());
        }
        boost::system::error_code error;
        const boost::json::value value =
            *found ? boost::json::parse((*found)->value, error) : boost::json::value();
        if (error || !value.is_object()) {
            continue;
        }
        const auto& read = records.emplace(id, read_contain_record(value.as_object()));
        std::ranges::copy(held_before(read.first->second), std::back_inserter(wanted));
    }
    co_return records;
}

boost::json::array Containment::shown(const std::vector<ContainStep>& steps) const {
    boost::json::array out;
    for (const ContainStep& step : steps) {
        boost::json::object entry{{"key", step.key},
                                  {"effect", effect_of(step)},
                                  {"until", time_or_null(step.until)},
                                  {"kept", step.kept},
                                  {"written", step.kept ? "" : step.value},
                                  {"untilMs", nullptr},
                                  {"before", standing_json(step.before)}};
        if (step.until && !step.kept) {
            entry["untilMs"] = epoch_ms(*step.until);
        }
        constexpr std::string_view kAddress = "banned:ip:";
        if (step.key.starts_with(kAddress)) {
            if (const auto block = state::parse_banned_block(step.key.substr(kAddress.size()))) {
                entry["usersLastHour"] = watch_.users_of(block->base);
            }
        }
        if (step.kept) {
            entry["until"] = time_or_null(step.before ? step.before->until : std::nullopt);
        } else if (is_ban(step.key) && step.before && step.value != step.before->value) {
            entry["extends"] = true;
        }
        out.push_back(std::move(entry));
    }
    return out;
}

Task<AdminAnswer> Containment::contain(AdminCall call) {
    const auto targets = read_contain_targets(call.body);
    if (!targets) {
        co_return bad_request(targets.error());
    }
    const auto* length = call.body.if_contains("seconds");
    if (length == nullptr || !length->is_int64() || length->as_int64() < 1 ||
        length->as_int64() > kSecondsMax) {
        co_return bad_request(R"(say for how long, at most a year: {"seconds": 86400})");
    }
    const std::string reason = text_in(call.body, "reason").value_or("");
    if (reason.empty()) {
        co_return bad_request(R"(say why: {"reason": "incident 7"})");
    }
    const WallTime now = loop_.clock().wall;
    const WallTime until = now + seconds(length->as_int64());
    std::vector<ContainStep> steps = contain_steps(*targets, reason, call.by, now, until);
    if (const Result<void> looked = co_await look(&steps); !looked) {
        co_return store_away(looked.error());
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
    const Result<bool> noted =
        co_await store_.set(std::string(kContainmentKeys) + std::string(id.data(), id.size()),
                            boost::json::serialize(report),
                            {.ttl = std::chrono::duration_cast<Millis>(until - now + kReportKept)});
    if (!noted) {
        co_return store_away(noted.error());
    }
    boost::json::array failed;
    for (const ContainStep& step : steps) {
        if (step.kept) {
            continue;
        }
        const Result<void> done =
            co_await write(step.key, {.value = step.value,
                                      .until = step.until,
                                      .containment = std::string(id.data(), id.size())});
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
        co_await store_.get(std::string(kContainmentKeys) + call.parameters[0]);
    if (!found) {
        co_return store_away(found.error());
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
    const std::string id = call.parameters[0];
    AdminAnswer found = co_await report(std::move(call));
    if (found.code) {
        co_return found;
    }
    boost::json::object& report = found.body.as_object();
    const ContainRecord record = read_contain_record(report);
    const Result<ContainRecords> records = co_await records_before(held_before(record));
    if (!records) {
        co_return store_away(records.error());
    }
    const WallTime now = loop_.clock().wall;
    boost::json::array lifted;
    boost::json::array restored;
    boost::json::array left;
    for (const RecordedStep& step : record.steps) {
        const Result<std::optional<Standing>> there = co_await standing(step.key);
        if (!there) {
            co_return store_away(there.error());
        }
        if (const std::string why = why_not_its_own(step, *there, id); !why.empty()) {
            left.push_back({{"key", step.key}, {"why", why}});
            continue;
        }
        if (std::optional<Standing> back = what_comes_back(step, *records, now)) {
            restored.push_back({{"key", step.key}, {"until", time_or_null(back->until)}});
            const Result<void> done = co_await write(step.key, std::move(*back));
            if (!done) {
                co_return store_away(done.error());
            }
            continue;
        }
        const Result<std::int64_t> done = co_await store_.erase({step.key, holder_key(step.key)});
        if (!done) {
            co_return store_away(done.error());
        }
        lifted.push_back(boost::json::string(step.key));
    }
    report["undone"] = rfc3339(now);
    const Result<bool> noted =
        co_await store_.set(std::string(kContainmentKeys) + id, boost::json::serialize(report),
                            {.ttl = std::chrono::duration_cast<Millis>(kReportKept)});
    if (!noted) {
        co_return store_away(noted.error());
    }
    co_return AdminAnswer::ok({{"id", id},
                               {"undone", rfc3339(now)},
                               {"lifted", std::move(lifted)},
                               {"restored", std::move(restored)},
                               {"left", std::move(left)}});
}

}  // namespace gw::control
