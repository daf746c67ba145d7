#include "control/name_watch.hpp"

#include <algorithm>

namespace gw::control {
namespace {

constexpr Millis kRetryFirst{500};  // after a failure; doubled up to ttl_max

}  // namespace

NameWatch::NameWatch(net::Loop& loop, observe::Log& log, const NameWatchOptions& options,
                     Publish publish)
    : loop_(loop),
      log_(log),
      options_(options),
      publish_(std::move(publish)),
      resolver_(loop, options.servers) {}

void NameWatch::follow(const std::vector<NamedService>& services) {
    std::map<Key, std::shared_ptr<Watched>> next;
    std::vector<std::shared_ptr<Watched>> fresh;
    std::set<std::string> known_services;
    for (const NamedService& name : services) {
        const Key key{name.service, name.host, name.port};
        const auto known = watched_.find(key);
        if (known != watched_.end()) {
            known->second->name = name;
            next.emplace(key, known->second);
            known_services.insert(name.service);
        } else if (!next.contains(key)) {
            fresh.push_back(std::make_shared<Watched>(loop_, name));
            next.emplace(key, fresh.back());
        }
    }
    for (const auto& [key, watched] : watched_) {
        watched->wanted = next.contains(key);
        if (!watched->wanted) {
            watched->pause.wake();
        }
    }
    watched_ = std::move(next);
    for (const std::string& service : known_services) {
        publish(service);
    }
    for (const std::shared_ptr<Watched>& watched : fresh) {
        scope_.spawn(keep_asking(watched));
    }
}

void NameWatch::publish(const std::string& service) {
    std::vector<upstream::Member> members;
    bool known = false;
    for (const auto& [key, watched] : watched_) {
        if (std::get<0>(key) != service) {
            continue;
        }
        if (!watched->known && !watched->failing) {
            return;  // its answer is on its way
        }
        known = known || watched->known;
        for (const net::Address& address : watched->addresses) {
            members.push_back({.address = address,
                               .weight = watched->name.weight,
                               .in_zone = watched->name.in_zone});
        }
    }
    // Two names may have an address in common.
    std::ranges::sort(members);
    const auto [first, last] = std::ranges::unique(members, {}, &upstream::Member::address);
    members.erase(first, last);
    if (known) {
        publish_(service, members);
    }
}

bool NameWatch::settled() const {
    return std::ranges::all_of(
        watched_, [](const auto& entry) { return entry.second->known || entry.second->failing; });
}

void NameWatch::stop() {
    stopped_ = true;
    resolver_.cancel();
    for (const auto& [key, watched] : watched_) {
        watched->pause.wake();
    }
    watched_.clear();
}

net::Task<void> NameWatch::keep_asking(std::shared_ptr<Watched> watched) {
    Millis retry = kRetryFirst;
    while (watched->wanted && !stopped_) {
        const Result<net::Resolution> answer = co_await resolver_.resolve(watched->name.host);
        if (!watched->wanted || stopped_) {
            break;
        }
        take(*watched, answer);
        Millis pause = retry;
        if (answer) {
            retry = kRetryFirst;
            const auto ttl = std::chrono::duration_cast<Millis>(answer->ttl);
            // 0 is what /etc/hosts gives, and some name servers: asked for again as soon as may be.
            pause = std::clamp(ttl, options_.ttl_min, options_.ttl_max);
        } else {
            retry = std::min(retry * 2, options_.ttl_max);
        }
        if (IpAddress::parse(watched->name.host)) {
            break;  // a literal never changes
        }
        co_await watched->pause.until(loop_.now() + pause);
    }
}

void NameWatch::take(Watched& watched, const Result<net::Resolution>& answer) {
    const std::string& service = watched.name.service;
    if (!answer) {
        if (!watched.failing) {
            watched.failing = true;
            log_.warn("a service's name has no address",
                      {{"upstream", service},
                       {"host", watched.name.host},
                       {"keeping", static_cast<std::int64_t>(watched.addresses.size())}});
            if (!watched.known) {
                publish(service);
            }
        }
        return;
    }
    std::vector<net::Address> addresses;
    for (const IpAddress& ip : answer->addresses) {
        addresses.push_back({ip, watched.name.port});
    }
    // In one order whatever the answer's, so that a mere rotation is no change.
    std::ranges::sort(addresses);
    addresses.erase(std::ranges::unique(addresses).begin(), addresses.end());
    const bool changed = !watched.known || addresses != watched.addresses;
    if (watched.failing || (changed && watched.known)) {
        log_.info(
            "a service's addresses changed",
            {{"upstream", service}, {"addresses", static_cast<std::int64_t>(addresses.size())}});
    }
    watched.failing = false;
    watched.known = true;
    watched.addresses = std::move(addresses);
    if (changed) {
        publish(service);
    }
}

}  // namespace gw::control
