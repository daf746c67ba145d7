#include "gateway/signing.hpp"

#include <charconv>

#include "base/ensure.hpp"
#include "gateway/held_body.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {

net::Task<Result<void>> hash_body(Exchange& x) {
    const Result<void> held = co_await hold_body(x, x.generation.site->signing.body_bytes_max);
    if (!held) {
        co_return held;
    }
    if (!x.held->last) {
        x.body_hash = security::kUnsignedBody;
    } else if (!x.held->bytes.empty()) {
        security::BodyDigest digest;
        digest.add(x.held->bytes);
        const security::HexDigest hash = digest.finish();
        x.body_hash = x.memory.arena.copy({hash.data(), hash.size()});
    }
    co_return held;
}

bool add_signature(Exchange& x, http::RequestHead& out) {
    security::RequestSigner* const signer = x.generation.signer.get();
    if (signer == nullptr) {
        return true;
    }
    Arena& arena = x.memory.arena;
    std::array<char, 36> fresh{};
    x.shard.random().uuid(fresh);
    const std::string_view nonce = arena.copy({fresh.data(), fresh.size()});
    const std::int64_t now = epoch_ms(x.shard.loop().clock().wall);
    char* const at = arena.take(20);
    const std::string_view timestamp{at, std::to_chars(at, at + 20, now).ptr};
    constexpr std::string_view kService = "api-gateway";
    const security::HexDigest signature = signer->sign({.service = kService,
                                                        .timestamp_ms = now,
                                                        .nonce = nonce,
                                                        .method = out.method_text,
                                                        .path = out.path,
                                                        .query = out.query,
                                                        .has_query = out.has_query,
                                                        .body_hash = x.body_hash});
    return out.headers.add_other("X-Internal-Service", kService) &&
           out.headers.add_other("X-Internal-Timestamp", timestamp) &&
           out.headers.add_other("X-Internal-Nonce", nonce) &&
           (x.body_hash.empty() || out.headers.add_other("X-Internal-Body-Hash", x.body_hash)) &&
           out.headers.add_other("X-Internal-Signature",
                                 arena.copy({signature.data(), signature.size()}));
}

void renew_signature(Exchange& x) {
    if (x.generation.signer == nullptr) {
        return;
    }
    http::RequestHead& out = x.memory.request;
    out.headers.erase_if(
        [](const http::Field& field) { return field.name.starts_with("X-Internal-"); });
    ensure(add_signature(x, out), "there is room where there was room before");
}

}  // namespace gw::gateway
