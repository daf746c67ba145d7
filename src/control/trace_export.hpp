// Sends traces to a collector: in batches, from a queue with an end. A collector that is slow or
// away costs requests nothing: what does not fit is dropped and counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "control/trace_options.hpp"
#include "http/h1_pool.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/scope.hpp"
#include "net/task.hpp"
#include "observe/log.hpp"
#include "observe/otlp.hpp"

namespace gw::control {

class TraceExport {
  public:
    // servers: name servers, as net::Resolver takes them.
    TraceExport(net::Loop& loop, observe::Log& log, http::H1Pool& pool, const std::string& servers)
        : loop_(loop), log_(log), pool_(pool), resolver_(loop, servers) {}
    TraceExport(const TraceExport&) = delete;
    TraceExport& operator=(const TraceExport&) = delete;

    // Any thread. Takes what there is room for.
    void offer(observe::TraceBatch batch);

    // The rest: control thread.
    void configure(const TraceOptions& options, observe::TraceResource resource);
    void start() { scope_.spawn(keep_sending()); }
    // Sends what waits, within this time, and ends.
    void stop(Millis within);
    net::Scope::AllDone all_done() { return scope_.all_done(); }
    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    struct Answer {
        int status = 0;
        std::string body;
    };
    net::Task<void> keep_sending();
    net::Task<bool> send_some();
    net::Task<Result<Answer>> post(std::string body, Instant deadline);
    void told(bool good, const std::string& why);
    void tell_of_lost();

    net::Loop& loop_;
    observe::Log& log_;
    http::H1Pool& pool_;
    net::Resolver resolver_;
    TraceOptions options_;
    observe::TraceResource resource_;
    observe::TraceBatch queue_;
    std::atomic<std::size_t> waiting_{0};  // in the queue, or on the way there
    std::atomic<std::size_t> most_{0};
    std::atomic<std::uint64_t> dropped_{0};
    std::atomic<std::uint64_t> lost_{0};  // of these, those for which there was no room
    std::uint64_t lost_seen_ = 0;
    Instant lost_at_{};                         // when that was
    std::optional<std::uint64_t> lost_before_;  // while some are: how many before
    std::uint64_t sent_ = 0;
    bool failing_ = false;
    bool stopping_ = false;
    Instant latest_ = kNever;
    net::Pause pause_{loop_};
    net::Scope scope_;
};

}  // namespace gw::control
