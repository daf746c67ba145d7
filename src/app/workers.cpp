#include "app/workers.hpp"

namespace gw::app {
namespace {

constexpr Millis kFirstWord{200};  // a round trip or two
constexpr Millis kLastAnswers{300};
constexpr Millis kLastWord{2'000};

}  // namespace

Workers::Workers(Foundation& base, std::size_t count, std::size_t connections_max)
    : log_(base.log), loop_(base.loop), budget_(connections_max) {
    for (std::size_t i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<Worker>(base.sink, budget_));
        base.exposition.add_block(workers_.back()->metrics(), i);
    }
}

void Workers::start(const std::shared_ptr<const gateway::Site>& site, OpenSockets& sockets) {
    each([&](Worker& worker, std::size_t i) {
        worker.start(site, std::move(sockets.workers[i]), std::move(sockets.workers_tls[i]));
    });
}

net::Task<void> Workers::stop(Instant drained, Instant latest) {
    each([](Worker& worker) { worker.drain(); });
    // Whoever sends us traffic needs a moment to notice that we are going.
    co_await pause_.until(std::min(drained, latest));
    each([](Worker& worker) { worker.close_listeners(); });
    // A client that had just connected is about to say what it wants.
    co_await wait_for_connections(std::min(loop_.now() + kFirstWord, latest));
    each([](Worker& worker) { worker.end_idle(); });
    co_await wait_for_connections(latest);
    if (connections() > 0) {
        each([](Worker& worker) { worker.end_requests(); });
        impatient_ = false;
        co_await wait_for_connections(loop_.now() + kLastAnswers);
    }
    each([](Worker& worker) { worker.end_all(); });
    impatient_ = false;
    co_await wait_for_connections(loop_.now() + kLastWord);
    if (connections() > 0) {
        // A mistake of ours, which ends the process when the workers go: after what is to be
        // written behind them.
        log_.error("a cancelled connection did not end");
    }
    each([](Worker& worker) { worker.stop(); });
}

void Workers::hurry() {
    impatient_ = true;
    pause_.wake();
}

net::Task<void> Workers::wait_for_connections(Instant until) {
    // A worker counts what it accepted just before it closed its listeners in its next turn.
    co_await pause_.until(loop_.now() + Millis{50});
    while (connections() > 0 && loop_.now() < until && !impatient_) {
        co_await pause_.until(loop_.now() + Millis{20});
    }
}

std::size_t Workers::connections() const {
    std::size_t sum = 0;
    for (const auto& worker : workers_) {
        sum += worker->connections();
    }
    return sum;
}

std::vector<const observe::MetricBlock*> Workers::metrics() const {
    std::vector<const observe::MetricBlock*> blocks;
    blocks.reserve(workers_.size());
    for (const auto& worker : workers_) {
        blocks.push_back(&worker->metrics());
    }
    return blocks;
}

std::uint64_t Workers::sign_ins() const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        sum += worker->metrics().auth_attempt(observe::AuthAttempt::success).value();
    }
    return sum;
}

std::uint64_t Workers::refused_by(std::string_view policy) const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        worker->metrics().rate_limits.each([&](const observe::NamedCounter& counter) {
            const std::string_view name = counter.name;
            if (name == policy ||
                (name.starts_with(policy) && name.substr(policy.size()).starts_with(":"))) {
                sum += counter.count.value();
            }
        });
    }
    return sum;
}

}  // namespace gw::app
