// One attempt: the request up, the response down, both bodies at once, each as fast as the slower
// side takes it.
#pragma once

#include <optional>

#include "gateway/exchange.hpp"
#include "net/scope.hpp"
#include "upstream/breaker_call.hpp"

namespace gw::gateway {

// Lives as long as its run(), which is called once.
class Relay {
  public:
    // first: the part of the client's body that is already here.
    // call: is told when the answer's head is there.
    Relay(Exchange& x, http::ClientStream& service, http::BodyPart first,
          upstream::BreakerCall& call)
        : x_(x), service_(service), first_(first), call_(call) {}
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    net::Task<Result<void>> run() { return first_.last ? transfer() : transfer_with_upload(); }
    // More of the body has been taken from the client than `first`: the request cannot be sent
    // again.
    [[nodiscard]] bool body_read() const { return body_read_; }

  private:
    net::Task<Result<void>> transfer();
    net::Task<Result<void>> transfer_with_upload();
    net::Task<void> upload();
    [[nodiscard]] Instant head_deadline() const;

    Exchange& x_;
    http::ClientStream& service_;
    http::BodyPart first_;
    upstream::BreakerCall& call_;
    net::Scope scope_;
    bool uploading_ = false;
    bool body_read_ = false;
    Instant uploaded_{};                 // when the last bytes of the request left
    std::optional<Error> client_error_;  // the client's body ended badly
};

}  // namespace gw::gateway
