// Fields of answers that tell browsers to be careful, as configured; a service that says something
// stricter is left its word. Immutable, shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.hpp"
#include "http/headers.hpp"

namespace gw::gateway {

struct SecurityHeaderOptions {
    std::string content_type_options{};
    std::string frame_options{};
    std::string referrer_policy{};
    std::string content_security_policy{};
    bool content_security_policy_html_only = false;
    std::string permissions_policy{};
    std::string cross_origin_resource_policy{};
    std::string cross_origin_opener_policy{};
};

std::optional<config::Flaw> check_header_value(std::string_view value);
std::optional<config::Flaw> check_frame_options(std::string_view value);
std::optional<config::Flaw> check_content_type_options(std::string_view value);
std::optional<config::Flaw> check_referrer_policy(std::string_view value);

template <class Visitor>
void fields(Visitor& field, SecurityHeaderOptions& o) {
    using namespace config;
    field("content_type_options", o.content_type_options,
          Check{check_content_type_options, "^(nosniff)?$"},
          "`X-Content-Type-Options`: `nosniff`; empty, here and below: not sent");
    field("frame_options", o.frame_options, Check{check_frame_options, "^(DENY|SAMEORIGIN)?$"},
          "`X-Frame-Options`: `DENY` or `SAMEORIGIN`; a service's `DENY` stays");
    field("referrer_policy", o.referrer_policy, Check{check_referrer_policy, "^[a-z-]*$"},
          "`Referrer-Policy`, as `no-referrer`; a stricter one of a service stays");
    field("content_security_policy", o.content_security_policy, Check{check_header_value, ""},
          "`Content-Security-Policy`; where a service has its own, both are sent and browsers obey "
          "both");
    field("content_security_policy_html_only", o.content_security_policy_html_only,
          "whether only answers of `text/html` carry it, which is where browsers look at it");
    field("permissions_policy", o.permissions_policy, Check{check_header_value, ""},
          "`Permissions-Policy`, where the service says none");
    field("cross_origin_resource_policy", o.cross_origin_resource_policy,
          Check{check_header_value, ""},
          "`Cross-Origin-Resource-Policy`, where the service says none");
    field("cross_origin_opener_policy", o.cross_origin_opener_policy, Check{check_header_value, ""},
          "`Cross-Origin-Opener-Policy`, where the service says none");
}

// Browsers obey the first Strict-Transport-Security of an answer alone (RFC 6797, 8.1). True: a
// service's own asks for all that ours does; it stays, and alone. Else none of them is left.
bool keeps_hsts(std::string_view ours, http::Headers& headers);

class SecurityHeaders {
  public:
    static constexpr std::size_t kMost = 7;

    explicit SecurityHeaders(const SecurityHeaderOptions& options);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // To an answer's fields; false: there is no room.
    [[nodiscard]] bool add_to(http::Headers& headers) const;

  private:
    enum class Kind : std::uint8_t { ranked, both, if_absent };
    struct Row {
        http::Field field;
        Kind kind;
        int strictness;
        bool html_only;
    };
    void add_row(std::string_view name, const std::string& value, Kind kind,
                 bool html_only = false);
    // May one of these fields be there?
    [[nodiscard]] bool may_be_given(const http::Headers& headers) const;

    // As they are sent, one line behind the other, so that they are copied together.
    std::unique_ptr<std::string> lines_ = std::make_unique<std::string>();
    std::vector<Row> rows_;
    std::uint64_t name_sizes_ = 0;  // bit n: a name has n bytes
    bool some_html_only_ = false;
};

}  // namespace gw::gateway
