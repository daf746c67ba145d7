#include "gateway/shard.hpp"

#include <algorithm>

namespace gw::gateway {
namespace {

constexpr Millis kSweepEvery{500};
constexpr Millis kAccessLineWait{50};  // how old a line may get before it is written out

}  // namespace

Shard::Shard(net::Loop& loop, http::H1Pool& h1, observe::MetricBlock& metrics,
             observe::AccessLog& access_log)
    : loop_(loop),
      h1_(h1),
      metrics_(metrics),
      access_log_(access_log),
      health_(std::make_shared<HealthReport>()) {
    loop_.timers().arm(sweep_timer_, loop_.now() + kSweepEvery);
    for (std::size_t i = 0; i < http::kProtocols; ++i) {
        gauges_[i] = &metrics_.protocol(http::protocol_name(static_cast<http::Protocol>(i)));
    }
}

net::Task<void> Shard::serve(http::Stream& stream) {
    return gateway::serve(stream, *this);
}

void Shard::adopt(std::shared_ptr<const Site> site) {
    Generation next;
    next.site = std::move(site);
    for (const ServiceEntry& entry : next.site->services) {
        auto known = std::ranges::find_if(
            services_, [&](const auto& service) { return service->name() == entry.name; });
        if (known == services_.end()) {
            services_.push_back(std::make_unique<upstream::Service>(loop_, entry.name));
            known = std::prev(services_.end());
        }
        (*known)->configure(entry.options);
        next.services.push_back(known->get());
        next.service_series.push_back(&metrics_.upstream(entry.name));
    }
    for (const auto& route : next.site->routes.routes()) {
        next.route_series.push_back(&metrics_.route(route->path));
    }
    next.unrouted = &metrics_.route("none");
    generations_.push_back(std::move(next));
    current_ = &generations_.back();
    std::erase_if(generations_,
                  [this](const Generation& g) { return g.exchanges == 0 && &g != current_; });
}

void Shard::adopt_addresses(const std::string& service, std::span<const net::Address> addresses) {
    for (const auto& known : services_) {
        if (known->name() == service) {
            known->set_addresses(addresses);
        }
    }
}

Generation& Shard::enter_generation() {
    ++current_->exchanges;
    return *current_;
}

void Shard::leave_generation(Generation& generation) {
    if (--generation.exchanges == 0 && &generation != current_) {
        std::erase_if(generations_, [&](const Generation& g) { return &g == &generation; });
    }
}

void Shard::sweep() {
    for (const auto& service : services_) {
        service->sweep();
        const upstream::Service::Count count = service->connections();
        observe::UpstreamSeries& series = metrics_.upstream(service->name());
        series.connections_idle.set(count.idle);
        series.connections_active.set(count.lent);
    }
    loop_.timers().arm(sweep_timer_, loop_.now() + kSweepEvery);
}

void Shard::write_access_line(const observe::AccessRecord& record) {
    access_log_.write(record);
    if (!flush_timer_.armed()) {
        loop_.timers().arm(flush_timer_, loop_.now() + kAccessLineWait);
    }
}

void Shard::flush() {
    access_log_.flush();
}

}  // namespace gw::gateway
