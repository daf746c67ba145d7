#include "gateway/shard.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "gateway/client_watch.hpp"
#include "gateway/security_event.hpp"
#include "gateway/stages.hpp"
#include "gateway/websocket_options.hpp"
#include "http/method_names.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

constexpr Millis kSweepEvery{500};
constexpr std::size_t kNoisiest = 3;  // tenants that are told of
constexpr Millis kFlushWait{50};      // how old a line or a trace may get before it is handed on

// Why somebody may no longer be served.
enum class Hit : std::uint8_t { address_banned, token_revoked, account_banned };

const char* why(Hit hit) {
    switch (hit) {
        case Hit::address_banned:
            return "the address was banned";
        case Hit::token_revoked:
            return "the token was revoked";
        case Hit::account_banned:
            return "the account was banned";
    }
    std::unreachable();
}

bool serves_once(const Route& route) {
    return find_options(route.options, stages::idempotency) != nullptr ||
           find_options(route.options, stages::webhook_signature) != nullptr;
}

// Of a route that lists no methods, what is asked for most.
void await_answers(const Route& route, observe::RouteSeries& series) {
    constexpr auto kMost =
        static_cast<std::uint16_t>(method_bit(http::Method::get) | method_bit(http::Method::post));
    const std::uint16_t methods = route.methods != 0 ? route.methods : kMost;
    for (const auto& [name, method] : http::names_of(http::Method{})) {
        if ((methods & method_bit(method)) != 0) {
            series.awaits(name);
        }
    }
}

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

void Shard::abused(const net::Address& peer, const char* what) {
    report_abuse(*this, peer.ip, what);
}

void Shard::out_of_connections() {
    constexpr std::chrono::seconds kTellEvery{60};
    if (!out_of_connections_told_ || loop_.now() - *out_of_connections_told_ >= kTellEvery) {
        out_of_connections_told_ = loop_.now();
        log_warn(
            "as many clients are connected as may be; those idle the longest are ended, and "
            "further ones wait until one leaves",
            {{"remedy", "raise connections.connections_max, or lower idle_timeout_ms there"}});
    }
}

void Shard::shook_hands(const net::Address& peer, observe::Handshake outcome, const char* why) {
    metrics_.handshake(outcome).add();
    if (outcome == observe::Handshake::unverified) {
        char text[IpAddress::kTextMax];
        log_warn("a client was not let in for its certificate",
                 {{"ip", std::string_view{text, peer.ip.write(text)}}, {"reason", why}});
    }
}

void Shard::adopt(std::shared_ptr<const Site> site) {
    // Tokens that were good under other rules may not be so any more. Where only limits are others,
    // the configuration is the same.
    const bool same = current_ != nullptr && current_->site->generation == site->generation;
    if (!same) {
        access_.tokens().clear();
        access_.tokens().set_most(site->tokens_cached);
    }
    Generation next;
    next.site = std::move(site);
    // All of them first: the series for which there was no room may be of several.
    for (const auto& service : services_) {
        metrics_.upstream(service->name()).configured(false);
    }
    for (const ServiceEntry& entry : next.site->services) {
        auto known = std::ranges::find_if(
            services_, [&](const auto& service) { return service->name() == entry.name; });
        if (known == services_.end()) {
            services_.push_back(std::make_unique<upstream::Service>(loop_, entry.name));
            known = std::prev(services_.end());
        }
        (*known)->configure(entry.options);
        next.services.push_back(known->get());
        next.breakers.push_back(&breakers_->of(entry.name));
        next.service_series.push_back(&metrics_.upstream(entry.name));
        next.service_series.back()->configured(true);
        next.service_series.back()->concurrency_limit.set((*known)->bulkhead().limit());
    }
    next.unrouted = &metrics_.route(observe::kNoRoute);  // first: it has room, whatever comes
    for (const auto& route : next.site->routes.routes()) {
        next.route_series.push_back(&metrics_.route(route->path));
        await_answers(*route, *next.route_series.back());
        if (serves_once(*route)) {
            next.route_series.back()->guards();
        }
        for (const std::size_t service : route->canaries) {
            next.service_series[service]->takes(observe::UpstreamSeries::kCanary);
        }
        for (const std::size_t service : route->part_services) {
            next.service_series[service]->takes(observe::UpstreamSeries::kPart);
        }
        if (route->mirror != kNoService) {
            next.service_series[route->mirror]->takes(observe::UpstreamSeries::kMirror);
        }
    }
    next.mirrors.resize(next.site->routes.routes().size());
    if (!next.site->signing.secret.empty()) {
        next.signer = std::make_unique<security::RequestSigner>(next.site->signing.secret);
    }
    for (const auto& policy : next.site->policies) {
        metrics_.rate_limited(policy->name(), policy->dry_run());
    }
    generations_.push_back(std::move(next));
    current_ = &generations_.back();
    std::erase_if(generations_,
                  [this](const Generation& g) { return g.exchanges == 0 && &g != current_; });
    close_tunnels_without_route();
    if (!same) {
        end_revoked_keys();
    }
}

void Shard::limits_answered() {
    for (net::Pause* pause : std::exchange(limit_waits_, {})) {
        pause->wake();
    }
}

void Shard::adopt_members(const std::string& service, std::span<const upstream::Member> members) {
    for (const auto& known : services_) {
        if (known->name() == service) {
            known->set_members(members);
        }
    }
}

void Shard::adopt_check(const std::string& service, const net::Address& address, bool well) {
    for (const auto& known : services_) {
        if (known->name() == service) {
            known->checked(address, well);
        }
    }
}

void Shard::adopt_known(std::shared_ptr<const state::Known> known) {
    access_.adopt_known(std::move(known));
    const state::Known& now_known = access_.known();
    const WallTime now = loop_.clock().wall;
    const auto hit_by = [&](const IpAddress& client,
                            const identity::Identity* caller) -> std::optional<Hit> {
        if (now_known.bans.by_address(client, now)) {
            return Hit::address_banned;
        }
        if (caller == nullptr) {
            return std::nullopt;
        }
        if (now_known.revocations.check(caller->id, caller->subject, caller->tenant,
                                        caller->issued_at, now)) {
            return Hit::token_revoked;
        }
        if (now_known.bans.by_user(caller->subject, now) ||
            now_known.bans.by_tenant(caller->tenant, now)) {
            return Hit::account_banned;
        }
        return std::nullopt;
    };
    cut_where([&](const Exchange& x) -> const char* {
        const std::optional<Hit> hit = hit_by(x.client, x.identity.get());
        return hit ? why(*hit) : nullptr;
    });
    tunnels_.close_where(
        http::kPolicyViolation, [&](const Tunnel& tunnel) -> std::optional<Tunnel::End> {
            const std::optional<Hit> hit = hit_by(tunnel.client_address(), tunnel.identity());
            if (!hit) {
                return std::nullopt;
            }
            return *hit == Hit::token_revoked ? Tunnel::End::token_revoked : Tunnel::End::banned;
        });
    close_tunnels_in_maintenance();
}

// `read-only` leaves them open: their handshake is a GET.
bool Shard::is_down(const Tunnel& tunnel) const {
    const state::Known& known = access_.known();
    const WallTime now = loop_.clock().wall;
    return known.maintenance(now) == state::Maintenance::down ||
           (known.maintains_services() &&
            known.maintenance_of(tunnel.service(), now).mode == state::Maintenance::down);
}

void Shard::close_tunnels_in_maintenance() {
    tunnels_.close_where(http::kGoingAway, [&](const Tunnel& tunnel) {
        return is_down(tunnel) ? std::optional(Tunnel::End::maintenance) : std::nullopt;
    });
}

// Where WebSockets go on as before: routes of a name that there was, if they still take any.
void Shard::close_tunnels_without_route() {
    std::set<std::string_view> open;
    for (const auto& route : current_->site->routes.routes()) {
        if (websocket_of(route->options) != nullptr) {
            open.insert(route->name);
        }
    }
    tunnels_.close_where(http::kGoingAway, [&](const Tunnel& tunnel) -> std::optional<Tunnel::End> {
        if (open.contains(tunnel.route())) {
            return std::nullopt;
        }
        return Tunnel::End::reconfigured;
    });
}

std::optional<Tunnel::End> Shard::why_to_end(const Tunnel& tunnel) const {
    if (tunnels_closed_) {
        return Tunnel::End::draining;
    }
    const bool open = std::ranges::any_of(current_->site->routes.routes(), [&](const auto& route) {
        return route->name == tunnel.route() && websocket_of(route->options) != nullptr;
    });
    if (!open) {
        return Tunnel::End::reconfigured;
    }
    return is_down(tunnel) ? std::optional(Tunnel::End::maintenance) : std::nullopt;
}

void Shard::end_revoked_keys() {
    const identity::ApiKeys& keys = current_->site->api_keys;
    const WallTime now = loop_.clock().wall;
    keys_end_ = keys.next_end(now);
    const auto revoked = [&](const identity::Identity* caller) {
        return caller != nullptr && caller->by_api_key && !keys.still_give(*caller, now);
    };
    cut_where([&](const Exchange& x) -> const char* {
        return revoked(x.identity.get()) ? "the API key was revoked or has ended" : nullptr;
    });
    tunnels_.close_where(
        http::kPolicyViolation, [&](const Tunnel& tunnel) -> std::optional<Tunnel::End> {
            return revoked(tunnel.identity()) ? std::optional(Tunnel::End::key_revoked)
                                              : std::nullopt;
        });
}

void Shard::close_tunnels() {
    tunnels_closed_ = true;
    tunnels_.close_where(http::kGoingAway, [](const Tunnel&) {
        return std::optional<Tunnel::End>(Tunnel::End::draining);
    });
}

net::Task<void> Shard::end_services() {
    for (const auto& service : services_) {
        co_await service->end_shared();
    }
}

void Shard::enter(Exchange& x) {
    x.next = first_;
    if (first_ != nullptr) {
        first_->previous = &x;
    }
    first_ = &x;
    ++x.generation.exchanges;
}

void Shard::drop_reserves() {
    memory_.drop();
    h1_.server.drop();
    h1_.client.drop();
}

void Shard::end_requests() {
    ending_ = true;
    for (Exchange* x = first_; x != nullptr; x = x->next) {
        // Whoever puts an answer together waits for its parts, which are requests as well.
        if (x->watch != nullptr && x->service != nullptr && x->aggregate == nullptr &&
            !x->stream.responded()) {
            x->watch->give_service_up();
        }
    }
}

bool Shard::take_held(Exchange& x, std::size_t bytes) {
    if (held_bodies_max_ != 0 && held_bodies_ + bytes > held_bodies_max_) {
        return false;
    }
    held_bodies_ += bytes;
    x.held_bytes += bytes;
    return true;
}

void Shard::leave(Exchange& x) {
    held_bodies_ -= x.held_bytes;
    (x.previous != nullptr ? x.previous->next : first_) = x.next;
    if (x.next != nullptr) {
        x.next->previous = x.previous;
    }
    Generation& generation = x.generation;
    if (--generation.exchanges == 0 && &generation != current_) {
        std::erase_if(generations_, [&](const Generation& g) { return &g == &generation; });
    }
}

void Shard::sweep() {
    for (const auto& service : services_) {
        service->sweep();
        const upstream::Endpoint::Count count = service->connections();
        observe::UpstreamSeries& series = metrics_.upstream(service->name());
        series.connections_idle.set(count.idle);
        series.connections_active.set(count.active);
        series.waiting.set(service->bulkhead().waiting());
        series.concurrency_limit.set(service->bulkhead().limit());
        look_for_crowd(*service, series.shed.value());
        std::vector<net::Address> ejected = service->ejected();
        std::vector<net::Address>& told = ejected_[service->name()];
        if (tell_ejected_ && ejected != told) {
            told = ejected;
            tell_ejected_(service->name(), std::move(ejected));
        }
    }
    if (loop_.clock().wall >= keys_end_) {
        end_revoked_keys();
    }
    // A window begins without anything being told.
    close_tunnels_in_maintenance();
    loop_.timers().arm(sweep_timer_, loop_.now() + kSweepEvery);
}

void Shard::look_for_crowd(upstream::Service& service, std::uint64_t shed) {
    Crowd& crowd = crowds_[service.name()];
    const bool crowded = service.bulkhead().waiting() > 0 || shed != crowd.shed;
    crowd.shed = shed;
    if (tell_crowded_ && (crowded || crowd.told)) {
        crowd.told = crowded;
        tell_crowded_(service.name(), crowded ? service.bulkhead().noisiest(kNoisiest)
                                              : std::vector<upstream::TenantLoad>{});
    }
}

void Shard::write_access_line(const observe::AccessRecord& record) {
    if (log_ != nullptr && record.level < log_->level()) {
        return;
    }
    access_log_.write(record);
    flush_soon();
}

void Shard::keep_trace(std::unique_ptr<observe::TraceRecord> trace) {
    constexpr std::size_t kTogether = 128;
    if (!send_traces_) {
        return;
    }
    traces_.push_back(std::move(trace));
    if (traces_.size() >= kTogether) {
        send_traces_(std::exchange(traces_, {}));
    } else {
        flush_soon();
    }
}

void Shard::flush_soon() {
    if (!flush_timer_.armed()) {
        loop_.timers().arm(flush_timer_, loop_.now() + kFlushWait);
    }
}

void Shard::flush() {
    access_log_.flush();
    if (!traces_.empty()) {
        send_traces_(std::exchange(traces_, {}));
    }
}

}  // namespace gw::gateway
