#include "gateway/open_tunnel.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/attempt_error.hpp"
#include "gateway/balance_key.hpp"
#include "gateway/forward.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/relay.hpp"
#include "gateway/tunnel.hpp"
#include "http/h1_client.hpp"
#include "security/websocket_key.hpp"

namespace gw::gateway {
namespace {

using http::Known;
using upstream::Breaker;

constexpr int kInterimHeadsMax = 32;
constexpr std::string_view kKeyField = "Sec-WebSocket-Key";
constexpr std::string_view kAcceptField = "Sec-WebSocket-Accept";

// Connection and Upgrade are made anew: what the client wrote there is not copied. What HTTP/2
// leaves out of a handshake (RFC 8441, 5) is put in: services speak HTTP/1.1.
bool build_upgrade_head(Exchange& x) {
    if (!build_request_head(x, http::Framing::none, 0)) {
        return false;
    }
    http::RequestHead& head = x.memory.request;
    if (x.head().method == http::Method::connect) {
        head.headers.erase_if(
            [](const http::Field& field) { return equal_ignore_case(field.name, kKeyField); });
        if (!head.headers.add_other(kKeyField, x.websocket_key)) {
            return false;
        }
    }
    return head.headers.add(Known::upgrade, "websocket");
}

// The head by which the client hears that it has its WebSocket.
bool build_agreement(Exchange& x, const http::ResponseHead& head) {
    if (!build_response_head(x, head)) {
        return false;
    }
    http::ResponseHead& out = x.memory.response;
    if (x.head().method != http::Method::connect) {
        return out.headers.add(Known::upgrade, "websocket");
    }
    out.status = 200;
    out.reason = "OK";
    out.headers.erase_if(
        [](const http::Field& field) { return equal_ignore_case(field.name, kAcceptField); });
    return true;
}

constexpr std::string_view kProtocolField = "Sec-WebSocket-Protocol";

// Did the client offer the subprotocol that the service has chosen? They differ by case (RFC 6455,
// 4.1).
bool was_offered(const http::Headers& request, std::string_view protocol) {
    return std::ranges::any_of(request, [&](const http::Field& field) {
        if (!equal_ignore_case(field.name, kProtocolField)) {
            return false;
        }
        CommaList offered(field.value);
        std::string_view one;
        while (offered.next(one)) {
            if (one == protocol) {
                return true;
            }
        }
        return false;
    });
}

// Has the service read this request, and does it speak the protocol asked for? Else why not: a
// literal; null: it has.
const char* flaw_of(const Exchange& x, const http::ResponseHead& head) {
    int accepts = 0;
    int upgrades = 0;
    int protocols = 0;
    bool connection = false;
    for (const http::Field& field : head.headers) {
        if (field.known == Known::upgrade) {
            upgrades += equal_ignore_case(field.value, "websocket") ? 1 : 2;
        } else if (field.known == Known::connection) {
            connection = connection || list_contains(field.value, "upgrade");
        } else if (equal_ignore_case(field.name, kAcceptField)) {
            const bool right = field.value == security::websocket_accept(x.websocket_key);
            accepts += right ? 1 : 2;
        } else if (equal_ignore_case(field.name, kProtocolField)) {
            if (++protocols > 1) {
                return "the service chose more than one subprotocol";
            }
            if (!was_offered(x.head().headers, field.value)) {
                return "the service chose a subprotocol that was not offered";
            }
        }
    }
    return upgrades != 1 || !connection ? "the service switched to another protocol than WebSocket"
           : accepts != 1               ? "the service did not prove that it speaks WebSocket"
                                        : nullptr;
}

net::Task<Result<const http::ResponseHead*>> final_head(Exchange& x, http::H1Client& service) {
    for (int heads = 0; heads <= kInterimHeadsMax; ++heads) {
        Result<const http::ResponseHead*> got = co_await service.read_head(x.deadline);
        if (!got || (*got)->status == 101 || (*got)->status >= 200) {
            co_return got;
        }
    }
    co_return fail(Errc::malformed, Fault::upstream, "the service sent too many interim answers");
}

// The service agreed: so does the gateway, and the client's connection becomes the tunnel's.
net::Task<Result<void>> agree(Exchange& x, http::H1Client& service, upstream::Lease& lease,
                              const http::ResponseHead* head) {
    if (const char* const flaw = flaw_of(x, *head); flaw != nullptr) {
        co_return fail(Errc::malformed, Fault::upstream, flaw);
    }
    x.upstream_ended = x.shard.loop().now();
    if (const Verdict verdict = judge(x, *head); !verdict.goes_on()) {
        x.withheld = verdict;
        co_return fail(Errc::cancelled, Fault::self, "the answer is withheld");
    }
    if (!build_agreement(x, *head)) {
        co_return fail(Errc::too_large, Fault::upstream, "the service sent too many header fields");
    }
    x.outcome.status = x.memory.response.status;
    on_response(x);
    x.generation.service_series[x.service_index]->answered(head->status,
                                                           x.upstream_ended - *x.upstream_began);
    const std::string_view first = service.unread();
    auto tunnel = std::make_unique<Tunnel>(x, std::move(lease), first);
    const Result<void> sent =
        co_await x.stream.switch_protocols(x.memory.response, first, std::move(tunnel));
    x.tunnelled = sent.has_value();
    co_return sent;
}

// Sends the request and passes on whatever comes of it.
net::Task<Result<void>> ask(Exchange& x, ClientWatch& watch, upstream::Lease& lease,
                            upstream::BreakerCall& call, Resend& resend) {
    const http::H1ServerLimits& limits = x.generation.site->limits;
    http::H1Client service(lease.stream(), x.shard.h1(), limits.message, limits.pace);
    watch.on(&service);
    Result<void> done = co_await service.send(x.memory.request, {}, true, nullptr);
    if (done) {
        const Result<const http::ResponseHead*> head = co_await final_head(x, service);
        if (!head) {
            done = std::unexpected(head.error());
        } else if ((*head)->status == 101) {
            done = co_await agree(x, service, lease, *head);
            call.tell(done || !is_the_services(done.error()) ? Breaker::Result::success
                                                             : Breaker::Result::failure,
                      x.shard.loop().now());
        } else if ((*head)->status < 300 && x.head().method == http::Method::connect) {
            // Passed on, it would tell an HTTP/2 client that it has its WebSocket.
            done =
                fail(Errc::malformed, Fault::upstream,
                     "the service answered a WebSocket's handshake with success and without one");
        } else {
            // No WebSocket, but an answer as any other.
            Relay relay(x, service, {{}, true}, call, resend, *head);
            done = co_await relay.run();
        }
    }
    watch.on(nullptr);
    co_return done;
}

}  // namespace

net::Task<Result<void>> open_tunnel(Exchange& x) {
    x.service = x.generation.services[x.service_index];
    observe::UpstreamSeries& series = *x.generation.service_series[x.service_index];
    ClientWatch watch(x);
    if (const Result<void> wanted = watch.still_there(); !wanted) {
        co_return wanted;
    }
    if (!build_upgrade_head(x)) {
        co_return fail(Errc::head_too_large, Fault::client, "too many header fields to forward");
    }
    upstream::BreakerCall call(*x.generation.breakers[x.service_index], x.shard.loop().now());
    if (!call.admitted()) {
        co_return refused_by_breaker(x, call);
    }
    const std::uint64_t key =
        x.service->by_key() ? balance_key(x, x.service->options().balance.key) : 0;
    upstream::Endpoint* const endpoint = x.service->pick(nullptr, key);
    if (endpoint != nullptr) {
        x.upstream_began = x.shard.loop().now();
        x.service->retries().sent();
    }
    Resend resend(x);
    Result<upstream::Lease> lease = co_await open(x, watch, endpoint, key, resend);
    Result<void> done = lease ? Result<void>{} : std::unexpected(lease.error());
    if (lease) {
        upstream::Endpoint& asked = lease->endpoint();
        done = co_await ask(x, watch, *lease, call, resend);
        if (done ? x.outcome.status >= 500 : is_the_services(done.error())) {
            x.service->failed(asked);
        } else if (done) {
            x.service->succeeded(asked);
        }
    }
    if (!done && done.error().code != Errc::cancelled) {
        series.failed(error_label(done.error()));
        if (endpoint != nullptr && is_the_services(done.error())) {
            call.tell(Breaker::Result::failure, x.shard.loop().now());
        }
    }
    co_return done;
}

}  // namespace gw::gateway
