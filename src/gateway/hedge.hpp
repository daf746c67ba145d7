// A read that goes to a second endpoint when the first is slow to answer; whoever answers first is
// passed on, the other is cancelled. The second counts against the budget of what is sent again,
// and nothing goes to the client before it is known which of the two it will be (Dean and Barroso,
// The Tail at Scale).
#pragma once

#include <array>

#include "gateway/client_watch.hpp"
#include "gateway/resend.hpp"
#include "http/h1_client.hpp"
#include "net/scope.hpp"
#include "upstream/breaker_call.hpp"

namespace gw::gateway {

// Twice is as good as once, and nothing but the answer comes of it.
inline bool is_read(http::Method method) {
    return method == http::Method::get || method == http::Method::head;
}

// Lives as long as its run(), which is called once, for a request that has no body.
class Hedge final : ClientWatch::Waiting {
  public:
    // call: of the first.
    Hedge(Exchange& x, ClientWatch& watch, upstream::BreakerCall& call, std::uint64_t key);
    Hedge(const Hedge&) = delete;
    Hedge& operator=(const Hedge&) = delete;
    ~Hedge() { watch_.also(nullptr); }

    net::Task<Result<void>> run(upstream::Endpoint& first, Resend& resend);
    // Of what run() failed on.
    [[nodiscard]] bool reused() const { return reused_; }
    [[nodiscard]] bool passed_over() const { return passed_over_ != 0; }
    [[nodiscard]] int passed_over_status() const { return passed_over_; }

  private:
    // One of the two, up to the head of its answer.
    struct Try {
        upstream::Endpoint* endpoint = nullptr;  // while it runs
        upstream::BreakerCall* call = nullptr;
        std::optional<upstream::Lease> lease;
        std::optional<http::H1Client> client;
        net::Attempt* connecting = nullptr;
        Result<const http::ResponseHead*> answer{nullptr};
        bool began = false;
        bool done = false;
        bool reused = false;

        [[nodiscard]] bool running() const { return began && !done; }
        [[nodiscard]] bool good() const { return done && answer && (*answer)->status < 500; }
    };
    void begin(Try& each, upstream::Endpoint& endpoint, upstream::BreakerCall& call);
    void begin_second();
    net::Task<void> ask(Try& each);
    net::Task<Result<const http::ResponseHead*>> answer_of(Try& each);
    static void cancel(Try& each);
    void give_up() override;
    // What is passed on, once it is known; else null.
    [[nodiscard]] Try* winner();
    net::Task<Result<void>> pass_on(Try& each, Resend& resend);
    void failed(const Try& each, const Error& error);
    void lost(Try& each);

    Exchange& x_;
    ClientWatch& watch_;
    upstream::BreakerCall& call_;
    std::uint64_t key_;
    std::optional<upstream::BreakerCall> second_call_;
    std::array<Try, 2> tries_;
    net::Pause pause_;
    net::Scope scope_;
    bool sent_ = false;  // with the signature that the request has now
    bool reused_ = false;
    int passed_over_ = 0;  // the status
};

}  // namespace gw::gateway
