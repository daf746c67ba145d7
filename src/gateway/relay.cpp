#include "gateway/relay.hpp"

#include "gateway/forwarded_head.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/shard.hpp"
#include "net/scope.hpp"

namespace gw::gateway {
namespace {

constexpr int kInterimHeadsMax = 32;  // more 1xx heads than this before an answer is a flood

struct Upload {
    Exchange& x;
    http::ClientStream& service;
    bool& body_read;
    bool running = true;
    Instant progressed{};
    std::optional<Error> client_error;  // the client's body ended badly
};

// The rest of the client's body, to the service. Ends early when either side fails; the other
// direction then decides what that means.
net::Task<void> upload(Upload& up) {
    while (true) {
        const Result<http::BodyPart> part = co_await up.x.stream.read_body();
        if (!part) {
            if (part.error().code != Errc::cancelled) {
                up.client_error = part.error();
                up.service.cancel();
            }
            break;
        }
        up.body_read = true;
        const Result<void> sent = co_await up.service.send_body(
            part->bytes, part->last, part->last ? up.x.stream.trailers() : nullptr);
        up.progressed = up.x.shard.loop().now();
        if (!sent || part->last) {
            break;  // a service that reads no further may have answered already
        }
    }
    up.running = false;
}

// The final head. 1xx heads on the way are passed on. The time for it runs from the last byte of
// the request.
net::Task<Result<const http::ResponseHead*>> await_head(Upload& up) {
    Exchange& x = up.x;
    const Millis budget = x.route->timeout;
    for (int interim = 0; interim <= kInterimHeadsMax;) {
        const Instant until = std::max(x.deadline, up.progressed + budget);
        Result<const http::ResponseHead*> head = co_await up.service.read_head(until);
        if (!head) {
            const bool waiting_for_body = head.error().code == Errc::timeout && up.running;
            if (waiting_for_body) {
                continue;  // the client's pace is judged where its body is read
            }
            co_return head;
        }
        if ((*head)->status == 101) {
            co_return fail(Errc::malformed, Fault::upstream,
                           "the service switched protocols unasked");
        }
        if ((*head)->status >= 200) {
            co_return head;
        }
        ++interim;
        // 100 answers the Expect that we did not pass on.
        if ((*head)->status != 100 && build_interim_head(x, **head)) {
            if (const Result<void> sent = co_await x.stream.send_interim(x.memory.response);
                !sent) {
                co_return std::unexpected(sent.error());
            }
        }
    }
    co_return fail(Errc::malformed, Fault::upstream, "the service sent too many interim answers");
}

net::Task<Result<void>> download(Upload& up) {
    Exchange& x = up.x;
    const Result<const http::ResponseHead*> head = co_await await_head(up);
    if (!head) {
        co_return std::unexpected(head.error());
    }
    Result<http::BodyPart> part = up.service.body_at_hand();
    if (!part) {
        co_return std::unexpected(part.error());
    }
    if (!build_response_head(x, **head)) {
        co_return fail(Errc::too_large, Fault::upstream, "the service sent too many header fields");
    }
    x.upstream_ended = x.shard.loop().now();
    on_response(x);
    x.outcome.status = x.memory.response.status;
    const Result<void> begun = co_await x.stream.send(x.memory.response, part->bytes, part->last,
                                                      part->last ? up.service.trailers() : nullptr);
    if (!begun) {
        co_return begun;
    }
    while (!part->last) {
        part = co_await up.service.read_body(x.route->timeout);
        if (!part) {
            co_return std::unexpected(part.error());
        }
        const Result<void> sent = co_await x.stream.send_body(
            part->bytes, part->last, part->last ? up.service.trailers() : nullptr);
        if (!sent) {
            co_return sent;
        }
    }
    x.generation.service_series[x.route->service_index]->answered(
        x.outcome.status, x.upstream_ended - *x.upstream_began);
    co_return Result<void>{};
}

}  // namespace

net::Task<Result<void>> relay(Exchange& x, http::ClientStream& service, http::BodyPart first,
                              bool& body_read) {
    const Result<void> sent = co_await service.send(x.memory.request, first.bytes, first.last,
                                                    first.last ? x.stream.trailers() : nullptr);
    if (!sent) {
        co_return sent;
    }
    Upload up{.x = x,
              .service = service,
              .body_read = body_read,
              .running = !first.last,
              .progressed = first.last ? Instant{} : x.shard.loop().now(),
              .client_error = std::nullopt};
    if (first.last) {
        co_return co_await download(up);
    }
    net::Scope scope;
    scope.spawn(upload(up));
    Result<void> done = co_await download(up);
    if (up.running) {
        // Answered, or failed, before the body was through: the rest of it goes nowhere.
        service.cancel();
        x.stream.cancel_read();
    }
    co_await scope.all_done();
    if (!done && up.client_error) {
        done = std::unexpected(*up.client_error);
    }
    co_return done;
}

}  // namespace gw::gateway
