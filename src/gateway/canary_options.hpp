// What an operator may set about other versions of a route's service.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/stage.hpp"
#include "http/headers.hpp"

namespace gw::gateway {

// By what a caller keeps to one version.
enum class StickBy : std::uint8_t { user, tenant, address };
constexpr std::array<std::pair<std::string_view, StickBy>, 3> names_of(StickBy) {
    return {{{"user", StickBy::user}, {"tenant", StickBy::tenant}, {"address", StickBy::address}}};
}

struct CanaryVersion {
    std::string service;
    std::uint32_t percent = 0;
    std::string header;
    std::string cookie;
    std::vector<std::string> tenants;
};

struct CanaryOptions : StageOptions {
    static constexpr std::size_t kVersionsMax = 8;

    std::vector<CanaryVersion> versions;
    StickBy sticky = StickBy::user;
    std::string answer_field;
};

std::optional<config::Flaw> check_canary_header(std::string_view line);
std::optional<config::Flaw> check_canary_cookie(std::string_view pair);
std::optional<config::Flaw> check_answer_field(std::string_view name);

template <class Visitor>
void fields(Visitor& field, CanaryVersion& o) {
    using namespace config;
    field("service", o.service, Required{}, "the service, by its name under `services`");
    field("percent", o.percent, Range{0, 100},
          "share of the callers that none of the rules names, in percent");
    field("header", o.header, Check{check_canary_header, "^[!#$%&'*+.^_`|~0-9A-Za-z-]+: ?.*$"},
          "`\"Name: value\"`: requests that have this field go there");
    field("cookie", o.cookie, Check{check_canary_cookie, "^[!#$%&'*+.^_`|~0-9A-Za-z-]+=.*$"},
          "`name=value`: requests that have this cookie go there");
    field("tenants", o.tenants, "requests of these tenants go there");
}

template <class Visitor>
void fields(Visitor& field, CanaryOptions& o) {
    using namespace config;
    field("versions", o.versions,
          "other services for some of the requests; rules of the first that has one that fits, "
          "then shares");
    field("sticky", o.sticky,
          "what keeps to one version: a `user`, else, where nobody says who calls, an address; a "
          "`tenant`, else an address; an `address`");
    field("answer_field", o.answer_field,
          Check{check_answer_field, "^([!#$%&'*+.^_`|~0-9A-Za-z-]+)?$"},
          "field of answers that tells clients which service answered; empty: they are not told");
}

// Of a route; null where it has none.
const CanaryOptions* canary_of(const StageOptionsList& options);

// What is known of a request.
struct CanaryFacts {
    const http::Headers& headers;
    std::string_view tenant;  // "" where nobody says who calls
    std::string_view sticky;
};
// The place of the version in options, or nothing: the route's own service. The same for the same
// facts, everywhere and always; who is among 5 % is among 10 % as well. Pure.
std::optional<std::size_t> choose_version(const CanaryOptions& options, const CanaryFacts& facts);

}  // namespace gw::gateway
