#include "security/signed_webhook.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <string>

#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::security {
namespace {

constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kBase64Bytes = 44;
constexpr std::size_t kSignaturesMost = 8;  // of one request: each costs a comparison
using Digest = std::array<unsigned char, kDigestBytes>;

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc{} && end == text.data() + text.size();
    return whole && value >= 0 ? std::optional(value) : std::nullopt;
}

std::optional<Digest> of_hex(std::string_view text) {
    Digest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const char* const at = text.data() + 2 * i;
        const auto [end, error] = std::from_chars(at, at + 2, digest[i], 16);
        if (error != std::errc{} || end != at + 2) {
            return std::nullopt;
        }
    }
    return digest;
}

std::optional<Digest> of_base64(std::string_view text) {
    std::array<unsigned char, kDigestBytes + 1> decoded{};  // OpenSSL counts the padding as a byte
    const int size =
        EVP_DecodeBlock(decoded.data(), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size()));
    if (size != static_cast<int>(decoded.size()) || text.back() != '=') {
        return std::nullopt;
    }
    Digest digest{};
    std::copy_n(decoded.begin(), digest.size(), digest.begin());
    return digest;
}

std::optional<Digest> read(std::string_view text) {
    if (text.size() == 2 * kDigestBytes) {
        return of_hex(text);
    }
    return text.size() == kBase64Bytes ? of_base64(text) : std::nullopt;
}

Digest sign(std::string_view secret, std::string_view message) {
    Digest digest{};
    unsigned size = 0;
    ensure(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                digest.data(), &size) != nullptr &&
               size == digest.size(),
           "HMAC-SHA256 is there");
    return digest;
}

}  // namespace

std::optional<WebhookClaim> read_stripe_signature(std::string_view text) {
    WebhookClaim claim{};
    CommaList items(text);
    for (std::string_view item; items.next(item);) {
        if (item.starts_with("t=")) {
            if (!claim.timestamp.empty()) {
                return std::nullopt;
            }
            claim.timestamp = item.substr(2);
        }
    }
    claim.signatures = text;
    return claim.timestamp.empty() ? std::nullopt : std::optional(claim);
}

WebhookVerdict webhook_is_signed(std::string_view secrets, const WebhookClaim& claim,
                                 std::string_view body, WallTime now,
                                 std::chrono::seconds tolerance) {
    std::array<Digest, kSignaturesMost> shown{};
    std::size_t count = 0;
    const bool of_stripe = claim.signatures.contains("=") && claim.signatures.contains("t=");
    CommaList items(claim.signatures);
    for (std::string_view item; items.next(item);) {
        if (of_stripe && !item.starts_with("v1=")) {
            continue;
        }
        if (const auto digest = read(of_stripe ? item.substr(3) : item);
            digest && count < shown.size()) {
            shown[count++] = *digest;
        }
    }
    if (count == 0) {
        return WebhookVerdict::malformed;
    }
    std::string message;
    if (!claim.timestamp.empty()) {
        const auto at = number(claim.timestamp);
        if (!at) {
            return WebhookVerdict::malformed;
        }
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
        const std::int64_t apart = seconds > *at ? seconds - *at : *at - seconds;
        if (apart > tolerance.count()) {
            return WebhookVerdict::stale;
        }
        message.append(claim.timestamp).append(".");
    }
    message += body;
    bool good = false;
    CommaList list(secrets);
    for (std::string_view secret; list.next(secret);) {
        const Digest right = sign(secret, message);
        for (std::size_t i = 0; i < count; ++i) {
            // All are compared, whichever is right: how long it takes says nothing.
            good |= CRYPTO_memcmp(right.data(), shown[i].data(), right.size()) == 0;
        }
    }
    return good ? WebhookVerdict::good : WebhookVerdict::wrong;
}

}  // namespace gw::security
