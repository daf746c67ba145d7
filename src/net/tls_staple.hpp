// A statement of whoever issued a certificate that it is still good (OCSP, RFC 6960), for clients
// that ask for it in the handshake (RFC 6066, 8): read from a file that somebody keeps fresh, and
// shown only while it is true.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "config/mistake.hpp"

struct ssl_ctx_st;

namespace gw::net {

struct TlsStaple {
    std::string file;
    std::string response;  // DER
    std::string trouble;   // why it is not shown, whatever the time; empty: it is
    std::string remedy;    // what would be right then
    WallTime until{};      // when it ends

    [[nodiscard]] bool good_at(WallTime now) const { return trouble.empty() && now < until; }
};

// The response in `file` for the certificate that `context` has. What is no OCSP response is a
// flaw; one that is not to be shown, of the wrong certificate or that says it is revoked, is a
// staple with a trouble: a certificate must not have to wait for it.
std::expected<std::unique_ptr<const TlsStaple>, config::Flaw> load_staple(const std::string& file,
                                                                          ssl_ctx_st* context);

}  // namespace gw::net
