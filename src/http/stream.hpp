// One request in flight, whatever the protocol: what the gateway sees of a client (Stream) and of a
// service (ClientStream). HTTP/1.1 implements both in h1_server and h1_client; another protocol
// version stands beside them.
//
// All of it runs on one worker. Views that are returned live until the next call that reads from
// the same side.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "http/h1_parser.hpp"
#include "http/message.hpp"
#include "net/buffers.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"

namespace gw::http {

using net::Task;

enum class Protocol : std::uint8_t { http10, http11, http2 };
inline constexpr std::size_t kProtocols = 3;

// As access lines and metrics call it.
constexpr std::string_view protocol_name(Protocol protocol) {
    constexpr std::array<std::string_view, kProtocols> kNames{"HTTP/1.0", "HTTP/1.1", "HTTP/2"};
    return kNames[static_cast<std::size_t>(protocol)];
}
// As Via names it (RFC 9110, 7.6.3).
constexpr std::string_view protocol_version(Protocol protocol) {
    constexpr std::array<std::string_view, kProtocols> kVersions{"1.0", "1.1", "2.0"};
    return kVersions[static_cast<std::size_t>(protocol)];
}

struct BodyPart {
    std::string_view bytes;
    bool last = false;  // nothing follows; with a chunked body, trailers() is known now
};

// Bytes both ways where HTTP has ended: a connection, or one stream of a connection. One read and
// one write at a time.
class Duplex {
  public:
    virtual ~Duplex() = default;
    // What has come, lying in `buffer` or with the stream until the next read; empty: the peer has
    // said all. buffer: borrowed when there is something for it; who waits long holds none.
    virtual Task<Result<std::string_view>> read(net::Buffer& buffer, Instant deadline) = 0;
    // All of it, at the pace that the peer must keep.
    virtual Task<Result<void>> write(std::string_view bytes, net::PaceLimits pace) = 0;
    // We have said all; reading goes on.
    virtual void end() = 0;
    // What waits, now or later, ends with Errc::cancelled, as if the peer were gone.
    virtual void cancel() = 0;
    virtual void cancel_read() = 0;  // only the read that waits now, if any
    [[nodiscard]] virtual bool cancelled() const = 0;
};

// Goes on with what a request came by when HTTP has ended there.
class Takeover {
  public:
    virtual ~Takeover() = default;
    // Until it is done with. first: what the client has sent already; lies in `buffer`.
    virtual Task<void> run(Duplex& client, net::Buffer buffer, std::string_view first) = 0;
};

// A client's request and the way to answer it.
class Stream {
  public:
    virtual ~Stream() = default;

    [[nodiscard]] virtual const RequestHead& head() const = 0;
    // Why these bytes are not a request, or null. The head is then only as far filled as it was
    // understood.
    [[nodiscard]] virtual const H1Refusal* defect() const = 0;
    [[nodiscard]] virtual const net::Address& peer() const = 0;
    [[nodiscard]] virtual Protocol protocol() const = 0;
    [[nodiscard]] virtual bool secure() const = 0;
    // The connection began with a PROXY header (net::Stream).
    [[nodiscard]] virtual bool proxied() const { return false; }
    // The client was shown another certificate than the one for this host (net::Stream).
    [[nodiscard]] virtual bool belongs_elsewhere(std::string_view /*host*/) const { return false; }
    // Who the client has proved to be by a certificate; null: nobody.
    [[nodiscard]] virtual const net::TlsPeer* client_certificate() const { return nullptr; }
    [[nodiscard]] virtual Instant began()
        const = 0;  // when the first byte of the request was there

    // The part of the body that came with the head: known without waiting, asked once, before
    // read_body(). As every part it stays as it is until the next one has been given: who fails
    // before may be sent it again.
    virtual BodyPart body_at_hand() = 0;
    // The next part. Errors: too_large (beyond limit_body), malformed, reset, timeout, cancelled.
    virtual Task<Result<BodyPart>> read_body() = 0;
    // More than this many bytes make read_body() fail; the default is no limit.
    virtual void limit_body(std::uint64_t bytes) = 0;
    // From here on the client may leave so much time between two parts, and is held to no pace: it
    // sends messages, when it has some.
    virtual void allow_pauses(Millis /*longest*/) {}
    [[nodiscard]] virtual const Headers* trailers() const = 0;  // null if there were none

    // Sends the final head with the first bytes of the body, in one write where the protocol can.
    // head: read only, and pinned until then. trailers, here and below: with the last part only;
    // may be null.
    virtual Task<Result<void>> send(ResponseHead& head, std::string_view body, bool last,
                                    const Headers* trailers) = 0;
    // The next part of the body.
    virtual Task<Result<void>> send_body(std::string_view body, bool last,
                                         const Headers* trailers) = 0;
    // A 1xx head; nothing happens for clients that do not know them.
    virtual Task<Result<void>> send_interim(ResponseHead& head) = 0;

    // Sends the head that ends HTTP here, a 101 or, in HTTP/2, a 200, with the first bytes of what
    // follows it; when the request is done with, `next` has the connection or the stream. Only
    // where the request asks for that.
    virtual Task<Result<void>> switch_protocols(ResponseHead& /*head*/, std::string_view /*first*/,
                                                std::unique_ptr<Takeover> /*next*/) {
        co_return fail(Errc::malformed, Fault::client, "this request has no upgrade");
    }

    // Ends it now, whatever is on its way: all that waits on it ends with Errc::cancelled.
    virtual void cut() = 0;
    // The response cannot be finished: let the client see that it is cut short.
    virtual void abort() = 0;
    // This connection takes no further request, and the response says so.
    virtual void close_after() = 0;
    // A read_body() that waits ends with Errc::cancelled; the connection goes on.
    virtual void cancel_read() = 0;
    virtual void watch_peer(net::Stream::Watcher* watcher) = 0;

    [[nodiscard]] virtual bool responded() const = 0;           // a final head has gone out
    [[nodiscard]] virtual std::uint64_t bytes_in() const = 0;   // body bytes received
    [[nodiscard]] virtual std::uint64_t bytes_out() const = 0;  // body bytes sent
};

// What is done with a stream. serve() returns when the response is complete or aborted.
class Responder {
  public:
    virtual Task<void> serve(Stream& stream) = 0;
    // A client's connection was ended for what it did outside of any request. what: a literal.
    virtual void abused(const net::Address& /*peer*/, const char* /*what*/) {}

    // As many clients are connected as may be; others wait. Again and again, while it is so.
    virtual void out_of_connections() {}

    // A handshake on the port for TLS has ended. why: a literal; null: it went well.
    virtual void shook_hands(const net::Address& /*peer*/, observe::Handshake /*outcome*/,
                             const char* /*why*/) {}

  protected:
    ~Responder() = default;
};

// One request to a service and its answer.
class ClientStream {
  public:
    virtual ~ClientStream() = default;

    // Sends the head with the first bytes of the body.
    virtual Task<Result<void>> send(RequestHead& head, std::string_view body, bool last,
                                    const Headers* trailers) = 0;
    virtual Task<Result<void>> send_body(std::string_view body, bool last,
                                         const Headers* trailers) = 0;

    // The next head, 1xx included: call again after one of those. Errors of a connection that
    // ended before the first byte carry Retry::if_repeatable, or yes if nothing can have been read.
    virtual Task<Result<const ResponseHead*>> read_head(Instant deadline) = 0;
    // The next part of the body; stall: longest wait for it.
    virtual Task<Result<BodyPart>> read_body(Millis stall) = 0;
    // A part of the body that is already here, without waiting; empty and not last if there is
    // none.
    virtual Result<BodyPart> body_at_hand() = 0;
    [[nodiscard]] virtual const Headers* trailers() const = 0;

    virtual void cancel() = 0;
    // After the answer: may the connection serve another request?
    [[nodiscard]] virtual bool reusable() const = 0;
};

}  // namespace gw::http
