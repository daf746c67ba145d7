// What an operator may set about TLS towards clients.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::net {

// What may stand in a field of a response.
inline std::optional<config::Flaw> check_field_value(std::string_view text) {
    for (const char c : text) {
        if (c < 0x20 || c >= 0x7F) {
            return config::Flaw{"holds a control or a byte outside ASCII",
                                "write it as it stands in the header field"};
        }
    }
    return std::nullopt;
}

enum class TlsVersion : std::uint8_t { v12, v13 };
constexpr std::array<std::pair<std::string_view, TlsVersion>, 2> names_of(TlsVersion) {
    return {{{"1.2", TlsVersion::v12}, {"1.3", TlsVersion::v13}}};
}

struct TlsCertificateOptions {
    std::string cert_file;
    std::string key_file;
};

template <class Visitor>
void fields(Visitor& field, TlsCertificateOptions& o) {
    using namespace config;
    field("cert_file", o.cert_file, Required{},
          "PEM file: the certificate, then those that lead to its root");
    field("key_file", o.key_file, Required{}, "PEM file: its private key, without a password");
}

struct TlsOptions {
    std::uint16_t port = 3443;
    std::string cert_file;
    std::string key_file;
    std::vector<TlsCertificateOptions> certificates;
    TlsVersion version_min = TlsVersion::v12;
    Millis handshake_timeout{10'000};
    std::uint16_t redirect_port = 0;
    std::string hsts = "max-age=31536000; includeSubDomains; preload";

    // All certificates, the one for unknown names first.
    [[nodiscard]] std::vector<TlsCertificateOptions> all() const {
        std::vector<TlsCertificateOptions> list;
        if (!cert_file.empty() || !key_file.empty()) {
            list.push_back({cert_file, key_file});
        }
        list.insert(list.end(), certificates.begin(), certificates.end());
        return list;
    }
    [[nodiscard]] bool configured() const {
        return !cert_file.empty() || !key_file.empty() || !certificates.empty();
    }
};

template <class Visitor>
void fields(Visitor& field, TlsOptions& o) {
    using namespace config;
    field("port", o.port, Env{"TLS_PORT"}, Range{0, 65535},
          "port for clients over TLS, open when there is a certificate; 0 takes a free one and "
          "logs it");
    field("cert_file", o.cert_file, Env{"TLS_CERT_FILE"},
          "PEM file: the certificate, then those that lead to its root; also for names that no "
          "other certificate holds");
    field("key_file", o.key_file, Env{"TLS_KEY_FILE"},
          "PEM file: the private key of `cert_file`, without a password");
    field("certificates", o.certificates,
          "further certificates, chosen by the name that the client asks for");
    field("version_min", o.version_min, "oldest version of TLS that is spoken");
    field("handshake_timeout_ms", o.handshake_timeout, Range{100, 600'000},
          "time a client has for the TLS handshake");
    field("redirect_port", o.redirect_port, Range{0, 65535},
          "answer plain HTTP, but for health, with 308 to the same address over TLS at this port, "
          "as clients see it; what a trusted proxy marks with `X-Forwarded-Proto: https` is "
          "served; 0 serves all");
    field("hsts", o.hsts, Check{check_field_value, "^[ -~]*$"},
          "`Strict-Transport-Security` of answers over TLS (RFC 6797); empty: none");
}

}  // namespace gw::net
