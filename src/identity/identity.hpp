// Who calls, as a verified token or the configuration of an API key says it. Immutable; shared by
// the cache of tokens and by requests.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/field_lines.hpp"

namespace gw::identity {

struct Identity {
    bool by_api_key = false;
    std::string key_hash;  // of that key (ApiKeyHash); never told to anybody
    std::string subject;   // `sub`: a user. Fit to be a header field's value, as all texts here.
    std::string tenant;    // `tenant_id`
    std::string id;        // `jti`; empty if the token has none
    std::string role;      // may be empty
    std::vector<std::string> permissions;
    std::vector<std::string> venues;
    std::string holdings;    // see holdings_of()
    std::string limit_tier;  // of rate limits, that an API key names; empty: its tenant's
    WallTime issued_at{};
    WallTime expires_at{};    // by the issuer's clock
    http::FieldLines fields;  // how services are told, see tell_services()
};

// Writes `fields` from the rest, once that is known.
void tell_services(Identity& identity);

// What permissions and venues come to beside the role, as 32 hexadecimal digits: two callers of one
// tenant and role have the same exactly if they hold the same, in whatever order. "" without
// either.
std::string holdings_of(const Identity& identity);

}  // namespace gw::identity
