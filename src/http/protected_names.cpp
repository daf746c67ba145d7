#include "http/protected_names.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.hpp"

namespace gw::http {

namespace {

constexpr char folded(char c) {
    return c == '_' ? '-' : lower(c);
}

constexpr bool begins(std::string_view name, std::string_view prefix) {
    return name.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), name.begin(),
                      [](char expected, char c) { return expected == folded(c); });
}

constexpr bool same(std::string_view name, std::string_view expected) {
    return name.size() == expected.size() && begins(name, expected);
}

template <std::size_t kCount>
bool any_same(std::string_view name, const std::array<std::string_view, kCount>& names) {
    return std::ranges::any_of(names, [name](std::string_view each) { return same(name, each); });
}

template <std::size_t kCount>
bool any_begins(std::string_view name, const std::array<std::string_view, kCount>& prefixes) {
    return std::ranges::any_of(prefixes,
                               [name](std::string_view each) { return begins(name, each); });
}

// X-Roles and its like are not what the gateway calls them: services that trust what stands in
// front of them may.
constexpr auto kIdentity = std::to_array<std::string_view>(
    {"x-tenant-id",   "x-tenant-source",    "x-tenant",      "x-user-id",    "x-user-role",
     "x-user-roles",  "x-user-permissions", "x-user",        "x-role",       "x-roles",
     "x-permissions", "x-venue-id",         "x-venue-ids",   "x-venue",      "x-venues",
     "x-original-ip", "x-real-ip",          "x-admin-token", "x-privileged", "x-request-deadline"});
constexpr auto kIdentityPrefixes =
    std::to_array<std::string_view>({"x-gateway-", "x-internal-", "x-forwarded"});

// Written anew on every message: a client's own go on in them, if they are fit to.
constexpr auto kIds = std::to_array<std::string_view>({"x-request-id", "x-correlation-id"});

// Which third letters the names and prefixes have: most fields of applications have another.
template <std::size_t kCount>
constexpr std::uint32_t third_letters(const std::array<std::string_view, kCount>& names) {
    std::uint32_t letters = 0;
    for (const std::string_view name : names) {
        letters |= 1U << (name[2] - 'a');
    }
    return letters;
}
constexpr std::uint32_t kThirdLetters = third_letters(kIdentity) | third_letters(kIdentityPrefixes);

constexpr bool has_such_letter(std::string_view name) {
    const auto letter = static_cast<unsigned>(lower(name[2]) - 'a');
    return letter < 26 && (kThirdLetters >> letter & 1U) != 0;
}

// What a client has shown in its handshake, and Client-Cert-Chain with it (RFC 9440, 2.4).
constexpr std::string_view kClientCert = "client-cert";

constexpr std::array<std::string_view, 12> kNotInTrailers = {"cache-control",
                                                             "age",
                                                             "expires",
                                                             "vary",
                                                             "pragma",
                                                             "range",
                                                             "www-authenticate",
                                                             "warning",
                                                             "authentication-info",
                                                             "max-forwards",
                                                             "alt-svc",
                                                             "strict-transport-security"};
constexpr std::array<std::string_view, 5> kNotInTrailersPrefixes = {"content-", "if-", "proxy-",
                                                                    "access-control-", "sec-"};

}  // namespace

std::string_view identity_name(std::string_view name) {
    if (!begins(name, "x-")) {
        return begins(name, kClientCert) ? kClientCert : std::string_view{};
    }
    if (name.size() == 2 || !has_such_letter(name)) {
        return {};
    }
    for (const std::string_view known : kIdentity) {
        if (same(name, known)) {
            return known;
        }
    }
    for (const std::string_view prefix : kIdentityPrefixes) {
        if (begins(name, prefix)) {
            return prefix;
        }
    }
    return {};
}

bool claims_identity(std::string_view identity_name) {
    return identity_name != "x-original-ip" && identity_name != "x-real-ip" &&
           identity_name != "x-request-deadline" && identity_name != "x-forwarded";
}

bool names_framing(std::string_view name) {
    return same(name, "content-length") || same(name, "transfer-encoding");
}

bool names_override(std::string_view name) {
    return same(name, "x-original-url") || same(name, "x-rewrite-url") ||
           same(name, "x-http-method-override") || same(name, "x-http-method") ||
           same(name, "x-method-override");
}

bool names_id(std::string_view name) {
    return any_same(name, kIds);
}

bool forbidden_in_trailers(std::string_view name, Known known) {
    // Everything that the gateway or a service acts upon is recognised; nothing of it belongs
    // behind a body.
    return known != Known::other || names_identity(name) || names_framing(name) ||
           names_override(name) || names_id(name) || any_same(name, kNotInTrailers) ||
           any_begins(name, kNotInTrailersPrefixes);
}

}  // namespace gw::http
