#include "control/explain_operation.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "base/text.hpp"
#include "control/admin_body.hpp"
#include "control/limit_key.hpp"
#include "control/limit_operations.hpp"
#include "observe/json_line.hpp"

namespace gw::control {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using gateway::Code;
using gateway::Explanation;
using gateway::StageFinding;
using net::Task;
using Is = StageFinding::Is;
using Wrong = std::unexpected<std::string>;

constexpr std::size_t kTextMax = 16UL * 1024;  // of a head, as the gateway takes them

// Valid UTF-8, whatever was there: reasons of bans are anybody's.
value plain(std::string_view text) {
    std::string quoted = "\"";
    observe::append_escaped(quoted, text);
    boost::system::error_code error;
    value parsed = boost::json::parse(quoted + '"', error);
    return error ? value("") : parsed;
}

bool is_line(std::string_view text) {
    return std::ranges::all_of(text, is_text_char);
}

bool append_field(std::string& head, std::string_view name, std::string_view text, bool& host) {
    if (name.empty() || !std::ranges::all_of(name, is_token_char) || !is_line(text)) {
        return false;
    }
    host = host || equal_ignore_case(name, "host");
    head.append(name).append(": ").append(text).append("\r\n");
    return true;
}

std::string why_unserved(Code code) {
    return code == Code::maintenance ? "this or one that it needs is under maintenance"
           : code == Code::circuit_open
               ? "the breaker is open, its own or that of one that it needs"
               : "no address is known, of it or of one that it needs";
}

value finding_json(const StageFinding& finding) {
    object out{{"stage", finding.stage},
               {"verdict", gateway::name_of(finding.is)},
               {"why", plain(finding.why)}};
    if (finding.status != 0) {
        out["status"] = finding.status;
    }
    if (!finding.code.empty()) {
        out["code"] = finding.code;
    }
    return out;
}

}  // namespace

std::expected<gateway::ExplainRequest, std::string> supposed_request(const object& body) {
    const std::string method = text_of(body, "method");
    std::string url = text_of(body, "url");
    if (method.empty() || method.size() > 32 || !std::ranges::all_of(method, is_token_char) ||
        url.empty() || !is_line(url) || url.find(' ') != std::string::npos) {
        return Wrong(R"(which request? {"method": "GET", "url": "/api/v1/events/1"})");
    }
    gateway::ExplainRequest request;
    std::string authority;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (url.starts_with(scheme)) {
            request.secure = scheme == "https://";
            const std::size_t slash = std::min(url.find('/', scheme.size()), url.size());
            authority = url.substr(scheme.size(), slash - scheme.size());
            url = slash == url.size() ? "/" : url.substr(slash);
        }
    }
    bool host = false;
    std::string fields;
    const value* const headers = body.if_contains("headers");
    if (headers != nullptr && headers->is_object()) {
        for (const auto& [name, text] : headers->as_object()) {
            // A list: as many lines of that name.
            const boost::json::array lines =
                text.is_array() ? text.as_array() : boost::json::array{text};
            for (const value& line : lines) {
                if (!line.is_string() || !append_field(fields, name, line.as_string(), host)) {
                    return Wrong("a header field is a name and a text of one line, or several");
                }
            }
        }
    } else if (headers != nullptr && !headers->is_null()) {
        return Wrong(R"(headers are an object: {"X-Request-Id": "1"})");
    }
    if (!host) {
        fields.insert(0, "Host: " + (authority.empty() ? "localhost" : authority) + "\r\n");
    }
    request.text = method + " " + url + " HTTP/1.1\r\n" + fields + "\r\n";
    if (request.text.size() > kTextMax) {
        return Wrong("the request is larger than any that is taken");
    }
    const std::string address = text_of(body, "address");
    const auto peer = IpAddress::parse(address.empty() ? "127.0.0.1" : address);
    if (!peer) {
        return Wrong("the address is none: 203.0.113.7, or 2001:db8::1");
    }
    request.peer = *peer;
    return request;
}

std::optional<StageFinding> refused_for_a_part(
    const std::vector<gateway::PartToAsk>& parts,
    const std::function<std::optional<Code>(const std::string&)>& unserved) {
    std::vector<std::optional<Code>> failed(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
        failed[i] = parts[i].closed ? std::optional(Code::maintenance) : unserved(parts[i].service);
    }
    // Which one needs which has no order here: as often as a part may be behind others.
    for (std::size_t round = 0; round < parts.size(); ++round) {
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (const std::size_t needed : parts[i].needs) {
                failed[i] = failed[i] ? failed[i] : failed[needed];
            }
        }
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (failed[i] && parts[i].required) {
            const gateway::RefusalKind& kind = gateway::kind_of(*failed[i]);
            return StageFinding{"aggregate", Is::refuses, kind.status, std::string(kind.code),
                                "the part " + parts[i].name + " from " + parts[i].service +
                                    " is required, and " + why_unserved(*failed[i])};
        }
    }
    return std::nullopt;
}

void ExplainOperation::add_to(AdminApi& api) {
    api.add({.method = http::Method::post,
             .path = "/explain",
             .summary = "what would become of a request: {method, url, headers, address}; nothing "
                        "is asked, nothing counts",
             .run = [this](AdminCall call) { return explain(std::move(call)); },
             .looks = true,
             .secret_body = true});
}

Task<array> ExplainOperation::ask_limits(Explanation* found) {
    array out;
    const auto stage = std::ranges::find(found->stages, "rate_limit", &StageFinding::stage);
    for (const gateway::LimitToAsk& limit : found->limits) {
        const auto standing = co_await standing_of(&parts_.loop, &parts_.limits, limit.key,
                                                   limit.policy, limit.quota);
        object one{{"policy", limit.policy->name()},
                   {"who", plain(readable_key(limit.key))},
                   {"windowMs", limit.policy->window().count()},
                   {"dryRun", limit.policy->dry_run()},
                   {"requests", limit.quota->limit()},
                   {"remaining", nullptr},
                   {"blocked", false},
                   {"retryAfterSeconds", 0}};
        if (standing) {
            one["remaining"] = standing->remaining;
            one["blocked"] = standing->blocked;
            one["retryAfterSeconds"] =
                std::chrono::ceil<std::chrono::seconds>(standing->retry_after).count();
        }
        const bool refused = standing && (standing->blocked || standing->remaining == 0);
        out.push_back(std::move(one));
        if (refused && !limit.policy->dry_run() && stage != found->stages.end()) {
            *stage = {"rate_limit", Is::refuses, 429, "rate_limited",
                      "policy " + limit.policy->name() +
                          (standing->blocked ? ": blocked for a while" : ": none are left")};
            found->stages.erase(stage + 1, found->stages.end());
            found->service.clear();
            found->parts.clear();
            break;
        }
    }
    if (stage != found->stages.end() && stage->is == Is::goes_on && !found->limits.empty()) {
        stage->why = "counts under";
        for (const gateway::LimitToAsk& limit : found->limits) {
            stage->why += " " + limit.policy->name();
        }
    }
    co_return out;
}

object ExplainOperation::upstream_of(const Explanation& found) const {
    array endpoints;
    for (const EndpointBoard::Fact& fact : parts_.endpoints.facts()) {
        if (fact.service == found.service) {
            endpoints.push_back({{"endpoint", fact.endpoint}, {"asked", fact.well}});
        }
    }
    object sent;
    for (const auto& [name, text] : found.sent) {
        sent[name] = plain(text);
    }
    array dropped;
    for (const std::string& name : found.dropped) {
        dropped.emplace_back(name);
    }
    const upstream::BreakerSnapshot breaker =
        parts_.breakers.of(found.service).snapshot(parts_.loop.now());
    return {{"service", found.service},           {"path", plain(found.upstream_path)},
            {"timeoutMs", found.timeout.count()}, {"breaker", upstream::name_of(breaker.state)},
            {"breakerWhy", breaker.why},          {"endpoints", std::move(endpoints)},
            {"headers", std::move(sent)},         {"dropped", std::move(dropped)}};
}

std::optional<Code> ExplainOperation::unserved(const std::string& service) const {
    if (parts_.breakers.of(service).snapshot(parts_.loop.now()).state ==
        upstream::BreakerState::open) {
        return Code::circuit_open;
    }
    return parts_.endpoints.has_endpoint(service) ? std::nullopt
                                                  : std::optional(Code::no_healthy_upstream);
}

Task<AdminAnswer> ExplainOperation::explain(AdminCall call) {
    const auto request = supposed_request(call.body);
    if (!request) {
        co_return bad_request(request.error());
    }
    const gateway::ExplainParts parts = parts_.now();
    Explanation found = gateway::explain(parts, *request);
    array limits = co_await ask_limits(&found);
    const auto of_service = [this](const std::string& service) { return unserved(service); };
    if (auto refused = refused_for_a_part(found.parts, of_service)) {
        found.stages.back() = *std::move(refused);
    }
    object answer{
        {"client", found.client},        {"host", plain(found.host)},   {"user", plain(found.user)},
        {"tenant", plain(found.tenant)}, {"role", plain(found.role)},   {"route", found.route},
        {"path", plain(found.path)},     {"limits", std::move(limits)}, {"upstream", nullptr}};
    array stages;
    for (const StageFinding& finding : found.stages) {
        stages.push_back(finding_json(finding));
    }
    answer["stages"] = std::move(stages);
    const StageFinding& last = found.stages.back();
    std::string decides = last.stage;
    int status = last.status;
    if (!found.service.empty()) {
        object upstream = upstream_of(found);
        const auto refused = unserved(found.service);
        decides = refused == Code::circuit_open ? "breaker" : "upstream";
        status = refused ? gateway::kind_of(*refused).status : 0;
        answer["upstream"] = std::move(upstream);
    }
    answer["decides"] = decides;
    answer["status"] = status == 0 ? value(nullptr) : value(status);
    co_return AdminAnswer::ok(std::move(answer));
}

}  // namespace gw::control
