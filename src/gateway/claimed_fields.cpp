#include "gateway/claimed_fields.hpp"

#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "http/protected_names.hpp"

namespace gw::gateway {

bool count_dropped(Exchange& x, std::string_view name) {
    if (x.behind || x.part) {
        return false;
    }
    x.shard.metrics().dangerous_header(name).add();
    return http::claims_identity(name);
}

void report_claims(Exchange& x) {
    report_violation(x, observe::Violation::header_manipulation,
                     "fields that only the gateway may set were dropped", "dropped", 0);
}

void tell_of_claims(Exchange& x) {
    bool claims = false;
    for (const http::Field& field : x.head().headers) {
        if (field.known != http::Known::other) {
            continue;
        }
        if (const std::string_view name = http::identity_name(field.name); !name.empty())
            [[unlikely]] {
            claims = count_dropped(x, name) || claims;
        }
    }
    if (claims) [[unlikely]] {
        report_claims(x);
    }
}

}  // namespace gw::gateway
