// The admin API: /admin/v1 on the operators' port. A table of operations, each with its path, who
// may call it, and what it does; answers and bodies are JSON. Every change is one audit record.
// Control thread.
#pragma once

#include <boost/json/value.hpp>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/path_pattern.hpp"
#include "gateway/refusal.hpp"
#include "gateway/security_event.hpp"
#include "http/message.hpp"
#include "identity/token_fault.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace gw::control {

// Whoever may change may look as well.
enum class AdminRole : std::uint8_t { viewer, operator_ };
std::string_view name_of(AdminRole role);  // "viewer", "operator"

// Who calls, as a token says it.
struct AdminCaller {
    AdminRole role = AdminRole::viewer;
    std::string person;  // by the operators' issuer; empty: the token is nobody's own
};

struct AdminCall {
    std::vector<std::string> parameters;  // of the path, decoded, in its order
    std::string query;                    // as it came
    boost::json::object body;             // empty if there was none
    // Who calls: the token's role and the person, whom an issuer's token names; else whom the body
    // does, if it does.
    std::string by;
};

struct AdminAnswer {
    int status = 200;
    boost::json::value body{};
    // Of a refusal: its code, and a detail for the caller.
    std::optional<gateway::Code> code{};
    std::string detail{};
    std::string allow{};  // of a method_not_allowed: the methods that the path takes

    static AdminAnswer ok(boost::json::value body) {
        return {.status = 200, .body = std::move(body)};
    }
    static AdminAnswer refused(gateway::Code code, std::string detail) {
        return {.status = 0, .body = {}, .code = code, .detail = std::move(detail)};
    }
};

struct AdminOperation {
    http::Method method = http::Method::get;
    std::string_view path;     // below /admin/v1, as routes write it: "/bans/{kind}/{who}"
    std::string_view summary;  // for the index
    std::function<net::Task<AdminAnswer>(AdminCall call)> run;
    // It changes nothing although its method says so: viewers may, and the record has it as a look.
    bool looks = false;
    // With `dryRun` in its body it does nothing, and the record has it as a look, too.
    bool dry_runs = false;
    // Its body may hold somebody's token: the record has it without.
    bool secret_body = false;
};

struct AdminTokens {
    std::string operator_;  // empty: the API is off
    std::string viewer;     // empty: there is no such
};

class AdminApi {
  public:
    static constexpr std::string_view kBase = "/admin/v1";
    // A field that every answer under kBase has: by it a client knows what it talks to.
    static constexpr std::string_view kMark = "X-Admin-Api";
    static constexpr std::string_view kMarkValue = "v1";
    static constexpr std::size_t kBodyBytesMax = 64UL * 1024;

    // keep: for the audit record.
    AdminApi(net::Loop& loop, std::function<void(const gateway::SecurityEvent& event)> keep)
        : loop_(loop), keep_(std::move(keep)) {}
    AdminApi(const AdminApi&) = delete;
    AdminApi& operator=(const AdminApi&) = delete;

    void set_tokens(AdminTokens tokens) { tokens_ = std::move(tokens); }
    // Before the first call. Paths must not be ambiguous.
    void add(AdminOperation operation);

    // Who comes with a token of the operators' issuer; nothing: it is none. Before the first call.
    using Verify = std::function<std::optional<std::expected<AdminCaller, identity::TokenFault>>(
        std::string_view token)>;
    void verify_by(Verify verify) { verify_ = std::move(verify); }

    // Of whoever sends this Authorization field; nothing: nobody who may look.
    [[nodiscard]] std::optional<AdminCaller> caller_of(std::string_view authorization) const;
    static bool is_below_base(std::string_view path) {
        return path == kBase || path.starts_with(std::string(kBase) + "/");
    }
    // Anything under kBase. body: whole. address: of the caller.
    net::Task<AdminAnswer> serve(const http::RequestHead* head, std::string body,
                                 std::string address);

  private:
    struct Row {
        gateway::PathPattern pattern;
        AdminOperation operation;
    };
    // allow: without a row, the methods that the path takes; none of an unknown path.
    const Row* find(const http::RequestHead& head, std::vector<std::string>& parameters,
                    std::string& allow) const;
    [[nodiscard]] AdminAnswer index() const;
    AdminAnswer turned_away(const http::RequestHead& head, const std::string& address);

    net::Loop& loop_;
    std::function<void(const gateway::SecurityEvent& event)> keep_;
    AdminTokens tokens_;
    Verify verify_;
    std::optional<Instant> told_;  // when the record was last told of somebody who was turned away
    std::vector<Row> rows_;
};

}  // namespace gw::control
