// Connections to services that speak HTTP/2 with prior knowledge (RFC 9113, 3.3). Many requests
// share one: what all of them have to say in one turn of the loop leaves in one write, and what the
// service says comes in one read. Flow control is back-pressure, as towards clients.
//
// One worker's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "http/h1_pool.hpp"
#include "http/h2_head.hpp"
#include "http/h2_response.hpp"
#include "http/h2_session.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"
#include "net/pace.hpp"
#include "net/scope.hpp"
#include "net/stream.hpp"

namespace gw::http {

class H2ClientStream;

class H2ClientConnection final : H2Session::Events {
  public:
    // idle_timeout: without a request, for so long, it ends.
    H2ClientConnection(net::Loop& loop, net::Fd fd, H1Pool& pool, const net::PaceLimits& pace,
                       Millis idle_timeout);
    H2ClientConnection(const H2ClientConnection&) = delete;
    H2ClientConnection& operator=(const H2ClientConnection&) = delete;

    // Until it has ended, for whatever reason; every stream on it has been told then.
    Task<void> run();

    // May one more request go on it?
    [[nodiscard]] bool has_room() const;
    // When more may be known about its room than that it is new; kNever: nothing more comes.
    [[nodiscard]] Instant known_by() const;
    // tell: called once, when the service has said what it takes (true), or it has ended before.
    void when_known(std::function<void(bool said)> tell) { tell_known_ = std::move(tell); }
    [[nodiscard]] std::size_t live() const { return live_; }
    [[nodiscard]] Instant opened() const { return opened_; }
    // It has served before: its end may only mean that the service closed it while it was idle.
    [[nodiscard]] bool reused() const { return served_ > 0; }
    [[nodiscard]] bool ended() const { return ended_; }
    // Takes no more requests, and ends with the last one.
    void retire();
    // Ends now.
    void end() { stream_.cancel(); }

  private:
    friend class H2ClientStream;
    H2Session::Listener* stream_began(std::int32_t /*id*/) override { return nullptr; }
    bool spend(H2Cost /*cost*/) override { return true; }
    void greeted() override;
    void ping_answered() override { pinged_ = kNever; }
    void broken(H2Code) override {
        closing_ = true;
        stream_.cancel_read();
    }

    [[nodiscard]] net::Loop& loop() const { return stream_.loop(); }
    [[nodiscard]] bool takes_new() const {
        return !closing_ && !retired_ && !ended_ && !doubted_ && session_.takes_requests();
    }
    [[nodiscard]] Instant wait_until() const;
    bool waited_long_enough();
    void heard();
    void ping();
    // A request has waited in vain since then. If nothing at all has come meanwhile, the connection
    // takes no more until something does.
    void doubt(Instant since);
    // Does nothing more come of it, once the last request has ended?
    [[nodiscard]] bool takes_no_more() const {
        return retired_ || !session_.takes_requests() || session_.peer_streams_max() == 0;
    }
    void kick();
    Task<void> write_out();
    void link(H2ClientStream& stream);
    void unlink(H2ClientStream& stream);

    struct Flush : net::EndOfTurn {
        explicit Flush(H2ClientConnection& owner) : connection(owner) {}
        H2ClientConnection& connection;
    };
    struct Output {
        H2ClientConnection& connection;
        [[nodiscard]] bool await_ready() const { return connection.closing_; }
        void await_suspend(std::coroutine_handle<> handle) const { connection.writer_ = handle; }
        void await_resume() const {}
    };

    net::Stream stream_;
    H1Pool& pool_;
    net::PaceLimits pace_;
    Millis idle_timeout_;
    H2Session session_;
    net::Scope scope_;
    std::string out_;
    std::coroutine_handle<> writer_;
    Flush flush_{*this};
    bool flush_put_off_ = false;
    bool closing_ = false;
    bool retired_ = false;
    bool ended_ = false;
    std::uint64_t served_ = 0;
    std::size_t live_ = 0;
    H2ClientStream* first_ = nullptr;
    std::function<void(bool said)> tell_known_;
    bool known_ = false;  // what the service takes
    Instant opened_;
    Instant heard_;         // something from the service
    bool owes_ = false;     // it has been asked since
    Instant asked_{};       // … for the first time
    bool doubted_ = false;  // it may be dead
    Instant idle_since_;
    Instant pinged_ = kNever;  // a PING is on its way since then
    Instant next_ping_{};      // not before
};

// One request on it.
class H2ClientStream final : public ClientStream, H2Session::Listener {
  public:
    H2ClientStream(H2ClientConnection& connection, const H1Limits& limits,
                   const net::PaceLimits& pace);
    H2ClientStream(const H2ClientStream&) = delete;
    H2ClientStream& operator=(const H2ClientStream&) = delete;
    ~H2ClientStream() override;

    Task<Result<void>> send(RequestHead& head, std::string_view body, bool last,
                            const Headers* trailers) override;
    Task<Result<void>> send_body(std::string_view body, bool last,
                                 const Headers* trailers) override;
    Task<Result<const ResponseHead*>> read_head(Instant deadline) override;
    Task<Result<BodyPart>> read_body(Millis stall) override;
    Result<BodyPart> body_at_hand() override;
    [[nodiscard]] const Headers* trailers() const override;
    void cancel() override;
    [[nodiscard]] bool reusable() const override { return true; }

  private:
    friend class H2ClientConnection;
    void fields_began(bool trailers) override;
    bool field(std::string_view name, std::string_view value) override;
    void fields_ended(bool last) override;
    void data(std::string_view bytes) override;
    void ended() override;
    void closed(H2Code code) override;
    H2Session::Outgoing outgoing() override { return outgoing_; }
    void taken(std::size_t bytes, bool last) override;
    void end_sent() override {}
    std::string& literals() override { return work_->literals; }

    Task<Result<void>> drain_out();
    // Why nothing more comes or goes.
    [[nodiscard]] std::unexpected<Error> gone() const;
    void break_off(const char* detail);
    void lost();  // with its connection
    void reset(H2Code code);
    bool step(Result<BodyPart>& part);
    void pass_on();

    H2ClientConnection& connection_;
    const H1Limits& limits_;
    Borrowed<H1ClientWork> work_;
    net::Pace out_pace_;
    std::optional<H2ResponseReader> reader_;
    std::optional<H2Trailers> trailers_;
    std::uint64_t received_total_ = 0;
    H2Session::Outgoing outgoing_;
    net::Pause came_;
    net::Pause left_;
    std::size_t out_moved_ = 0;
    Instant asked_{};
    std::optional<Error> error_;
    std::int32_t id_ = 0;
    Method method_ = Method::get;
    bool in_trailers_ = false;
    bool head_ready_ = false;  // one that nobody has asked for yet
    bool final_ = false;       // the final head has come
    bool ended_ = false;       // all of the answer has come
    bool sent_all_ = false;
    bool closed_ = false;
    bool of_session_ = false;  // which has not told of its end
    bool cancelled_ = false;
    H2ClientStream* next_ = nullptr;
    H2ClientStream* previous_ = nullptr;
};

}  // namespace gw::http
