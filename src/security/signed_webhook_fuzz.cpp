// Any text as what signs a webhook: it is read in bounds, and nobody is believed who has not the
// secret.
#include "security/signed_webhook.hpp"

#include <cstdint>

#include "base/ensure.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::security;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const gw::WallTime now{std::chrono::seconds(1'795'437'000)};
    const std::string_view body = text.substr(size / 2);
    const WebhookClaim plain{.timestamp = {}, .signatures = text.substr(0, size / 2)};
    const auto tolerance = std::chrono::seconds(300);
    gw::ensure(webhook_is_signed("a secret that nobody guesses", plain, body, now, tolerance) !=
                   WebhookVerdict::good,
               "believed without the secret");
    if (const auto claim = read_stripe_signature(text)) {
        gw::ensure(claim->timestamp.size() < size && claim->signatures.size() <= size,
                   "more than there is");
        gw::ensure(webhook_is_signed("a secret that nobody guesses", *claim, body, now,
                                     tolerance) != WebhookVerdict::good,
                   "believed without the secret");
    }
    return 0;
}
