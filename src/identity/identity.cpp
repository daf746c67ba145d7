#include "identity/identity.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "base/encoding.hpp"

namespace gw::identity {
namespace {

// Names have no spaces and no line breaks (is_name()): each list ends with an empty line.
void append_sorted(std::string& text, std::vector<std::string> names) {
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    for (const std::string& name : names) {
        text.append(name).append("\n");
    }
    text.append("\n");
}

}  // namespace

void tell_services(Identity& identity) {
    const std::string_view source = identity.by_api_key ? "api-key" : "jwt";
    identity.fields = identity.role.empty() ? http::FieldLines{{"X-User-Id", identity.subject},
                                                               {"X-Tenant-Id", identity.tenant},
                                                               {"X-Tenant-Source", source}}
                                            : http::FieldLines{{"X-User-Id", identity.subject},
                                                               {"X-Tenant-Id", identity.tenant},
                                                               {"X-Tenant-Source", source},
                                                               {"X-User-Role", identity.role}};
}

std::string holdings_of(const Identity& identity) {
    if (identity.permissions.empty() && identity.venues.empty()) {
        return {};
    }
    std::string text;
    append_sorted(text, identity.permissions);
    append_sorted(text, identity.venues);
    std::array<char, SHA256_DIGEST_LENGTH> digest{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
             reinterpret_cast<unsigned char*>(digest.data()));
    constexpr std::size_t kEnough = 16;
    return to_hex({digest.data(), kEnough});
}

}  // namespace gw::identity
