#include "upstream/service.hpp"

#include <algorithm>

namespace gw::upstream {
namespace {

// One in configuration is that many in a view: slow start has to give parts of it.
constexpr std::uint32_t kWeightUnit = 1'000;

}  // namespace

void Service::configure(const ServiceOptions& options) {
    const Speech spoken{options_.protocol, options_.tls_client};
    options_ = options;
    next_speech_.reset();
    if (!endpoints_.empty()) {
        next_speech_ = Speech{options.protocol, options.tls_client};
        speak(spoken);
    }
    health_.configure(options_.health);
    balancer_.configure(options_.balance);
    bulkhead_.configure(options_.bulkhead);
}

void Service::speak(const Speech& speech) {
    options_.protocol = speech.protocol;
    options_.tls_client = speech.tls_client;
}

void Service::set_members(std::span<const Member> members) {
    if (next_speech_) {
        speak(*next_speech_);
        next_speech_.reset();
    }
    std::vector<std::unique_ptr<Endpoint>> next;
    std::vector<std::uint64_t> ids;
    next.reserve(members.size());
    ids.reserve(members.size());
    for (const Member& member : members) {
        const auto known = std::ranges::find_if(endpoints_, [&](const auto& e) {
            return e != nullptr && e->address() == member.address;
        });
        next.push_back(known != endpoints_.end()
                           ? std::move(*known)
                           : std::make_unique<Endpoint>(loop_, member.address, options_));
        ids.push_back(next.back()->id());
    }
    for (std::unique_ptr<Endpoint>& left : endpoints_) {
        if (left != nullptr) {
            left->retire();
            leaving_.push_back(std::move(left));
        }
    }
    endpoints_ = std::move(next);
    members_.assign(members.begin(), members.end());
    health_.set_endpoints(ids, loop_.now());
    for (std::size_t i = 0; i < members.size(); ++i) {
        if (!members[i].well) {
            health_.checked(ids[i], false, loop_.now());
        }
    }
}

void Service::look(const Endpoint* tried, bool spare) {
    views_.clear();
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        const Endpoint& endpoint = *endpoints_[i];
        views_.push_back({.id = endpoint.id(),
                          .weight = members_[i].weight * kWeightUnit,
                          .in_flight = static_cast<std::uint32_t>(endpoint.lent()),
                          .usable = !spare || endpoint.lent() < options_.connections_max,
                          .tried = &endpoint == tried,
                          .in_zone = members_[i].in_zone});
    }
    health_.apply(views_, loop_.now());
}

Endpoint* Service::pick(const Endpoint* tried, std::uint64_t key) {
    if (endpoints_.size() < 2) {
        return endpoints_.empty() ? nullptr : endpoints_.front().get();
    }
    look(tried, true);
    std::optional<std::size_t> index = balancer_.pick(views_, key);
    if (!index) {
        // All are full, and whoever is asked now will say so.
        look(tried, false);
        index = balancer_.pick(views_, key);
    }
    return endpoints_[index.value_or(0)].get();
}

std::vector<net::Address> Service::ejected() const {
    std::vector<net::Address> out;
    for (const auto& endpoint : endpoints_) {
        if (health_.is_ejected(endpoint->id(), loop_.now())) {
            out.push_back(endpoint->address());
        }
    }
    return out;
}

void Service::sweep() {
    for (const auto& endpoint : endpoints_) {
        endpoint->sweep();
    }
    std::erase_if(leaving_, [](const auto& endpoint) { return endpoint->unused(); });
}

net::Task<void> Service::end_shared() {
    for (const auto* const list : {&endpoints_, &leaving_}) {
        for (const auto& endpoint : *list) {
            co_await endpoint->end_shared();
        }
    }
}

Endpoint::Count Service::connections() const {
    Endpoint::Count count;
    for (const auto* const list : {&endpoints_, &leaving_}) {
        for (const auto& endpoint : *list) {
            const Endpoint::Count more = endpoint->connections();
            count.idle += more.idle;
            count.active += more.active;
        }
    }
    return count;
}

}  // namespace gw::upstream
