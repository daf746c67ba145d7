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
    std::map<std::string, std::shared_ptr<Watched>> next;
    std::vector<std::shared_ptr<Watched>> fresh;
    for (const NamedService& name : services) {
        const auto known = watched_.find(name.service);
        if (known != watched_.end() && known->second->name == name) {
            next.emplace(name.service, known->second);
            if (known->second->known) {
                publish_(name.service, known->second->addresses);
            }
            continue;
        }
        fresh.push_back(std::make_shared<Watched>(loop_, name));
        next.emplace(name.service, fresh.back());
    }
    for (const auto& [service, watched] : watched_) {
        const auto still = next.find(service);
        watched->wanted = still != next.end() && still->second == watched;
        if (!watched->wanted) {
            watched->pause.wake();
        }
    }
    watched_ = std::move(next);
    for (const std::shared_ptr<Watched>& watched : fresh) {
        scope_.spawn(keep_asking(watched));
    }
}

bool NameWatch::settled() const {
    return std::ranges::all_of(
        watched_, [](const auto& entry) { return entry.second->known || entry.second->failing; });
}

void NameWatch::stop() {
    stopped_ = true;
    resolver_.cancel();
    for (const auto& [service, watched] : watched_) {
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
        publish_(service, watched.addresses);
    }
}

}  // namespace gw::control
