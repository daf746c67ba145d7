// Serves a request with an Idempotency-Key once: who asks again with the same key is given the
// first answer, on whichever gateway. The key goes to the service as well.
#include "gateway/claim.hpp"
#include "gateway/held_body.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

bool changes_something(http::Method method) {
    using http::Method;
    return method == Method::post || method == Method::put || method == Method::patch ||
           method == Method::delete_;
}

Verdict decide(Exchange& x, const IdempotencyOptions& o) {
    const http::RequestHead& head = x.head();
    if (!changes_something(head.method) || x.websocket != nullptr ||
        x.shard.idempotency_store() == nullptr) {
        return go_on();
    }
    if (!head.headers.has(http::Known::idempotency_key)) {
        return o.required ? refuse(Code::validation_failed, "the Idempotency-Key field is missing")
                          : go_on();
    }
    if (head.framing == http::Framing::length && head.content_length > o.request_bytes_max) {
        return refuse(Code::payload_too_large, "the body is too large for an Idempotency-Key");
    }
    return wait();
}

net::Task<Verdict> claim(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const IdempotencyOptions&>(*options);
    x.idempotency.emplace(x, *x.shard.idempotency_store(), o);
    const auto claimed = co_await ask_claim(x, x.idempotency->place(), x.idempotency->claim(),
                                            IdempotencyWork::claim_time(x.route->timeout));
    if (claimed) {
        co_return x.idempotency->claimed(x, *claimed);
    }
    x.idempotency.reset();
    if (o.without_store == WithoutStore::refuse) {
        co_return refuse(Code::overloaded,
                         "whether this Idempotency-Key was used cannot be told now");
    }
    go_unguarded(x, claimed.error());
    co_return go_on();
}

net::Task<Verdict> hold_and_claim(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const IdempotencyOptions&>(*options);
    if (x.head().framing != http::Framing::none) {
        if (const Result<void> held = co_await hold_body(x, o.request_bytes_max); !held) {
            co_return go_on();  // a body that breaks off goes no further, see held_body.hpp
        }
        if (!x.held->last || x.held->bytes.size() > o.request_bytes_max) {
            co_return refuse(Code::payload_too_large,
                             "the body is too large for an Idempotency-Key");
        }
    }
    co_return co_await claim(x, options);
}

constexpr Stage row() {
    Stage stage = gateway::stage<IdempotencyOptions, decide>("idempotency");
    stage.wait = hold_and_claim;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage idempotency = row();
}

}  // namespace gw::gateway
