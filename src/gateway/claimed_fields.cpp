#include "gateway/claimed_fields.hpp"

#include <utility>

#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "http/hop_by_hop.hpp"
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

void count_hop_by_hop(Exchange& x, const http::Field& field) {
    if (field.known == http::Known::upgrade && x.websocket != nullptr) {
        return;
    }
    if (const std::string_view name = http::hop_by_hop_name(field.known); !name.empty()) {
        count_dropped(x, name);
    }
}

void tell_of_dropped(Exchange& x) {
    // What is no request has no fields.
    if (std::exchange(x.dropped_fields_told, true) || x.stream.defect() != nullptr) {
        return;
    }
    const http::Headers& headers = x.head().headers;
    const auto listed = http::ConnectionNames::of(headers);
    bool claims = false;
    for (const http::Field& field : headers) {
        if (http::hop_by_hop(field.known)) {
            count_hop_by_hop(x, field);
        } else if (const std::string_view name = field.known == http::Known::other
                                                     ? http::identity_name(field.name)
                                                     : std::string_view{};
                   !name.empty()) [[unlikely]] {
            claims = count_dropped(x, name) || claims;
        } else if (listed && listed->list(field)) {
            count_dropped(x, http::kConnection);
        }
    }
    if (claims) [[unlikely]] {
        report_claims(x);
    }
}

}  // namespace gw::gateway
