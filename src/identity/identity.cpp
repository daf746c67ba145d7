#include "identity/identity.hpp"

namespace gw::identity {

void tell_services(Identity& identity) {
    constexpr std::string_view kSource = "jwt";
    identity.fields = identity.role.empty() ? http::FieldLines{{"X-User-Id", identity.subject},
                                                               {"X-Tenant-Id", identity.tenant},
                                                               {"X-Tenant-Source", kSource}}
                                            : http::FieldLines{{"X-User-Id", identity.subject},
                                                               {"X-Tenant-Id", identity.tenant},
                                                               {"X-Tenant-Source", kSource},
                                                               {"X-User-Role", identity.role}};
}

}  // namespace gw::identity
