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

// Whether clients have to say who they are by a certificate.
enum class ClientVerify : std::uint8_t { off, request, require };
constexpr std::array<std::pair<std::string_view, ClientVerify>, 3> names_of(ClientVerify) {
    return {{{"off", ClientVerify::off},
             {"request", ClientVerify::request},
             {"require", ClientVerify::require}}};
}

struct TlsCertificateOptions {
    std::string cert_file;
    std::string key_file;
    std::string ocsp_file{};
};

template <class Visitor>
void fields(Visitor& field, TlsCertificateOptions& o) {
    using namespace config;
    field("cert_file", o.cert_file, Required{},
          "PEM file: the certificate, then those that lead to its root");
    field("key_file", o.key_file, Required{}, "PEM file: its private key, without a password");
    field("ocsp_file", o.ocsp_file, "as `tls.ocsp_file`, for this certificate");
}

struct TlsOptions {
    std::uint16_t port = 3443;
    std::string cert_file;
    std::string key_file;
    std::string ocsp_file;
    std::vector<TlsCertificateOptions> certificates;
    ClientVerify client_verify = ClientVerify::off;
    std::string client_ca_file;
    Millis ticket_rotation{43'200'000};
    std::string ticket_secret;
    TlsVersion version_min = TlsVersion::v12;
    Millis handshake_timeout{10'000};
    std::uint16_t redirect_port = 0;
    std::string hsts = "max-age=31536000; includeSubDomains; preload";

    // All certificates, the one for unknown names first.
    [[nodiscard]] std::vector<TlsCertificateOptions> all() const {
        std::vector<TlsCertificateOptions> list;
        if (!cert_file.empty() || !key_file.empty()) {
            list.push_back({cert_file, key_file, ocsp_file});
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
    field("port", o.port, Env{"TLS_PORT"}, Range{0, 65535}, AtStart{}, OwnOfEach{},
          "port for clients over TLS, open when there is a certificate; 0 takes a free one and "
          "logs it");
    field("cert_file", o.cert_file, Env{"TLS_CERT_FILE"},
          "PEM file: the certificate, then those that lead to its root; also for names that no "
          "other certificate holds");
    field("key_file", o.key_file, Env{"TLS_KEY_FILE"},
          "PEM file: the private key of `cert_file`, without a password");
    field("ocsp_file", o.ocsp_file, Env{"TLS_OCSP_FILE"},
          "DER file: an OCSP response for `cert_file`, shown to clients that ask for it until it "
          "ends; empty: none");
    field("certificates", o.certificates,
          "further certificates, chosen by the name that the client asks for");
    field("client_verify", o.client_verify, Env{"TLS_CLIENT_VERIFY"},
          "`request`: who shows a certificate is verified; `require`: nobody comes in without; "
          "services see it as `Client-Cert` (RFC 9440)");
    field("client_ca_file", o.client_ca_file, Env{"TLS_CLIENT_CA_FILE"},
          "PEM file: the authorities whose certificates of clients are believed");
    field("ticket_rotation_ms", o.ticket_rotation, Range{5'000, 604'800'000},
          "how often the key of session tickets is replaced; tickets are good for as long, at "
          "most four hours");
    field("ticket_secret", o.ticket_secret, Env{"TLS_TICKET_SECRET"}, Secret{},
          "what gateways that share a store seal the keys of session tickets with there, so that "
          "each takes the others' tickets; empty: every process has its own keys");
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
