// One attempt: the request up, the response down, both bodies at once, each as fast as the slower
// side takes it.
#pragma once

#include <optional>

#include "gateway/exchange.hpp"
#include "gateway/resend.hpp"
#include "net/scope.hpp"
#include "upstream/breaker_call.hpp"

namespace gw::gateway {

// Lives as long as its run(), which is called once.
class Relay {
  public:
    // first: the part of the client's body that is already here; it outlives run().
    // call: is told of the answer, also when its body breaks off. resend: may want it sent again
    // instead. answer: its head, if the request has been sent and answered already. latest: when
    // its head must be there however long the client sends.
    Relay(Exchange& x, http::ClientStream& service, http::BodyPart first,
          upstream::BreakerCall& call, Resend& resend, const http::ResponseHead* answer = nullptr,
          Instant latest = kNever)
        : x_(x),
          service_(service),
          first_(first.bytes.substr(0, kSentAtOnce),
                 first.last && first.bytes.size() <= kSentAtOnce),
          held_(first.bytes.size() <= kSentAtOnce
                    ? http::BodyPart{}
                    : http::BodyPart{first.bytes.substr(kSentAtOnce), first.last}),
          all_here_(first.last),
          call_(call),
          resend_(resend),
          answer_(answer),
          latest_(latest) {}
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    net::Task<Result<void>> run() { return first_.last ? transfer() : transfer_with_upload(); }
    // More of the body has been taken from the client than `first`: the request cannot be sent
    // again.
    [[nodiscard]] bool body_read() const { return body_read_; }
    // run() failed because the answer is not what is wanted: the request is to be sent again.
    [[nodiscard]] bool passed_over() const { return passed_over_ != 0; }
    // Of the answer that was passed over; 0: none was.
    [[nodiscard]] int passed_over_status() const { return passed_over_; }

  private:
    // The service takes that much before it reads; behind more of a body its answer would have to
    // wait, which may come early.
    static constexpr std::size_t kSentAtOnce = 16UL * 1024;

    net::Task<Result<void>> transfer();
    [[nodiscard]] Millis until_deadline(Millis pause) const;
    // The answer is an error that the request is sent again for.
    bool pass_over(const http::ResponseHead& head);
    // Though nobody reads it any more, the answer is kept for who asks again.
    [[nodiscard]] bool wanted_without_client() const;
    net::Task<Result<void>> transfer_with_upload();
    net::Task<void> upload();
    [[nodiscard]] Instant head_deadline() const;

    Exchange& x_;
    http::ClientStream& service_;
    http::BodyPart first_;
    http::BodyPart held_;  // what goes behind it, if anything of that is here
    bool all_here_;        // nothing of the body is to be read from the client
    upstream::BreakerCall& call_;
    Resend& resend_;
    const http::ResponseHead* answer_;
    Instant latest_;
    net::Scope scope_;
    bool uploading_ = false;
    bool over_ = false;  // nobody asks for the rest of the body any more
    bool body_read_ = false;
    int passed_over_ = 0;                // the status
    Instant uploaded_{};                 // when the last bytes of the request left
    std::optional<Error> client_error_;  // the client's body ended badly
};

}  // namespace gw::gateway
