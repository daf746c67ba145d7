// A request of the gateway's own making, after the model of a client's: its answer goes nowhere, or
// where whoever derives from this takes it.
#pragma once

#include <optional>

#include "base/arena.hpp"
#include "http/stream.hpp"
#include "net/tls_session.hpp"

namespace gw::gateway {

class DetachedStream : public http::Stream {
  public:
    // Takes a copy of all of its head.
    explicit DetachedStream(const http::Stream& like);
    // The same with another method.
    DetachedStream(const http::Stream& like, http::Method method, std::string_view method_text);

    [[nodiscard]] const http::RequestHead& head() const override { return head_; }
    [[nodiscard]] const http::H1Refusal* defect() const override { return nullptr; }
    [[nodiscard]] const net::Address& peer() const override { return peer_; }
    [[nodiscard]] http::Protocol protocol() const override { return protocol_; }
    [[nodiscard]] bool secure() const override { return secure_; }
    [[nodiscard]] const net::TlsPeer* client_certificate() const override {
        return certificate_ ? &*certificate_ : nullptr;
    }
    [[nodiscard]] Instant began() const override { return began_; }
    http::BodyPart body_at_hand() override { return {{}, true}; }
    net::Task<Result<http::BodyPart>> read_body() override;
    void limit_body(std::uint64_t) override {}
    [[nodiscard]] const http::Headers* trailers() const override { return nullptr; }
    net::Task<Result<void>> send(http::ResponseHead& head, std::string_view body, bool last,
                                 const http::Headers* trailers) override;
    net::Task<Result<void>> send_body(std::string_view body, bool last,
                                      const http::Headers* trailers) override;
    net::Task<Result<void>> send_interim(http::ResponseHead& head) override;
    void cut() override;
    void abort() override {}
    void close_after() override {}
    void cancel_read() override {}
    void watch_peer(net::Stream::Watcher* watcher) override;
    [[nodiscard]] bool responded() const override { return responded_; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return 0; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return 0; }

    [[nodiscard]] bool was_cut() const { return cut_; }

  protected:
    // For whoever derives, before the request is on its way.
    [[nodiscard]] http::RequestHead& own_head() { return head_; }
    // Success until it was cut.
    [[nodiscard]] Result<void> alive() const;
    void set_responded() { responded_ = true; }

  private:
    Arena arena_;
    std::optional<net::TlsPeer> certificate_;
    http::RequestHead head_;
    net::Address peer_;
    http::Protocol protocol_;
    bool secure_;
    Instant began_;
    net::Stream::Watcher* watcher_ = nullptr;
    bool responded_ = false;
    bool cut_ = false;
};

}  // namespace gw::gateway
