#include "app/worker.hpp"

#include "gateway/rate_limits.hpp"

namespace gw::app {

Worker::Worker(observe::LogSink& sink, net::ConnectionBudget& budget)
    : access_log_(sink), server_(shared_, budget), budget_(budget) {}

void Worker::limit_by(gateway::RateLimits& limits) {
    shard_.limit_by(limits);
    limits.when_answered([this] { loop_.post([this] { shard_.limits_answered(); }); });
}

void Worker::start(std::shared_ptr<const gateway::Site> site, std::vector<net::Fd> sockets) {
    shared_.limits = site->limits;
    shard_.adopt(std::move(site));
    for (net::Fd& socket : sockets) {
        listeners_.push_back(
            std::make_unique<net::Listener>(loop_, std::move(socket), budget_, server_));
    }
    loop_.between_turns([this] { between_turns(); });
    thread_ = std::jthread([this] { loop_.run(); });
}

void Worker::between_turns() {
    const auto lag = std::chrono::duration_cast<std::chrono::microseconds>(loop_.last_turn());
    metrics_.loop_lag.observe(static_cast<std::uint64_t>(lag.count()));
    const std::size_t live = server_.connections();
    if (live != connections_.load(std::memory_order_relaxed)) {
        connections_.store(live, std::memory_order_relaxed);
        shard_.gauges(http::Protocol::http11).active_connections.set(live);
    }
}

void Worker::adopt(std::shared_ptr<const gateway::Site> site) {
    loop_.post([this, site = std::move(site)]() mutable {
        shared_.limits = site->limits;
        shard_.adopt(std::move(site));
    });
}

void Worker::adopt_keys(std::shared_ptr<const identity::KeySet> keys) {
    loop_.post(
        [this, keys = std::move(keys)]() mutable { shard_.access().adopt_keys(std::move(keys)); });
}

void Worker::adopt_known(std::shared_ptr<const state::Known> known) {
    loop_.post(
        [this, known = std::move(known)]() mutable { shard_.adopt_known(std::move(known)); });
}

void Worker::count_violation(observe::Violation violation) {
    loop_.post([this, violation] { metrics_.violation(violation).add(); });
}

void Worker::keys_were_read() {
    loop_.post([this] { shard_.access().keys_asked_for_ended(); });
}

void Worker::adopt_addresses(std::string service, std::vector<net::Address> addresses) {
    loop_.post([this, service = std::move(service), addresses = std::move(addresses)] {
        shard_.adopt_addresses(service, addresses);
    });
}

void Worker::adopt_health(std::shared_ptr<const gateway::HealthReport> report) {
    loop_.post(
        [this, report = std::move(report)]() mutable { shard_.adopt_health(std::move(report)); });
}

void Worker::drain() {
    loop_.post([this] { shard_.drain(); });
}

void Worker::close_listeners() {
    loop_.post([this] {
        for (const auto& listener : listeners_) {
            listener->take_all();
        }
        listeners_.clear();
    });
}

void Worker::end_idle() {
    loop_.post([this] { server_.end_idle(); });
}

void Worker::end_all() {
    loop_.post([this] {
        server_.end_all();
        shard_.access().keys_asked_for_ended();  // whoever waits for one waits for no socket
    });
}

void Worker::stop() {
    loop_.stop();
    thread_.join();
    access_log_.flush();
}

}  // namespace gw::app
