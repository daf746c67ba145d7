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
// The service is about to be asked, for the first time or again.
void begin_attempt(Exchange& x);
// What a limit that adapts learns from an attempt's answer, or from one that did not come in time.
// Of one that ended otherwise, by a broken connection or with its client, it learns nothing.
// passed_over: the status of an answer that nobody is given, since the request is sent again; 0:
// there was none. Once an attempt.
void learn_from_attempt(Exchange& x, bool timed_out, int passed_over);

}  // namespace gw::gateway
