// What TLS to a service is made of: whom to believe, what to show. Read from files once, then
// immutable and shared by all threads; a reload makes another.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "config/mistake.hpp"
#include "net/tls_client_options.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace gw::net {

// Why it cannot be made. setting: "ca_file", "cert_file", "key_file".
struct TlsClientFlaw {
    std::string_view setting;
    config::Flaw flaw;
};

class TlsClient {
  public:
    // host: of the service's URL; a name, or an address without brackets.
    static std::expected<std::shared_ptr<const TlsClient>, std::vector<TlsClientFlaw>> load(
        const TlsClientOptions& options, const std::string& host);
    TlsClient() = default;  // empty; load() makes those that are of use
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;
    ~TlsClient() = default;

    // A connection's state, which asks for the right name and verifies it. Never null.
    [[nodiscard]] ssl_st* begin() const;
    // The same for the same files and options, and never 0: connections that were made otherwise
    // are not used again.
    [[nodiscard]] std::uint64_t id() const { return id_; }

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    std::unique_ptr<ssl_ctx_st, Free> context_;
    std::string name_;
    bool by_address_ = false;
    bool verify_ = true;
    std::uint64_t id_ = 0;
};

}  // namespace gw::net
