#include "security/request_signature.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <charconv>

#include "base/ensure.hpp"

namespace gw::security {
namespace {

constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<unsigned char, kDigestBytes>;

HexDigest hex_of(const Digest& digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    HexDigest text{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        text[2 * i] = kDigits[digest[i] >> 4];
        text[2 * i + 1] = kDigits[digest[i] & 15];
    }
    return text;
}

// OpenSSL 3 looks algorithms up by name, slowly: once for the process.
const EVP_MD* sha256() {
    static EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    return kAlgorithm;
}

void update(EVP_MAC_CTX* context, std::string_view text) {
    ensure(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()),
                          text.size()) == 1,
           "HMAC takes bytes");
}

}  // namespace

void BodyDigest::Free::operator()(evp_md_ctx_st* context) const {
    EVP_MD_CTX_free(context);
}

BodyDigest::BodyDigest() : context_(EVP_MD_CTX_new()) {
    ensure(EVP_DigestInit_ex2(context_.get(), sha256(), nullptr) == 1, "SHA-256 is there");
}
BodyDigest::~BodyDigest() = default;

void BodyDigest::add(std::string_view bytes) {
    ensure(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1,
           "SHA-256 takes bytes");
}

HexDigest BodyDigest::finish() {
    Digest digest{};
    unsigned size = 0;
    ensure(EVP_DigestFinal_ex(context_.get(), digest.data(), &size) == 1 && size == kDigestBytes &&
               EVP_DigestInit_ex2(context_.get(), sha256(), nullptr) == 1,
           "SHA-256 ends");
    return hex_of(digest);
}

std::string digest_of(std::initializer_list<std::string_view> texts) {
    BodyDigest digest;
    for (const std::string_view text : texts) {
        digest.add(std::to_string(text.size()));
        digest.add(":");
        digest.add(text);
    }
    const HexDigest hex = digest.finish();
    return {hex.data(), hex.size()};
}

void RequestSigner::Free::operator()(evp_mac_ctx_st* context) const {
    EVP_MAC_CTX_free(context);
}

RequestSigner::RequestSigner(std::string_view secret) {
    static EVP_MAC* const kHmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    keyed_.reset(EVP_MAC_CTX_new(kHmac));
    std::string digest = "SHA256";
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    ensure(
        keyed_ && EVP_MAC_init(keyed_.get(), reinterpret_cast<const unsigned char*>(secret.data()),
                               secret.size(), parameters.data()) == 1,
        "HMAC-SHA256 takes a key");
}
RequestSigner::~RequestSigner() = default;

HexDigest RequestSigner::sign(const SignedRequest& request) {
    const std::unique_ptr<evp_mac_ctx_st, Free> context(EVP_MAC_CTX_dup(keyed_.get()));
    ensure(context != nullptr, "out of memory for a signature");
    std::array<char, 24> number{};
    const char* const end =
        std::to_chars(number.data(), number.data() + number.size(), request.timestamp_ms).ptr;
    update(context.get(), request.service);
    update(context.get(), ":");
    update(context.get(), {number.data(), end});
    for (const std::string_view part : {request.nonce, request.method, request.path}) {
        update(context.get(), ":");
        update(context.get(), part);
    }
    if (request.has_query) {
        update(context.get(), "?");
        update(context.get(), request.query);
    }
    update(context.get(), ":");
    update(context.get(), request.body_hash);
    Digest digest{};
    std::size_t size = 0;
    ensure(EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1 &&
               size == kDigestBytes,
           "HMAC ends");
    return hex_of(digest);
}

}  // namespace gw::security
