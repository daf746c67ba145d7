#include "control/admin_api.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <iterator>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "config/mistake.hpp"

namespace gw::control {
namespace {

using gateway::Code;

// Takes as long whatever the difference is.
bool same_secret(std::string_view given, std::string_view secret) {
    unsigned char difference = given.size() == secret.size() ? 0 : 1;
    for (std::size_t i = 0; i < secret.size(); ++i) {
        const char at = i < given.size() ? given[i] : '\0';
        difference = static_cast<unsigned char>(difference | (at ^ secret[i]));
    }
    return difference == 0;
}

std::vector<std::string_view> segments_of(std::string_view path) {
    std::vector<std::string_view> segments;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::size_t slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
    }
    return segments;
}

bool matches(const gateway::PathPattern& pattern, const std::vector<std::string_view>& segments,
             std::vector<std::string>& parameters) {
    parameters.clear();
    if (pattern.segments.size() != segments.size()) {
        return false;
    }
    for (std::size_t i = 0; i < segments.size(); ++i) {
        const auto text = percent_decode(segments[i]);
        if (!text || text->empty() ||
            (!pattern.segments[i].parameter && pattern.segments[i].text != *text)) {
            return false;
        }
        if (pattern.segments[i].parameter) {
            parameters.push_back(*text);
        }
    }
    return true;
}

// Without what stands behind a '?': it may be a secret.
std::string text_in(const boost::json::object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    if (value == nullptr || !value->is_string()) {
        return {};
    }
    const std::string_view text = value->get_string();
    return std::string(text.substr(0, text.find('?')).substr(0, 1'024));
}

// What bodies may have, of any operation. A member that is misspelt must not be done without.
struct Member {
    std::string_view name;
    bool truth = false;
    bool text = false;
};
constexpr Member kMembers[] = {
    {.name = "address", .text = true},
    {.name = "addresses"},
    {.name = "all", .truth = true},
    {.name = "banner", .text = true},
    {.name = "blockMs"},
    {.name = "by", .text = true},
    {.name = "dryRun", .truth = true},
    {.name = "endless", .truth = true},
    {.name = "enforcement"},
    {.name = "everywhere", .truth = true},
    {.name = "headers"},
    {.name = "kind", .text = true},
    {.name = "level", .text = true},
    {.name = "method", .text = true},
    {.name = "mode", .text = true},
    {.name = "path", .text = true},
    {.name = "reason", .text = true},
    {.name = "requests"},
    {.name = "seconds"},
    {.name = "service", .text = true},
    {.name = "shorten", .truth = true},
    {.name = "state", .text = true},
    {.name = "tag", .text = true},
    {.name = "tenant", .text = true},
    {.name = "tenants"},
    {.name = "tiers"},
    {.name = "tokens"},
    {.name = "url", .text = true},
    {.name = "users"},
    {.name = "who", .text = true},
    {.name = "windowMs"},
};

// What is wrong with a body whatever it is for; empty: nothing.
std::string mistake_in(const boost::json::object& body) {
    for (const auto& [name, value] : body) {
        const auto* const member =
            std::ranges::find(kMembers, std::string_view(name), &Member::name);
        if (member == std::end(kMembers)) {
            return "no operation has a member " + config::quote(name) + "; see docs/admin-api.json";
        }
        if (member->truth && !value.is_bool()) {
            return config::quote(name) + ": write true or false";
        }
        if (member->text && !value.is_string()) {
            return config::quote(name) + ": write a text";
        }
    }
    return {};
}

std::string_view token_in(std::string_view authorization) {
    constexpr std::string_view kScheme = "bearer ";
    return authorization.size() > kScheme.size() &&
                   equal_ignore_case(authorization.substr(0, kScheme.size()), kScheme)
               ? authorization.substr(kScheme.size())
               : std::string_view{};
}

bool changes(http::Method method) {
    return method != http::Method::get && method != http::Method::head;
}

}  // namespace

std::string_view name_of(AdminRole role) {
    return role == AdminRole::operator_ ? "operator" : "viewer";
}

void AdminApi::add(AdminOperation operation) {
    auto pattern = gateway::PathPattern::parse(operation.path);
    ensure(pattern.has_value(), "the path of an admin operation is well formed");
    rows_.push_back({std::move(*pattern), std::move(operation)});
}

std::optional<AdminCaller> AdminApi::caller_of(std::string_view authorization) const {
    const std::string_view token = token_in(authorization);
    if (tokens_.operator_.empty() || token.empty()) {
        return std::nullopt;
    }
    if (same_secret(token, tokens_.operator_)) {
        return AdminCaller{AdminRole::operator_, {}};
    }
    if (!tokens_.viewer.empty() && same_secret(token, tokens_.viewer)) {
        return AdminCaller{AdminRole::viewer, {}};
    }
    const auto verified = verify_ ? verify_(token) : std::nullopt;
    return verified && *verified ? std::optional(**verified) : std::nullopt;
}

// What a token of an issuer lacks is told: whoever holds it can read it anyway.
AdminAnswer AdminApi::turned_away(const http::RequestHead& head, const std::string& address) {
    const std::string_view authorization = head.headers.value(http::Known::authorization);
    if (authorization.empty()) {
        return AdminAnswer::refused(Code::token_missing,
                                    "this needs the bearer token of the admin API");
    }
    const auto verified = verify_ ? verify_(token_in(authorization)) : std::nullopt;
    // Whoever guesses must not fill the record.
    constexpr std::chrono::seconds kToldAgain{1};
    if (!told_ || loop_.now() - *told_ >= kToldAgain) {
        told_ = loop_.now();
        keep_({.time = loop_.clock().wall,
               .kind = "admin_refused",
               .user = {},
               .tenant = {},
               .address = address,
               .resource = std::string(head.method_text) + " " + std::string(head.path),
               .decision = "blocked",
               .status = 401,
               .detail = verified && !*verified
                             ? "token of the issuer: " +
                                   std::string(identity::fault_name(verified->error()))
                             : "no token of ours",
               .request_id = {}});
    }
    if (!verified || *verified) {
        return AdminAnswer::refused(Code::token_invalid,
                                    "this needs the bearer token of the admin API");
    }
    const identity::TokenFault fault = verified->error();
    return AdminAnswer::refused(
        fault == identity::TokenFault::expired ? Code::token_expired : Code::token_invalid,
        "the token of the operators' issuer is not accepted: " +
            std::string(identity::fault_name(fault)));
}

const AdminApi::Row* AdminApi::find(const http::RequestHead& head,
                                    std::vector<std::string>& parameters,
                                    std::string& allow) const {
    const auto segments = segments_of(head.path.substr(kBase.size()));
    const http::Method method = head.method == http::Method::head ? http::Method::get : head.method;
    for (const Row& row : rows_) {
        if (matches(row.pattern, segments, parameters)) {
            if (row.operation.method == method) {
                return &row;
            }
            allow.append(allow.empty() ? "" : ", ").append(http::method_name(row.operation.method));
            allow.append(row.operation.method == http::Method::get ? ", HEAD" : "");
        }
    }
    return nullptr;
}

AdminAnswer AdminApi::index() const {
    boost::json::array operations;
    for (const Row& row : rows_) {
        operations.push_back({{"method", http::method_name(row.operation.method)},
                              {"path", std::string(kBase) + std::string(row.operation.path)},
                              {"summary", row.operation.summary}});
    }
    return AdminAnswer::ok({{"operations", std::move(operations)}});
}

net::Task<AdminAnswer> AdminApi::serve(const http::RequestHead* head, std::string body,
                                       std::string address) {
    if (tokens_.operator_.empty()) {
        co_return AdminAnswer::refused(Code::not_found,
                                       "the admin API is off: it needs ADMIN_TOKEN");
    }
    const auto caller = caller_of(head->headers.value(http::Known::authorization));
    if (!caller) {
        co_return turned_away(*head, address);
    }
    if (head->path == kBase) {
        co_return index();
    }
    AdminCall call;
    std::string allow;
    const Row* const row = find(*head, call.parameters, allow);
    if (row == nullptr) {
        AdminAnswer refused =
            AdminAnswer::refused(allow.empty() ? Code::not_found : Code::method_not_allowed,
                                 "GET /admin/v1 lists what there is");
        refused.allow = std::move(allow);
        co_return refused;
    }
    const bool change = changes(head->method);
    if (change && !row->operation.looks && caller->role != AdminRole::operator_) {
        co_return AdminAnswer::refused(Code::forbidden, "a viewer changes nothing");
    }
    if (!body.empty()) {
        boost::system::error_code error;
        boost::json::value value = boost::json::parse(body, error);
        if (error || !value.is_object()) {
            co_return AdminAnswer::refused(Code::bad_request, "the body must be a JSON object");
        }
        call.body = std::move(value.as_object());
        if (std::string mistake = mistake_in(call.body); !mistake.empty()) {
            co_return AdminAnswer::refused(Code::bad_request, std::move(mistake));
        }
    }
    const auto* const dry_run = call.body.if_contains("dryRun");
    const bool looks =
        row->operation.looks || (row->operation.dry_runs && dry_run != nullptr && *dry_run == true);
    call.query = head->query;
    call.by = name_of(caller->role);
    if (!caller->person.empty()) {
        call.by += ":" + caller->person;  // whatever the body says
    } else if (const auto* name = call.body.if_contains("by");
               name != nullptr && name->is_string()) {
        call.by += ":" + std::string(name->as_string());
    }
    gateway::SecurityEvent event{
        .time = loop_.clock().wall,
        .kind = "admin",
        .user = call.by,
        .tenant = {},
        .address = std::move(address),
        .resource = std::string(head->method_text) + " " + std::string(head->path),
        .decision = "done",
        .status = 200,
        .detail = row->operation.secret_body
                      ? text_in(call.body, "method") + " " + text_in(call.body, "url")
                      : boost::json::serialize(call.body),
        .request_id = {}};
    AdminAnswer answer = co_await row->operation.run(std::move(call));
    if (change) {
        event.decision = answer.code ? "refused" : looks ? "looked" : "done";
        event.status = answer.code ? gateway::kind_of(*answer.code).status : answer.status;
        keep_(event);
    }
    co_return answer;
}

}  // namespace gw::control
