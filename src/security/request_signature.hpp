// Proof for services that a request came through the gateway: HMAC-SHA256 (RFC 2104) over who sent
// it, when, and the exact method, target and body.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

struct evp_mac_ctx_st;
struct evp_md_ctx_st;

namespace gw::security {

inline constexpr std::size_t kHexDigest = 64;  // SHA-256 in hexadecimal
using HexDigest = std::array<char, kHexDigest>;

// What stands for the hash of a body that was too large to be held until its hash was known.
inline constexpr std::string_view kUnsignedBody = "UNSIGNED-BODY";

// SHA-256 of bytes that come in parts. One thread.
class BodyDigest {
  public:
    BodyDigest();
    ~BodyDigest();
    BodyDigest(const BodyDigest&) = delete;
    BodyDigest& operator=(const BodyDigest&) = delete;

    void add(std::string_view bytes);
    // Of all that was added; begins anew.
    HexDigest finish();

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// SHA-256 of texts that may hold anything, each with its length: no two lists are the same bytes.
std::string digest_of(std::initializer_list<std::string_view> texts);

struct SignedRequest {
    std::string_view service;  // who signs: X-Internal-Service
    std::int64_t timestamp_ms = 0;
    std::string_view nonce;
    std::string_view method;
    std::string_view path;
    std::string_view query;
    bool has_query = false;
    std::string_view body_hash;  // empty: no body
};

// One thread; the key is prepared once.
class RequestSigner {
  public:
    explicit RequestSigner(std::string_view secret);
    ~RequestSigner();
    RequestSigner(const RequestSigner&) = delete;
    RequestSigner& operator=(const RequestSigner&) = delete;

    // Of "service:timestamp:nonce:METHOD:path?query:bodyHash".
    HexDigest sign(const SignedRequest& request);

  private:
    struct Free {
        void operator()(evp_mac_ctx_st* context) const;
    };
    std::unique_ptr<evp_mac_ctx_st, Free> keyed_;
};

}  // namespace gw::security
