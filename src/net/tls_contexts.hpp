// What TLS towards clients is made of: certificates with their keys, versions, ciphers, protocols.
// Read from files once, then immutable and shared by all workers; a reload makes another.
//
// Sessions are resumed only where clients are asked for the same certificates as when they began.
//
// TLS 1.2 and 1.3 with AEAD ciphers and forward secrecy only; no compression, no renegotiation, no
// early data (a request in it could be replayed: RFC 8470).
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/mistake.hpp"
#include "net/tls_options.hpp"
#include "net/tls_staple.hpp"

struct ssl_st;
struct ssl_ctx_st;
struct x509_store_st;

namespace gw::net {

struct TlsCertificate {
    std::string file;
    std::vector<std::string> names;  // lower case; may begin with "*."
    WallTime expires;
};

// Why a file cannot be used. index: in TlsOptions::all(), or kWhole; setting: "cert_file",
// "key_file", "ocsp_file", "client_ca_file".
struct TlsFlaw {
    static constexpr std::size_t kWhole = SIZE_MAX;  // of no certificate, but of all of it
    std::size_t index = 0;
    std::string_view setting;
    config::Flaw flaw;
};

class TlsContexts {
  public:
    // Reads all files; all flaws at once. alpn: the application protocols, best first.
    static std::expected<std::shared_ptr<const TlsContexts>, std::vector<TlsFlaw>> load(
        const TlsOptions& options, const std::vector<std::string>& alpn);
    TlsContexts() = default;  // empty; load() makes those that are of use
    TlsContexts(const TlsContexts&) = delete;
    TlsContexts& operator=(const TlsContexts&) = delete;
    ~TlsContexts();

    [[nodiscard]] const std::vector<TlsCertificate>& certificates() const { return certificates_; }
    // In the same order; null: that certificate has none.
    [[nodiscard]] const std::vector<std::unique_ptr<const TlsStaple>>& staples() const {
        return staples_;
    }
    // Are clients asked for certificates?
    [[nodiscard]] bool asks_clients() const { return asks_clients_; }
    // Changes when any file does.
    [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
    // The context for a name that a client asks for: the exact name, a wildcard for its first
    // label, or the first of all.
    [[nodiscard]] ssl_ctx_st* context_for(std::string_view name) const;
    // Does another certificate hold this name, and not the one of `context`?
    [[nodiscard]] bool is_only_others(std::string_view name, const ssl_ctx_st* context) const;
    // In the wire's form: each name after its length.
    [[nodiscard]] std::string_view alpn() const { return alpn_; }

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    using Context = std::unique_ptr<ssl_ctx_st, Free>;
    struct FreeStore {
        void operator()(x509_store_st* store) const;
    };
    using Authorities = std::unique_ptr<x509_store_st, FreeStore>;
    // Null: no certificate holds that name.
    [[nodiscard]] ssl_ctx_st* holder_of(std::string_view name) const;
    void set_up(ssl_ctx_st* context, const TlsOptions& options) const;
    std::optional<config::Flaw> read_client_authorities(const std::string& file);
    void ask_clients(ssl_ctx_st* context, ClientVerify how) const;

    std::vector<Context> contexts_;
    std::vector<TlsCertificate> certificates_;               // the same order
    std::vector<std::unique_ptr<const TlsStaple>> staples_;  // the same
    Authorities authorities_;
    std::string session_place_;
    bool asks_clients_ = false;
    std::map<std::string, ssl_ctx_st*, std::less<>> by_name_;
    std::string alpn_;
    std::string fingerprint_;
};

}  // namespace gw::net
