#include "cli/evidence.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <tuple>

#include "observe/timestamp.hpp"
#include "state/banned_value.hpp"

namespace gw::cli {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kRequest = "request";
constexpr std::string_view kStarted = "gateway started";
constexpr std::string_view kStopped = "gateway stopped";
constexpr std::string_view kDropped = "log lines were dropped";
constexpr std::string_view kLeftOut = "the log level left out lines of requests for a time";
constexpr std::int64_t kRefusals = 400;

std::optional<object> parsed(std::string_view line) {
    boost::system::error_code error;
    boost::json::value value = boost::json::parse(line, error);
    return error || !value.is_object() ? std::nullopt
                                       : std::optional<object>(std::move(value.as_object()));
}

std::string text_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::int64_t number_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_int64() ? found->as_int64() : 0;
}

std::string lines_of(const std::string& gateway) {
    return gateway.empty() ? "the lines" : "the lines of " + gateway;
}

// What a service may have made of something else than its caller's own, without that the gateway
// can tell.
bool reaches_others(std::string_view kind) {
    return kind == "injection" || kind == "path_traversal";
}

bool is_same(const std::string& wanted, const std::string& found) {
    return !wanted.empty() && wanted == found;
}

}  // namespace

std::string_view name_of(Accessed answer) {
    return answer == Accessed::yes ? "yes" : answer == Accessed::no ? "no" : "unknown";
}

bool Evidence::in_time(std::string_view time) const {
    return time >= since_ && (until_.empty() || time < until_);
}

bool Evidence::is_watched(std::string_view time) const {
    return time >= since_ && (settled_.empty() || time < settled_);
}

bool Evidence::was_under_way(const object& fields, const std::string& time) const {
    if (time < since_ || until_.empty() || time < until_) {
        return time >= since_;
    }
    constexpr double kMost = 1e12;  // some thirty years, so that no sum overflows
    const auto end = state::read_time(time);
    const auto* took = fields.if_contains("durationMs");
    if (!end || took == nullptr || !took->is_number()) {
        return true;
    }
    const double ms = std::clamp(took->to_number<double>(), 0.0, kMost);
    // A millisecond more than it says: it is rounded, as the time is.
    observe::Timestamp begin;
    return begin.text(*end - Millis(static_cast<std::int64_t>(ms) + 1)) < until_;
}

void Evidence::keep(std::vector<std::string>& list, std::string_view line) {
    if (list.size() < kLinesMax) {
        list.emplace_back(line);
    } else {
        note_gap("more lines than are looked at; ask for a shorter time");
    }
}

void Evidence::notice(const object& fields, const std::string& time) {
    // Without a line of that level those of requests may have been left out as well.
    const bool informs = text_in(fields, "level") == "INFO";
    informed_ = informed_ || (in_time(time) && informs);
    if (!time.empty()) {
        Gateway& gateway = gateways_[text_in(fields, "instanceId")];
        const auto is_first = [&](const std::string& known) {
            return known.empty() || time < known;
        };
        gateway.begins = is_first(gateway.begins) ? time : gateway.begins;
        gateway.ends = std::max(gateway.ends, time);
        gateway.informs = gateway.informs || informs;
        const std::string message = text_in(fields, "msg");
        if (message == kStarted || message == kStopped) {
            gateway.changes.emplace(time, message == kStarted);
        } else if (message == kRequest && is_first(gateway.serves)) {
            gateway.serves = time;
        }
    }
    const auto look = [&](const std::string& wanted, std::string& named,
                          std::initializer_list<std::string_view> places) {
        for (const std::string_view place : places) {
            if (named.empty() && is_same(wanted, text_in(fields, place))) {
                named = wanted;
            }
        }
    };
    look(subject_.user, named_.user, {"userId"});
    look(subject_.address, named_.address, {"ip"});
    look(subject_.tenant, named_.tenant, {"tenantId", "sourceTenant", "targetTenant"});
}

// What is below WARN is left out until the level is another one again.
void Evidence::note_level(const object& fields, const std::string& time) {
    const auto leaves_out = [&](std::string_view end) {
        const std::string level = text_in(fields, end);
        return level == "WARN" || level == "ERROR";
    };
    if (is_watched(time)) {
        if (leaves_out("from") || leaves_out("to")) {
            note_gap(std::string(kLeftOut));
        }
    } else if (time < since_) {
        gateways_[text_in(fields, "instanceId")].left_out_before = leaves_out("to");
    }
}

// A restart without a word (killed, crashed) loses the lines of what was under way. While one
// process takes over from another, two are running.
Evidence::Processes Evidence::processes_of(const Gateway& gateway) const {
    const auto& changes = gateway.changes;
    const bool served_before =
        !gateway.serves.empty() && !changes.empty() && gateway.serves < changes.begin()->first;
    std::size_t running = changes.empty() || served_before ? 1 : 0;
    std::vector<std::string> beside;  // when one began while another had not ended
    for (const auto& [time, started] : changes) {
        if (started) {
            if (running > 0) {
                beside.push_back(time);
            }
            ++running;
            continue;
        }
        if (!beside.empty()) {
            beside.erase(beside.begin());
        }
        running -= running > 0 ? 1 : 0;
    }
    return {.runs = running > 0, .lost = std::ranges::any_of(beside, [&](const auto& began) {
                                     return is_watched(began);
                                 })};
}

void Evidence::add_gaps_of_gateways(std::set<std::string>& gaps) const {
    std::string running;
    for (const auto& [name, gateway] : gateways_) {
        if (gateway.left_out_before) {
            gaps.insert(std::string(kLeftOut));
        }
        if (gateway.begins > since_) {
            gaps.insert(lines_of(name) + " begin at " + gateway.begins +
                        ", later than was asked for: give older files, or --since " +
                        gateway.begins);
        }
        if (!gateway.informs) {
            gaps.insert("none of " + lines_of(name) +
                        " is INFO: LOG_LEVEL leaves out lines of requests");
        }
        const Processes processes = processes_of(gateway);
        if (processes.lost) {
            gaps.insert("a process began in place of one that did not say that it ended (" +
                        lines_of(name) + "): what was under way there has no line");
        }
        if (processes.runs && (settled_.empty() || gateway.ends < settled_)) {
            running += (running.empty() ? "" : ", ") + lines_of(name) + " end at " + gateway.ends;
        }
    }
    if (!running.empty()) {
        gaps.insert("what is under way has no line before it ends (" + running + "): " +
                    (settled_.empty()
                         ? "say --until, some time before these"
                         : "newer lines are wanted, from " + settled_ +
                               " on, or a shorter --ended-within if nothing took as long") +
                    "; `contain` ends what somebody has under way");
    }
}

std::set<std::string> Evidence::gaps() const {
    std::set<std::string> gaps = gaps_;
    if (gateways_.empty()) {
        gaps.insert("no line of a gateway is there");
        return gaps;
    }
    add_gaps_of_gateways(gaps);
    if (!informed_) {
        gaps.insert("there is no INFO line of that time: LOG_LEVEL leaves out lines of requests");
    }
    if (passed_on()) {
        gaps.insert(
            "what looks like an injection or a path was passed on: whose data the answer holds, no "
            "line tells");
    }
    for (const auto& [what, wanted, named] : {std::tuple{"user", &subject_.user, &named_.user},
                                              {"tenant", &subject_.tenant, &named_.tenant},
                                              {"address", &subject_.address, &named_.address}}) {
        if (*wanted != *named) {
            gaps.insert("no line names " + std::string(what) + " " + *wanted +
                        ": is it spelt as lines have it?");
        }
    }
    if (attempts_missing()) {
        gaps.insert("the audit record has more attempts than the log");
    }
    return gaps;
}

void Evidence::find_attempts(std::string_view line) {
    const bool access = line.find(R"("durationMs":)") != std::string_view::npos;
    const auto fields = parsed(line);
    if (!fields) {
        if (!line.empty()) {
            note_gap("lines that are not the gateway's");
        }
        return;
    }
    const std::string time = text_in(*fields, "time");
    const std::string message = text_in(*fields, "msg");
    notice(*fields, time);
    if (message == "log level changed") {
        note_level(*fields, time);
    }
    if (is_watched(time)) {
        if (access && message == kRequest && fields->contains("sampled")) {
            note_gap("log_success_share left out lines of requests that went well");
        }
        if (message.starts_with(kDropped)) {
            note_gap("the gateway dropped log lines");
        }
    }
    if (!in_time(time) || (access && message == kRequest)) {
        return;
    }
    const bool cross_tenant = message.find("cross-tenant") != std::string::npos;
    if (!cross_tenant && message != "security violation") {
        return;
    }
    Attempt attempt{.time = time,
                    .id = text_in(*fields, "requestId"),
                    .kind = text_in(*fields, "violationType"),
                    .user = text_in(*fields, "userId"),
                    .address = text_in(*fields, "ip"),
                    .source = text_in(*fields, cross_tenant ? "sourceTenant" : "tenantId"),
                    .target = text_in(*fields, "targetTenant"),
                    .venue = text_in(*fields, "targetVenue"),
                    .resource = text_in(*fields, cross_tenant ? "resource" : "detail"),
                    .status = number_in(*fields, "status"),
                    .cross_tenant = cross_tenant};
    if (!is_same(subject_.user, attempt.user) && !is_same(subject_.address, attempt.address) &&
        !is_same(subject_.tenant, attempt.source) && !is_same(subject_.tenant, attempt.target)) {
        return;
    }
    keep(lines_, line);
    ids_.insert(attempt.id);
    attempts_.push_back(std::move(attempt));
}

void Evidence::find_requests(std::string_view line) {
    if (line.find(R"("durationMs":)") == std::string_view::npos) {
        return;
    }
    const auto fields = parsed(line);
    if (!fields || text_in(*fields, "msg") != kRequest) {
        return;
    }
    const std::string time = text_in(*fields, "time");
    const std::string id = text_in(*fields, "requestId");
    const std::string user = text_in(*fields, "userId");
    const std::string address = text_in(*fields, "ip");
    const bool ours = is_same(subject_.user, user) || is_same(subject_.address, address) ||
                      is_same(subject_.tenant, text_in(*fields, "tenantId"));
    // An attempt's line comes before its request has ended, perhaps after the time asked for.
    const bool wanted = !id.empty() && ids_.contains(id);
    const bool counts = ours && was_under_way(*fields, time);
    if (!counts && !wanted) {
        return;
    }
    keep(lines_, line);
    requests_.emplace(id, Request{.time = time,
                                  .method = text_in(*fields, "method"),
                                  .path = text_in(*fields, "path"),
                                  .route = text_in(*fields, "route"),
                                  .outcome = text_in(*fields, "outcome"),
                                  .user = user,
                                  .address = address,
                                  .status = number_in(*fields, "status"),
                                  .bytes_out = number_in(*fields, "bytesOut"),
                                  .ours = counts});
}

void Evidence::find_records(std::string_view line) {
    const auto fields = parsed(line);
    if (!fields || !in_time(text_in(*fields, "time"))) {
        return;
    }
    const std::string detail = text_in(*fields, "detail");
    const bool cross_tenant = detail.starts_with("target ");
    const bool targeted = cross_tenant && !subject_.tenant.empty() &&
                          detail.starts_with("target " + subject_.tenant + " by ");
    if (!targeted && !is_same(subject_.user, text_in(*fields, "requester")) &&
        !is_same(subject_.address, text_in(*fields, "address")) &&
        !is_same(subject_.tenant, text_in(*fields, "tenant"))) {
        return;
    }
    recorded_ += cross_tenant ? 1 : 0;
    keep(records_, line);
}

// Clients may choose the id of a request, and choose the same for two: what the lines of one id say
// counts only if they all say it.
Evidence::Verdict Evidence::verdict_on(const Attempt& attempt) const {
    if (attempt.id.empty()) {
        return {.why = "its line has no request id"};
    }
    const auto [first, last] = requests_.equal_range(attempt.id);
    if (first == last) {
        return {.why = "the line of its request is not there"};
    }
    std::size_t served = 0;
    std::size_t refused = 0;
    std::int64_t bytes = 0;
    for (auto at = first; at != last; ++at) {
        if (at->second.status < kRefusals) {
            ++served;
            bytes += at->second.bytes_out;
        } else if (at->second.status == attempt.status || attempt.status < kRefusals) {
            ++refused;
        }
    }
    const auto all = static_cast<std::size_t>(std::distance(first, last));
    if (served == all) {
        return {.accessed = Accessed::yes, .bytes = bytes, .why = "served"};
    }
    if (refused == all) {
        return {.accessed = Accessed::no, .why = "blocked"};
    }
    return {.bytes = bytes, .why = "requests with the same id ended differently"};
}

bool Evidence::attempts_missing() const {
    return std::ranges::count(attempts_, true, &Attempt::cross_tenant) <
           static_cast<std::ptrdiff_t>(recorded_);
}

bool Evidence::passed_on() const {
    return std::ranges::any_of(attempts_, [this](const Attempt& attempt) {
        return !attempt.cross_tenant && reaches_others(attempt.kind) &&
               verdict_on(attempt).accessed != Accessed::no;
    });
}

Accessed Evidence::crossed() const {
    Accessed answer = gaps().empty() ? Accessed::no : Accessed::unknown;
    for (const Attempt& attempt : attempts_) {
        if (attempt.cross_tenant) {
            answer = std::max(answer, verdict_on(attempt).accessed);
        }
    }
    return answer;
}

Accessed Evidence::answer() const {
    Accessed answer = crossed();
    for (const Attempt& attempt : attempts_) {
        answer = std::max(answer, verdict_on(attempt).accessed);
    }
    const bool served = std::ranges::any_of(requests_, [](const auto& request) {
        return request.second.ours && request.second.status < kRefusals;
    });
    return served ? Accessed::yes : answer;
}

object Evidence::report() const {
    array attempts;
    for (const Attempt& attempt : attempts_) {
        const Verdict verdict = verdict_on(attempt);
        attempts.push_back({{"time", attempt.time},
                            {"requestId", attempt.id},
                            {"crossTenant", attempt.cross_tenant},
                            {"kind", attempt.kind},
                            {"userId", attempt.user},
                            {"ip", attempt.address},
                            {"sourceTenant", attempt.source},
                            {"targetTenant", attempt.target},
                            {"targetVenue", attempt.venue},
                            {"resource", attempt.resource},
                            {"status", attempt.status},
                            {"accessed", name_of(verdict.accessed)},
                            {"bytesOut", verdict.bytes},
                            {"why", verdict.why}});
    }
    struct Sum {
        std::int64_t requests = 0;
        std::int64_t bytes = 0;
        std::string first;
        std::string last;
    };
    std::map<std::pair<std::string, bool>, Sum> sums;
    Sum served;
    for (const auto& [id, request] : requests_) {
        if (!request.ours) {
            continue;
        }
        Sum& sum = sums[{request.method + " " + request.route, request.status < kRefusals}];
        ++sum.requests;
        sum.bytes += request.bytes_out;
        if (request.status < kRefusals) {
            ++served.requests;
            served.bytes += request.bytes_out;
        }
        if (sum.first.empty() || request.time < sum.first) {
            sum.first = request.time;
        }
        sum.last = std::max(sum.last, request.time);
    }
    array allowed;
    array refused;
    for (const auto& [key, sum] : sums) {
        (key.second ? allowed : refused)
            .push_back({{"route", key.first},
                        {"requests", sum.requests},
                        {"bytesOut", sum.bytes},
                        {"first", sum.first},
                        {"last", sum.last}});
    }
    array missing;
    for (const std::string& gap : gaps()) {
        missing.emplace_back(gap);
    }
    return {{"accessed", name_of(answer())},
            {"otherTenants", name_of(crossed())},
            {"served", {{"requests", served.requests}, {"bytesOut", served.bytes}}},
            {"subject",
             {{"user", subject_.user}, {"tenant", subject_.tenant}, {"ip", subject_.address}}},
            {"since", since_},
            {"until", until_},
            {"endedBy", settled_},
            {"attempts", std::move(attempts)},
            {"allowed", std::move(allowed)},
            {"refused", std::move(refused)},
            {"auditRecords", records_.size()},
            {"gaps", std::move(missing)}};
}

}  // namespace gw::cli
