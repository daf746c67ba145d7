// Whether the sender of a webhook is who shares a secret with us: HMAC-SHA256 (RFC 2104) over the
// bytes of its body, and over when it was sent where the scheme says so. Pure; any thread.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"

namespace gw::security {

// What a field of the request says.
struct WebhookClaim {
    std::string_view timestamp;   // as it was signed; empty: the scheme has none
    std::string_view signatures;  // a list, see webhook_is_signed()
};

// Stripe-Signature: "t=1492774577,v1=5257a8…,v1=…,v0=…": the time and the v1, of which one has to
// be right. Nothing: it is no such text.
std::optional<WebhookClaim> read_stripe_signature(std::string_view text);

enum class WebhookVerdict : std::uint8_t {
    good,
    malformed,  // there is no signature, or no time, that could be read
    wrong,
    stale,  // signed too long ago, or for a time to come
};

// secrets: one, or several with commas between them while they change. claim.signatures: one in
// hexadecimal or Base64, or the `v1` of read_stripe_signature(). What is signed: "timestamp.body",
// or the body where there is no timestamp. tolerance: how far the time may be from now.
WebhookVerdict webhook_is_signed(std::string_view secrets, const WebhookClaim& claim,
                                 std::string_view body, WallTime now,
                                 std::chrono::seconds tolerance);

}  // namespace gw::security
