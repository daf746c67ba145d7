// One worker: a thread with its loop, and everything that serves requests on it.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "gateway/shard.hpp"
#include "http/h1_server.hpp"
#include "http/h2_server.hpp"
#include "net/buffers.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"
#include "observe/access_log.hpp"
#include "observe/metrics.hpp"

namespace gw::app {

class Worker {
  public:
    Worker(observe::LogSink& sink, net::ConnectionBudget& budget);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    // The thread must have been stopped.
    ~Worker() = default;

    // While starting and from the control thread. The site is in force before the first connection
    // is accepted.
    // ask_for_keys: called on the worker's thread.
    void report_to(observe::Log& log, gateway::SecurityRecord* record) {
        shard_.report_to(log, record);
    }
    void limit_by(gateway::RateLimits& limits);
    void keep_answers_in(gateway::AnswerCache& cache) { shard_.keep_answers_in(cache); }
    void share_answers_by(gateway::SharedAnswers& shared) { shard_.share_answers_by(shared); }
    void remember_keys_in(gateway::IdempotencyStore& store) { shard_.remember_keys_in(store); }
    void break_by(upstream::BreakerSet& breakers) { shard_.break_by(breakers); }
    void ask_for_keys_by(std::move_only_function<void()> ask) {
        shard_.access().ask_for_keys_by(std::move(ask));
    }
    void start(std::shared_ptr<const gateway::Site> site, std::vector<net::Fd> sockets,
               std::vector<net::Fd> tls_sockets);
    void adopt(std::shared_ptr<const gateway::Site> site);
    // Issuers' keys; answered: also without a change, to whoever waits for a reading to end.
    void adopt_keys(std::shared_ptr<const identity::KeySet> keys);
    void keys_were_read();
    void adopt_known(std::shared_ptr<const state::Known> known);
    // What the control thread found out over all workers.
    void count_violation(observe::Violation violation);
    void adopt_members(std::string service, std::vector<upstream::Member> members);
    void adopt_check(std::string service, net::Address address, bool well);
    // Called on the worker's thread.
    void tell_ejected_by(gateway::Shard::Ejected tell) { shard_.tell_ejected_by(std::move(tell)); }
    void tell_crowded_by(gateway::Shard::Crowded tell) { shard_.tell_crowded_by(std::move(tell)); }
    void send_traces_by(std::function<void(observe::TraceBatch)> send) {
        shard_.send_traces_by(std::move(send));
    }
    void adopt_pressure(gateway::Pressure pressure);
    // What it keeps for later requests: memory runs short.
    void drop_reserves();
    // Bytes; 0: no limit.
    void limit_held_bodies(std::uint64_t most);
    // From here on new session tickets are made with the first of these.
    void adopt_tickets(std::shared_ptr<const net::TicketKeys> tickets);
    void adopt_health(std::shared_ptr<const gateway::HealthReport> report);

    // Stopping, in this order.
    void drain();            // responses say that their connection ends
    void close_listeners();  // accepts what the kernel has, then no more
    void end_idle();         // connections between requests end, the others with their response
    void end_requests();     // those that wait for a service are answered that we end
    void end_all();          // ends every connection, whatever it carries
    void stop();             // ends the loop and joins the thread; no connection may be left

    // How many connections live here, as of the last turn. Any thread.
    [[nodiscard]] std::size_t connections() const {
        return connections_.load(std::memory_order_relaxed);
    }
    [[nodiscard]] observe::MetricBlock& metrics() { return metrics_; }

  private:
    // A head of the largest size fits one buffer.
    static constexpr std::size_t kBufferBytes = 16UL * 1024;
    // Two or three for each of a hundred requests in flight. More would be faster with more, and
    // stay with the process when it is idle.
    static constexpr std::size_t kBuffersKept = 256;

    void adopt_limits(const gateway::Site& site);
    void between_turns();
    void adopt_tls(const gateway::Site& site);
    net::Task<void> end();

    observe::MetricBlock metrics_;
    net::Loop loop_;
    net::BufferPool buffers_{kBufferBytes, kBuffersKept};
    http::H1Pool h1_{.buffers = buffers_, .server = {}, .client = {}};
    observe::AccessLog access_log_;
    gateway::Shard shard_{loop_, h1_, metrics_, access_log_};
    net::TlsServer tls_{loop_.clock()};
    http::H1ServerShared shared_{.loop = loop_,
                                 .pool = h1_,
                                 .responder = shard_,
                                 .limits = {},
                                 .tls = &tls_,
                                 .h2 = &h2_server_};
    http::H1Server server_;
    http::H2Server h2_server_{shared_};
    net::ConnectionBudget& budget_;
    std::vector<std::unique_ptr<net::Listener>> listeners_;
    std::atomic<std::size_t> connections_{0};
    std::size_t h2_connections_ = 0;  // as of the last turn
    net::Scope ending_;
    std::jthread thread_;
};

}  // namespace gw::app
