// A request's turn at its service, as the service's bulkhead gives them (upstream/bulkhead.hpp).
// While there is room it costs a few counters; without, the request waits for a while, and ends
// with 503 when its turn does not come, or with its client.
#pragma once

#include "gateway/client_watch.hpp"
#include "gateway/exchange.hpp"
#include "net/loop.hpp"
#include "upstream/bulkhead.hpp"

namespace gw::gateway {

// Pinned; ends before the exchange does.
class Turn final : upstream::Waiter, ClientWatch::Waiting {
  public:
    Turn(Exchange& x, ClientWatch& watch);
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() = default;

    // True: the request may go, and holds its permit (Exchange::permit). False: wait() says more.
    [[nodiscard]] bool enter();
    net::Task<Result<void>> wait();

  private:
    void decided() override { pause_.wake(); }
    void give_up() override { pause_.wake(); }
    std::unexpected<Error> refused(const char* why);

    Exchange& x_;
    ClientWatch& watch_;
    net::Pause pause_;
};

// By the route's word, or by the method. Behind the stage `route`.
upstream::Priority priority_of(const Exchange& x);
// What a limit that adapts learns from an answer, or from the lack of one. Once for a request.
void learn_from_answer(Exchange& x, bool timed_out);

}  // namespace gw::gateway
