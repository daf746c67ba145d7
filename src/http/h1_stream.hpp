// One HTTP/1.1 request on a client's connection, as the gateway sees it.
#pragma once

#include "http/h1_server.hpp"

namespace gw::http {

class H1Stream final : public Stream {
  public:
    // at_hand: what followed the head in work.in. refusal: why it is not a request, or null.
    H1Stream(H1Connection& connection, H1Work& work, std::string_view at_hand,
             const H1Refusal* refusal, Instant began);

    [[nodiscard]] const RequestHead& head() const override { return work_.head; }
    [[nodiscard]] const H1Refusal* defect() const override { return refusal_; }
    [[nodiscard]] const net::Address& peer() const override { return connection_.peer_; }
    [[nodiscard]] Protocol protocol() const override {
        return work_.head.version_minor == 0 ? Protocol::http10 : Protocol::http11;
    }
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
    [[nodiscard]] const Headers* trailers() const override { return work_.body.trailers(); }

    Task<Result<void>> send(ResponseHead& head, std::string_view body, bool last,
                            const Headers* trailers) override;
    Task<Result<void>> send_body(std::string_view body, bool last,
                                 const Headers* trailers) override;
    Task<Result<void>> send_interim(ResponseHead& head) override;
    Task<Result<void>> switch_protocols(ResponseHead& head, std::string_view first,
                                        std::unique_ptr<Takeover> next) override;

    void cut() override {
        connection_.closing_ = true;
        abort();
        connection_.stream_.cancel();
    }
    void abort() override {
        aborted_ = true;
        if (ends_by_close_) {
            connection_.stream_.reset_on_close();  // a plain close would look like the end
        }
    }
    void close_after() override { connection_.closing_ = true; }
    void cancel_read() override {
        read_cancelled_ = true;
        connection_.stream_.cancel_read();
    }
    void watch_peer(net::Stream::Watcher* watcher) override {
        connection_.stream_.watch_peer(watcher);
    }

    [[nodiscard]] bool responded() const override { return responded_; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return bytes_in_; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return bytes_out_; }

    // After serve(): may the connection take another request? unread() is then its first bytes.
    [[nodiscard]] bool reusable() const {
        return responded_ && !aborted_ && complete_ && work_.body.done() && !connection_.closing_;
    }
    [[nodiscard]] std::string_view unread() const { return pending_; }
    // After serve(): who goes on with the connection; null: nobody.
    [[nodiscard]] std::unique_ptr<Takeover> next() { return std::move(next_); }
    // The client may still be sending what nobody reads.
    [[nodiscard]] bool needs_linger() const { return !aborted_ && complete_; }

  private:
    // Takes what it can from pending bytes. False: more bytes are needed.
    bool step(Result<BodyPart>& part);
    Task<Result<void>> send_continue();

    // 100 (Continue) leaves from the side that reads the body: an answer that comes at the same
    // time waits until it is out. One waiter: whoever answers.
    struct ContinueSent {
        H1Stream& stream;
        [[nodiscard]] bool await_ready() const { return !stream.continuing_; }
        void await_suspend(std::coroutine_handle<> handle) const {
            stream.after_continue_ = handle;
        }
        void await_resume() const {}
    };
    ContinueSent continue_sent() { return {*this}; }

    H1Connection& connection_;
    H1Work& work_;
    std::string_view pending_;
    const H1Refusal* refusal_;
    Instant began_;
    net::Pace pace_;
    std::optional<Error> body_error_;  // found before anybody could be told
    std::uint64_t body_max_ = UINT64_MAX;
    std::uint64_t bytes_in_ = 0;
    std::uint64_t bytes_out_ = 0;
    bool responded_ = false;
    bool complete_ = false;  // the response's last byte was handed over
    bool aborted_ = false;
    bool continued_ = false;   // 100 (Continue) was sent, or is not wanted
    bool continuing_ = false;  // it is on its way out
    std::coroutine_handle<> after_continue_;
    bool read_cancelled_ = false;
    bool chunked_out_ = false;
    bool ends_by_close_ = false;
    bool no_body_out_ = false;  // HEAD, 204, 304
    std::unique_ptr<Takeover> next_;
};

}  // namespace gw::http
