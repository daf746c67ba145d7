#include "control/health_checks.hpp"

#include <algorithm>

namespace gw::control {
namespace {

constexpr std::size_t kAnswerMax = 1024UL * 1024;

void end(auto& checked) {
    checked.wanted = false;
    checked.pause.wake();
}

}  // namespace

void HealthChecks::follow(const std::vector<CheckedService>& services) {
    std::map<std::string, Service> next;
    for (const CheckedService& service : services) {
        const auto known = services_.find(service.name);
        Service& entry = next[service.name];
        if (known != services_.end()) {
            entry = std::move(known->second);
            services_.erase(known);
        }
        entry.is = service;
        entry.named_anew = false;
    }
    for (auto& [name, gone] : services_) {
        for (auto& [address, checked] : gone.checks) {
            end(*checked);
        }
    }
    services_ = std::move(next);
    for (auto& [name, service] : services_) {
        match(service);
    }
}

void HealthChecks::set_members(const std::string& name,
                               const std::vector<upstream::Member>& members) {
    const auto service = services_.find(name);
    if (service == services_.end() || stopped_) {
        return;
    }
    service->second.members = members;
    service->second.named_anew = true;
    match(service->second);
    publish(service->second);
}

// Makes the checks those of its members, or none.
void HealthChecks::match(Service& service) {
    const bool enabled = service.is.options.enabled;
    const bool others_asked =
        std::ranges::any_of(service.checks, [](const auto& each) { return each.second->asked; });
    std::map<net::Address, std::shared_ptr<Checked>> next;
    std::vector<std::shared_ptr<Checked>> fresh;
    for (const upstream::Member& member : service.members) {
        if (!enabled) {
            break;
        }
        std::shared_ptr<Checked>& checked = next[member.address];
        const auto known = service.checks.find(member.address);
        if (known != service.checks.end()) {
            checked = known->second;
        } else {
            checked = std::make_shared<Checked>(loop_, service.is.name, member.address);
            checked->held = others_asked;
            fresh.push_back(checked);
        }
        checked->options = service.is.options;
        if (known != service.checks.end() && !service.named_anew) {
            continue;  // perhaps it is none of the new names' addresses: it is asked as before
        }
        checked->target = {.server = service.is.named,
                           .path = service.is.options.path,
                           .tls = service.is.tls,
                           .h2 = service.is.h2};
    }
    for (auto& [address, checked] : service.checks) {
        if (next.contains(address)) {
            continue;
        }
        end(*checked);
        if (!enabled && !checked->state.well()) {
            changed_(service.is.name, address, true);
        }
    }
    service.checks = std::move(next);
    for (const std::shared_ptr<Checked>& checked : fresh) {
        scope_.spawn(keep_checking(checked));
    }
}

void HealthChecks::publish(const Service& service) {
    std::vector<upstream::Member> members;
    for (upstream::Member member : service.members) {
        const auto checked = service.checks.find(member.address);
        if (checked != service.checks.end()) {
            if (checked->second->held) {
                continue;
            }
            member.well = checked->second->state.well();
        }
        members.push_back(member);
    }
    publish_(service.is.name, members);
}

void HealthChecks::stop() {
    stopped_ = true;
    for (auto& [name, service] : services_) {
        for (auto& [address, checked] : service.checks) {
            end(*checked);
        }
    }
    services_.clear();
}

net::Task<void> HealthChecks::keep_checking(std::shared_ptr<Checked> checked) {
    while (checked->wanted) {
        // Of its own, for configuration may change while it is on its way.
        const FetchTarget target = checked->target;
        const Instant deadline = loop_.now() + checked->options.timeout;
        const Result<Fetched> answer =
            co_await fetch_from(loop_, pool_, checked->address, &target, deadline, kAnswerMax);
        if (!checked->wanted) {
            break;
        }
        take(*checked, answer && answer->status >= 200 && answer->status < 300);
        co_await checked->pause.until(checked->state.next(checked->options, random_, loop_.now()));
    }
}

void HealthChecks::take(Checked& checked, bool good) {
    const bool changed = checked.state.report(checked.options, good);
    if (changed) {
        const std::string address = checked.address.ip.to_string();
        const auto port = static_cast<std::int64_t>(checked.address.port);
        if (good) {
            log_.info("an endpoint is well again",
                      {{"upstream", checked.service}, {"address", address}, {"port", port}});
        } else {
            log_.warn("an endpoint is ill",
                      {{"upstream", checked.service}, {"address", address}, {"port", port}});
        }
    }
    checked.asked = true;
    if (std::exchange(checked.held, false)) {
        if (const Service& service = services_.at(checked.service); service.named_anew) {
            publish(service);
        }
    }
    if (changed) {
        changed_(checked.service, checked.address, good);
    }
}

}  // namespace gw::control
