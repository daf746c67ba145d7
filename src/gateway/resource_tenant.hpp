// Whose a service says that its answer is (X-Resource-Tenant). One worker.
#pragma once

#include <string_view>

#include "gateway/exchange.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {

// The tenant, other than the caller's, that the head of an answer names; "" if there is none, and
// where nobody says who calls. Said twice, each counts: what is one tenant's and another's is not
// the caller's alone.
inline std::string_view other_tenant_named(const Exchange& x, const http::Headers& answer) {
    if (x.identity == nullptr || !answer.has(http::Known::x_resource_tenant)) {
        return {};
    }
    for (const http::Field& field : answer) {
        if (field.known == http::Known::x_resource_tenant && !field.value.empty() &&
            field.value != x.identity->tenant) {
            return field.value;
        }
    }
    return {};
}

}  // namespace gw::gateway
