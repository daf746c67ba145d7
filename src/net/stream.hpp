// A connected byte stream: a TCP connection, accepted or made, with TLS on it or without.
//
// Every wait has a deadline. A read or write that can be done at once is done without suspending;
// otherwise the coroutine sleeps until the descriptor is ready, the deadline passes or the stream
// is cancelled. At most one read and one write wait at a time. Pinned; lives on one loop's thread;
// must outlive what waits on it.
//
// Writes leave at the end of the loop's turn, all in a row: a peer on another core is woken once
// for many messages rather than once for each, which on a loaded machine is a twentieth of a
// proxied request.
#pragma once

#include <sys/uio.h>

#include <array>
#include <coroutine>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/ensure.hpp"
#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "net/buffers.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/pace.hpp"
#include "observe/handshake.hpp"

namespace gw::net {

class TlsClient;
class TlsSession;
struct TlsPeer;
struct TlsServer;

struct Address {
    IpAddress ip;
    std::uint16_t port = 0;
    auto operator<=>(const Address&) const = default;
};

class Stream final : Pollable {
  public:
    // peer: whose fault errors of this stream are (client or upstream).
    Stream(Loop& loop, Fd fd, Fault peer);
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream();

    class ReadOp;
    class ReadableOp;
    class WriteOp;
    class HandshakeOp;

    // A client's brings new work, as much as one request unless somebody knows better.
    using Pollable::brings_work;

    // Makes this a server's TLS connection: before anything is read or written, and followed by
    // handshake().
    void use_tls(TlsServer& server);
    // The same for a client's. spare: storage that several connections of one loop share; it
    // outlives them.
    void use_tls(const TlsClient& client, std::string& spare);
    // Until both sides agree. Errors: timeout; malformed, when the peer speaks no TLS that we do.
    HandshakeOp handshake(Instant deadline);
    [[nodiscard]] bool secure() const { return tls_ != nullptr; }
    // The application protocol that both sides chose (RFC 7301), as registered; "" for none.
    [[nodiscard]] std::string_view alpn() const;
    // Is another certificate of ours for this host, rather than the one that the client was shown
    // for the name that it asked for (RFC 9110, 15.5.20)? False without TLS or without such a name.
    [[nodiscard]] bool belongs_elsewhere(std::string_view host) const;
    // A PROXY header came first: who sent it may have taken TLS off, and says nothing of that.
    void came_through_proxy() { state_ |= kProxied; }
    [[nodiscard]] bool proxied() const { return (state_ & kProxied) != 0; }
    // What became of a server's handshake.
    [[nodiscard]] observe::Handshake handshake_outcome() const;
    // Who the client has proved to be by its certificate; null: nobody.
    [[nodiscard]] const TlsPeer* tls_peer() const;

    // Bytes read; 0 at the end of the stream.
    ReadOp read_some(std::span<char> into, Instant deadline);
    // The same into a buffer that is taken from the pool when there is something to read: who waits
    // for long holds none, and who reads next gets the one that has just been used. into: holds
    // nothing; on failure it may have a buffer.
    ReadOp read_some(Buffer& into, BufferPool& pool, Instant deadline);
    // Until there is something to read (or the end, or an error): for waiting without holding a
    // buffer.
    ReadableOp readable(Instant deadline);
    // What waits to be read, left there: before TLS, and after readable(), which then waits for
    // more of it. Nothing is there: 0.
    std::size_t look(std::span<char> into);
    // Takes that many bytes of what look() has shown.
    void drop(std::size_t bytes);
    // All bytes of up to three pieces, in order, at the pace that the peer must keep.
    WriteOp write(std::string_view first, std::string_view second, std::string_view third,
                  const PaceLimits& pace);
    WriteOp write(std::string_view bytes, const PaceLimits& pace) {
        return write(bytes, {}, {}, pace);
    }

    // What waits, now or later, ends with Errc::cancelled, as if the peer were gone. Resumes it
    // from the loop, never from within.
    void cancel();
    // Only the read that waits now, if any; later ones are served.
    void cancel_read();
    [[nodiscard]] bool cancelled() const { return (state_ & kCancelled) != 0; }

    // Sends FIN, after a goodbye with TLS; reading goes on.
    void shutdown_write();
    // The next close sends RST, so that the peer sees a broken message rather than an end.
    void reset_on_close();

    // Called once, from the loop, when the peer has closed or reset while nobody reads: `half` is
    // true when it only ended its own sending. The watcher must be cleared before it goes.
    class Watcher {
      public:
        virtual void peer_left(bool half) = 0;

      protected:
        ~Watcher() = default;
    };
    void watch_peer(Watcher* watcher);

    // The peer has ended its sending, or is gone.
    [[nodiscard]] bool peer_left() const { return (state_ & kPeerLeft) != 0; }
    // True if the peer ended, failed or sent something: an idle connection that is no longer fit
    // for reuse. exact: asks the kernel instead of going by what the loop has seen.
    [[nodiscard]] bool has_news(bool exact) const;

    // Bytes that the kernel has taken from us, ever.
    [[nodiscard]] std::uint64_t written() const { return written_; }
    [[nodiscard]] Loop& loop() const { return loop_; }
    [[nodiscard]] int fd() const { return fd_.get(); }

  private:
    static constexpr std::uint8_t kReadable = 1;
    static constexpr std::uint8_t kWritable = 2;
    static constexpr std::uint8_t kPeerLeft = 4;  // FIN, RST or error was seen: sticky
    static constexpr std::uint8_t kPeerGone = 8;  // RST or error, both directions
    static constexpr std::uint8_t kCancelled = 16;
    static constexpr std::uint8_t kResets = 32;  // reset_on_close()
    static constexpr std::uint8_t kProxied = 64;

    // A waiting operation: one virtual-free vtable of a single function.
    struct Op {
        bool (*attempt)(Op&) = nullptr;  // true when done, its result stored
        void (*give_up)(Op&, Errc) = nullptr;
        std::coroutine_handle<> waiter;
        Stream* stream = nullptr;
        bool reads = false;    // and goes on when all others of this turn have read as well
        bool put_off = false;  // waits for the end of the turn, not for the peer
    };
    struct OpTimer : Timer {
        OpTimer(Stream& owner, Fire fire) : Timer(fire), stream(owner) {}
        Stream& stream;
    };

    void on_events(std::uint32_t events) override;
    void start(Op*& slot, Timer& timer, Op& op, Instant deadline);
    void end(Op*& slot, Timer& timer, Errc why);
    static void read_timed_out(Timer& timer);
    static void write_timed_out(Timer& timer);
    [[nodiscard]] std::size_t queued_bytes() const;
    bool try_read(std::span<char> into, Result<std::size_t>& result);
    bool try_read_tls(std::span<char> into, Result<std::size_t>& result);
    // Is there plain text to read, or an end? What TLS needs for itself is taken on the way.
    bool has_input();
    void settle_input(bool wants_more);
    int send_output();  // 0, or why not all of what TLS has to send is with the kernel: errno
    void say_goodbye();
    std::unexpected<Error> broken(int error) const;

    Loop& loop_;
    Fd fd_;
    std::unique_ptr<TlsSession> tls_;  // null: plain
    Fault peer_;
    std::uint8_t state_ = kWritable;
    Op* reader_ = nullptr;
    Op* writer_ = nullptr;
    Watcher* watcher_ = nullptr;
    std::uint64_t written_ = 0;
    OpTimer read_timer_{*this, &read_timed_out};
    OpTimer write_timer_{*this, &write_timed_out};

  public:
    class ReadableOp : Op {
      public:
        [[nodiscard]] bool await_ready();
        void await_suspend(std::coroutine_handle<> handle);
        Result<void> await_resume() const { return result_; }

      private:
        friend class Stream;
        ReadableOp(Stream& owner, Instant deadline);
        Instant deadline_;
        Result<void> result_{};
    };

    class HandshakeOp : Op {
      public:
        [[nodiscard]] bool await_ready();
        void await_suspend(std::coroutine_handle<> handle);
        Result<void> await_resume() const { return result_; }

      private:
        friend class Stream;
        HandshakeOp(Stream& owner, Instant deadline);
        bool step();
        Instant deadline_;
        Result<void> result_{};
    };

    class ReadOp : Op {
      public:
        [[nodiscard]] bool await_ready();
        void await_suspend(std::coroutine_handle<> handle);
        Result<std::size_t> await_resume() const { return result_; }

      private:
        friend class Stream;
        ReadOp(Stream& owner, std::span<char> into, Instant deadline);
        bool try_read();
        std::span<char> into_;
        Buffer* lent_ = nullptr;  // where one of pool_ goes; null: into_ is all
        BufferPool* pool_ = nullptr;
        Instant deadline_;
        Result<std::size_t> result_{0};
    };

    class WriteOp : Op, EndOfTurn {
      public:
        [[nodiscard]] bool await_ready();
        void await_suspend(std::coroutine_handle<> handle);
        Result<void> await_resume() const { return result_; }

      private:
        friend class Stream;
        WriteOp(Stream& owner, std::array<std::string_view, 3> pieces, const PaceLimits& pace);
        bool push();  // true when all is written or it failed
        bool push_tls();
        void begin();
        bool draining();  // when its time is over: has the peer taken some of it after all?
        std::array<iovec, 3> pieces_{};
        std::size_t next_ = 0;
        std::size_t count_ = 0;
        std::size_t moved_ = 0;
        bool any_ = false;        // some of it is with the kernel
        std::size_t queued_ = 0;  // bytes in the kernel, not yet acknowledged, when the wait began
        Pace pace_;
        Result<void> result_{};
    };
};

}  // namespace gw::net
