// One HTTP/1.1 exchange on a connection to a service: strict about what comes back, since whatever
// is misread here is given to a client, or to the next one.
#pragma once

#include "http/h1_parser.hpp"
#include "http/h1_pool.hpp"
#include "http/stream.hpp"
#include "net/pace.hpp"

namespace gw::http {

class H1Client final : public ClientStream {
  public:
    H1Client(net::Stream& stream, H1Pool& pool, const H1Limits& limits,
             const net::PaceLimits& pace);
    H1Client(const H1Client&) = delete;
    H1Client& operator=(const H1Client&) = delete;
    ~H1Client() override = default;

    Task<Result<void>> send(RequestHead& head, std::string_view body, bool last,
                            const Headers* trailers) override;
    Task<Result<void>> send_body(std::string_view body, bool last,
                                 const Headers* trailers) override;
    Task<Result<const ResponseHead*>> read_head(Instant deadline) override;
    Task<Result<BodyPart>> read_body(Millis stall) override;
    Result<BodyPart> body_at_hand() override;
    [[nodiscard]] const Headers* trailers() const override { return work_->body.trailers(); }
    void cancel() override { stream_.cancel(); }
    [[nodiscard]] bool reusable() const override;
    // What came behind the head; after a 101, the first bytes of another protocol.
    [[nodiscard]] std::string_view unread() const { return pending_; }
    // `timeout` of the answer's Keep-Alive; zero: it said nothing.
    [[nodiscard]] std::chrono::seconds keep_alive() const { return keep_alive_; }

  private:
    // After a failure: may the request be sent again?
    [[nodiscard]] Retry retry_after(Retry said) const;
    bool step(Result<BodyPart>& part);
    Result<void> written(Result<void> result);
    std::unexpected<Error> broken(Errc code, const char* detail);

    net::Stream& stream_;
    H1Pool& pool_;
    const H1Limits& limits_;
    const net::PaceLimits& pace_;
    Borrowed<H1ClientWork> work_;
    std::uint64_t written_before_;  // on this connection, by other requests
    std::string_view pending_;      // bytes received and not yet taken
    Method method_ = Method::get;
    std::chrono::seconds keep_alive_{0};
    bool chunked_out_ = false;
    bool sent_all_ = false;
    bool got_any_ = false;
    bool got_head_ = false;  // the final one
    bool failed_ = false;
};

}  // namespace gw::http
