// Lets in what a provider has signed with a secret that it shares with us, once, and soon after it
// was signed. The body goes on as it came, byte by byte.
#include "base/text.hpp"
#include "gateway/claim.hpp"
#include "gateway/held_body.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "security/request_signature.hpp"
#include "security/signed_webhook.hpp"

namespace gw::gateway {
namespace {

enum class Scheme : std::uint8_t { stripe, hmac };
constexpr std::array<std::pair<std::string_view, Scheme>, 2> names_of(Scheme) {
    return {{{"stripe", Scheme::stripe}, {"hmac", Scheme::hmac}}};
}

struct WebhookOptions : StageOptions {
    Scheme scheme = Scheme::stripe;
    std::string stripe_secrets;
    std::string secrets;
    std::string header = "X-Signature-256";
    std::string prefix = "sha256=";
    std::string timestamp_header;
    std::uint64_t tolerance_s = 300;
    std::uint64_t body_bytes_max = 262'144;

    [[nodiscard]] const std::string& shared() const {
        return scheme == Scheme::stripe ? stripe_secrets : secrets;
    }
    // Commas and spaces alone are none: nothing could be signed with them.
    [[nodiscard]] bool has_secret() const {
        CommaList list(shared());
        std::string_view one;
        return list.next(one);
    }
};

template <class Visitor>
void fields(Visitor& field, WebhookOptions& o) {
    using namespace config;
    field("scheme", o.scheme,
          "`stripe`: the field Stripe-Signature; `hmac`: HMAC-SHA256 of the body in `header`");
    field("stripe_secrets", o.stripe_secrets, Env{"STRIPE_WEBHOOK_SECRET"}, Secret{},
          "secrets of the scheme `stripe`, any of which will do, with commas between them");
    field("secrets", o.secrets, Env{"WEBHOOK_SECRET"}, Secret{},
          "secrets of the scheme `hmac`, any of which will do, with commas between them");
    field("header", o.header, "of `hmac`: the field with the signature, hexadecimal or Base64");
    field("prefix", o.prefix, "of `hmac`: what stands before the signature");
    field("timestamp_header", o.timestamp_header,
          "of `hmac`: a field with seconds since 1970; `time.body` is then what is signed");
    field("tolerance_s", o.tolerance_s, Range{1, 86'400},
          "how long ago it may have been signed; within that each is let in once");
    field("body_bytes_max", o.body_bytes_max, Range{1, 1'048'576},
          "largest body: it is held until its signature has been looked at");
}

std::optional<security::WebhookClaim> claim_of(const Exchange& x, const WebhookOptions& o) {
    const http::Headers& headers = x.head().headers;
    const http::Field* const shown = http::find_field(
        headers, o.scheme == Scheme::stripe ? std::string_view("stripe-signature") : o.header);
    if (shown == nullptr) {
        return std::nullopt;
    }
    if (o.scheme == Scheme::stripe) {
        return security::read_stripe_signature(shown->value);
    }
    security::WebhookClaim claim{.timestamp = {}, .signatures = shown->value};
    if (!claim.signatures.starts_with(o.prefix)) {
        return std::nullopt;
    }
    claim.signatures.remove_prefix(o.prefix.size());
    if (!o.timestamp_header.empty()) {
        const http::Field* const time = http::find_field(headers, o.timestamp_header);
        if (time == nullptr || time->value.empty()) {
            return std::nullopt;
        }
        claim.timestamp = time->value;
    }
    return claim;
}

// The sender is not told which it was.
Verdict turn_away(Exchange& x, const char* what) {
    report_violation(x, observe::Violation::token_manipulation, what, "blocked", 403);
    return refuse(Code::forbidden, "the signature is missing, wrong or too old");
}

// Wait: it is signed, and whether it came before is for the store to say.
Verdict look(Exchange& x, const WebhookOptions& o) {
    const auto claim = claim_of(x, o);
    if (!claim) {
        return turn_away(x, "a webhook without a signature");
    }
    switch (security::webhook_is_signed(o.shared(), *claim, x.held->bytes,
                                        x.shard.loop().clock().wall,
                                        std::chrono::seconds(o.tolerance_s))) {
        case security::WebhookVerdict::malformed:
            return turn_away(x, "a webhook without a signature");
        case security::WebhookVerdict::wrong:
            return turn_away(x, "a webhook with a false signature");
        case security::WebhookVerdict::stale:
            return turn_away(x, "a webhook that was signed long ago");
        case security::WebhookVerdict::good:
            break;
    }
    return !claim->timestamp.empty() && x.shard.idempotency_store() != nullptr ? wait() : go_on();
}

Verdict decide(Exchange& x, const WebhookOptions& o) {
    const http::RequestHead& head = x.head();
    if (head.framing == http::Framing::length && head.content_length > o.body_bytes_max) {
        return refuse(Code::payload_too_large, "the body is too large to be verified");
    }
    return wait();
}

// As long as its time is good, for one that is dated ahead as well. That is looked at in whole
// seconds, at both ends.
Millis claim_time(const WebhookOptions& o) {
    return std::chrono::seconds(2 * o.tolerance_s + 2);
}

net::Task<Verdict> verify(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const WebhookOptions&>(*options);
    if (const Result<void> held = co_await hold_body(x, o.body_bytes_max); !held) {
        co_return go_on();  // a body that breaks off goes no further, see held_body.hpp
    }
    if (!x.held->last || x.held->bytes.size() > o.body_bytes_max) {
        co_return refuse(Code::payload_too_large, "the body is too large to be verified");
    }
    const Verdict verdict = look(x, o);
    if (verdict.kind() != Verdict::Kind::wait) {
        co_return verdict;
    }
    // By what was signed: the field can be written in many ways.
    ClaimPlace place{
        .key = "webhook:" +
               security::digest_of({x.route->name, claim_of(x, o)->timestamp, x.held->bytes}),
        .kind = ClaimKind::webhook,
        .tenant = x.route->name};  // one provider does not take the room of another
    std::array<char, 16> nonce;
    x.shard.random().hex(nonce.data(), nonce.size() / 2);
    std::string mine(nonce.data(), nonce.size());
    const auto claimed = co_await ask_claim(x, place, mine, claim_time(o));
    // Without the store each gateway trusts the time alone: none may be lost.
    if (!claimed) {
        go_unguarded(x, claimed.error());
        co_return go_on();
    }
    if (!claimed->mine) {
        co_return refuse(Code::conflict, "this webhook was received before");
    }
    x.webhook = std::make_unique<HeldClaim>(*x.shard.idempotency_store(), std::move(place),
                                            std::move(mine));
    co_return go_on();
}

constexpr Stage row() {
    Stage stage = gateway::stage<WebhookOptions, decide>("webhook_signature");
    stage.wait = verify;
    stage.read = [](config::Reader& reader) -> OptionsPtr {
        auto options = std::make_shared<WebhookOptions>();
        config::read(reader, *options);
        if (!options->has_secret()) {
            const bool stripe = options->scheme == Scheme::stripe;
            reader.blame(stripe ? "stripe_secrets" : "secrets",
                         "webhook_signature has no secret for its scheme",
                         stripe ? "set STRIPE_WEBHOOK_SECRET or STRIPE_WEBHOOK_SECRET_FILE"
                                : "set WEBHOOK_SECRET or WEBHOOK_SECRET_FILE");
        }
        return options;
    };
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage webhook_signature = row();
}

}  // namespace gw::gateway
