// One request over HTTP/2, as the gateway sees it: what comes of it is kept until it is asked for,
// what goes leaves as the client's windows let it. Failures are the client's (Fault::client): reset
// by it, too slow by the connection's pace, malformed, or cut by us. One worker's thread.
#pragma once

#include <optional>

#include "http/h2_head.hpp"
#include "http/h2_server.hpp"

namespace gw::http {

class H2Stream final : public Stream, public Duplex, public H2Session::Listener {
  public:
    H2Stream(H2Connection& connection, std::int32_t id);
    ~H2Stream() override;

    static void* operator new(std::size_t size) { return net::allocate_frame(size); }
    static void operator delete(void* stream, std::size_t size) noexcept {
        net::release_frame(stream, size);
    }

    // As http::Stream.
    [[nodiscard]] const RequestHead& head() const override { return work_->head; }
    [[nodiscard]] const H1Refusal* defect() const override { return defect_ ? &*defect_ : nullptr; }
    [[nodiscard]] const net::Address& peer() const override { return connection_.peer_; }
    [[nodiscard]] Protocol protocol() const override { return Protocol::http2; }
    [[nodiscard]] bool secure() const override { return connection_.stream_.secure(); }
    [[nodiscard]] bool proxied() const override { return connection_.stream_.proxied(); }
    [[nodiscard]] bool belongs_elsewhere(std::string_view host) const override {
        return connection_.stream_.belongs_elsewhere(host);
    }
    [[nodiscard]] const net::TlsPeer* client_certificate() const override {
        return connection_.stream_.tls_peer();
    }
    [[nodiscard]] Instant began() const override { return began_; }
    BodyPart body_at_hand() override;
    Task<Result<BodyPart>> read_body() override;
    void limit_body(std::uint64_t bytes) override { body_max_ = bytes; }
    void allow_pauses(Millis longest) override {
        pause_max_ = longest;
        body_came_.wake();  // and waits another time
    }
    [[nodiscard]] const Headers* trailers() const override;
    Task<Result<void>> send(ResponseHead& head, std::string_view body, bool last,
                            const Headers* trailers) override;
    Task<Result<void>> send_body(std::string_view body, bool last,
                                 const Headers* trailers) override;
    Task<Result<void>> send_interim(ResponseHead& head) override;
    Task<Result<void>> switch_protocols(ResponseHead& head, std::string_view first,
                                        std::unique_ptr<Takeover> next) override;
    void cut() override;
    void abort() override;
    void close_after() override { connection_.drain(); }
    void cancel_read() override;
    void watch_peer(net::Stream::Watcher* watcher) override;
    [[nodiscard]] bool responded() const override { return responded_; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return bytes_out_; }

    // As Duplex, behind switch_protocols() (RFC 8441, 5).
    Task<Result<std::string_view>> read(net::Buffer& buffer, Instant deadline) override;
    Task<Result<void>> write(std::string_view bytes, net::PaceLimits pace) override;
    void end() override;
    void cancel() override { cut(); }
    [[nodiscard]] bool cancelled() const override { return cut_ || closed_ || reset_; }

    // As H2Session::Listener: what the session tells of this stream, from within receive() and
    // fill(). field(): false if the section is longer than anybody wants to decode.
    void fields_began(bool trailers) override;
    bool field(std::string_view name, std::string_view value) override;
    void fields_ended(bool last) override;
    void data(std::string_view bytes) override;
    void ended() override;
    void closed(H2Code code) override;
    H2Session::Outgoing outgoing() override { return outgoing_; }
    void taken(std::size_t bytes, bool last) override;
    void end_sent() override;
    std::string& literals() override { return work_->literals; }

    // Before the responder: what is known to be wrong already becomes the head's defect().
    void begin();
    // After the responder: who goes on with the stream; null: nobody.
    [[nodiscard]] std::unique_ptr<Takeover> next() { return std::move(next_taker_); }
    [[nodiscard]] bool is_closed() const { return closed_; }
    // After the responder: what is still to be said, and until the client can have been told.
    Task<void> settle();

  private:
    friend class H2Connection;
    // The next part of the body, or why there is none. False: it has not come yet.
    bool step(Result<BodyPart>& part);
    // Of what was handed out last the client may send as much again.
    void pass_on();
    // What has come becomes what is read; the part before is gone.
    void hand_out();
    // How many bytes of what has come wait until the client has ended its request.
    [[nodiscard]] std::size_t held_back() const;
    // It counts no longer against what the client may have open at once.
    void leave();
    void leave_if_done();  // once both sides have said all
    // The body is wrong: whoever reads it gets Errc::malformed with this text.
    void break_off(const char* detail);
    void reset(H2Code code);  // once; the client's fault counts against its connection
    [[nodiscard]] std::unexpected<Error> gone() const;
    // Until outgoing_ has been taken; Errc::timeout, and a reset, when the client takes nothing.
    Task<Result<void>> drain_out();

    H2Connection& connection_;
    std::int32_t id_;
    Borrowed<H2Work> work_;
    std::optional<H2HeadReader> reader_;  // while the head arrives
    std::optional<H1Refusal> defect_;
    Instant began_;
    net::Pace in_pace_;
    net::Pace out_pace_;
    net::Pause body_came_;
    net::Pause body_left_;
    net::Stream::Watcher* watcher_ = nullptr;
    std::optional<Error> body_error_;
    std::unique_ptr<Takeover> next_taker_;
    H2Session::Outgoing outgoing_;
    std::uint64_t body_max_ = UINT64_MAX;
    std::optional<Millis> pause_max_;  // in place of in_pace_
    std::uint64_t received_ = 0;       // body bytes that came
    std::uint64_t bytes_in_ = 0;       // … and were asked for
    std::uint64_t bytes_out_ = 0;
    std::size_t owed_ = 0;       // of what was handed out: not yet the client's to send again
    std::size_t in_moved_ = 0;   // since the wait for them began
    std::size_t out_moved_ = 0;  // the same
    bool request_ended_ = false;
    bool in_trailers_ = false;
    bool malformed_ = false;
    bool responded_ = false;
    bool complete_ = false;  // the answer's last byte was taken
    bool end_sent_ = false;
    bool no_body_out_ = false;
    bool continued_ = false;
    bool read_cancelled_ = false;
    bool reset_ = false;   // by us
    bool closed_ = false;  // nothing comes or goes any more
    bool cut_ = false;
    bool left_ = false;
    H2Stream* next_ = nullptr;
    H2Stream* previous_ = nullptr;
};

}  // namespace gw::http
