#include "app/worker.hpp"

#include "gateway/rate_limits.hpp"

namespace gw::app {

Worker::Worker(observe::LogSink& sink, net::ConnectionBudget& budget)
    : access_log_(sink), server_(shared_, budget), budget_(budget) {}

void Worker::limit_by(gateway::RateLimits& limits) {
    shard_.limit_by(limits);
    limits.when_answered([this] { loop_.post([this] { shard_.limits_answered(); }); });
}

void Worker::start(std::shared_ptr<const gateway::Site> site, std::vector<net::Fd> sockets,
                   std::vector<net::Fd> tls_sockets) {
    adopt_limits(*site);
    adopt_tls(*site);
    shard_.adopt(std::move(site));
    for (net::Fd& socket : sockets) {
        listeners_.push_back(
            std::make_unique<net::Listener>(loop_, std::move(socket), budget_, server_));
    }
    for (net::Fd& socket : tls_sockets) {
        listeners_.push_back(
            std::make_unique<net::Listener>(loop_, std::move(socket), budget_, server_.secure()));
    }
    loop_.between_turns([this] { between_turns(); });
    thread_ = std::jthread([this] { loop_.run(); });
}

void Worker::adopt_limits(const gateway::Site& site) {
    access_log_.set_origin(site.log_origin);
    shared_.limits = site.limits;
    shared_.proxy_protocol = site.proxy_protocol;
    shared_.proxies = site.trusted_proxies;
    shared_.h2_unasked = site.http2;
    h2_server_.limits = site.h2_limits;
}

void Worker::between_turns() {
    const auto lag = std::chrono::duration_cast<std::chrono::microseconds>(loop_.lag());
    metrics_.loop_lag.observe(static_cast<std::uint64_t>(lag.count()));
    const std::size_t live = server_.connections();
    if (const std::size_t h2 = h2_server_.connections(); h2 != h2_connections_) {
        h2_connections_ = h2;
        shard_.gauges(http::Protocol::http2).active_connections.set(h2);
        shard_.gauges(http::Protocol::http11).active_connections.set(live - h2);
    }
    // What goes on behind requests is waited for as connections are.
    const std::size_t all = live + shard_.live_behind();
    if (all != connections_.load(std::memory_order_relaxed)) {
        connections_.store(all, std::memory_order_relaxed);
        shard_.gauges(http::Protocol::http11).active_connections.set(live - h2_connections_);
    }
}

void Worker::adopt(std::shared_ptr<const gateway::Site> site) {
    loop_.post([this, site = std::move(site)]() mutable {
        adopt_limits(*site);
        adopt_tls(*site);
        shard_.adopt(std::move(site));
    });
}

// A configuration without certificates takes none away: the port stays open until the process ends.
void Worker::adopt_tls(const gateway::Site& site) {
    if (site.tls != nullptr) {
        tls_.contexts = site.tls;
        tls_.handshake_timeout = site.tls_handshake_timeout;
    }
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

void Worker::adopt_members(std::string service, std::vector<upstream::Member> members) {
    loop_.post([this, service = std::move(service), members = std::move(members)] {
        shard_.adopt_members(service, members);
    });
}

void Worker::adopt_check(std::string service, net::Address address, bool well) {
    loop_.post([this, service = std::move(service), address, well] {
        shard_.adopt_check(service, address, well);
    });
}

void Worker::adopt_pressure(gateway::Pressure pressure) {
    loop_.post([this, pressure] { shard_.adopt_pressure(pressure); });
}

void Worker::drop_reserves() {
    loop_.post([this] {
        shard_.drop_reserves();
        h2_server_.drop_reserve();
    });
}

void Worker::limit_held_bodies(std::uint64_t most) {
    loop_.post([this, most] { shard_.limit_held_bodies(most); });
}

void Worker::adopt_health(std::shared_ptr<const gateway::HealthReport> report) {
    loop_.post(
        [this, report = std::move(report)]() mutable { shard_.adopt_health(std::move(report)); });
}

void Worker::adopt_tickets(std::shared_ptr<const net::TicketKeys> tickets) {
    loop_.post(
        [this, tickets = std::move(tickets)]() mutable { tls_.tickets = std::move(tickets); });
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
    loop_.post([this] {
        server_.end_idle();
        h2_server_.drain();
        shard_.close_tunnels();
        // Nobody is served by them.
        shard_.cut_where([](const gateway::Exchange& x) -> const char* {
            return x.copied != nullptr ? gateway::kProcessEnds : nullptr;
        });
    });
}

void Worker::end_requests() {
    loop_.post([this] { shard_.end_requests(); });
}

void Worker::end_all() {
    loop_.post([this] {
        // First: requests that outlive their clients, and those that have none, end as well.
        shard_.cut_where([](const gateway::Exchange&) { return gateway::kProcessEnds; });
        server_.end_all();
        shard_.tunnels().cut_all();  // whose client has ended waits for its service alone
        shard_.access().keys_asked_for_ended();  // whoever waits for one waits for no socket
    });
}

net::Task<void> Worker::end() {
    co_await shard_.end_services();
    loop_.stop();
}

void Worker::stop() {
    loop_.post([this] { ending_.spawn(end()); });
    thread_.join();
    shard_.flush();
}

}  // namespace gw::app
