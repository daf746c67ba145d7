#include "upstream/service.hpp"

#include <algorithm>

namespace gw::upstream {

void Service::set_addresses(std::span<const net::Address> addresses) {
    std::vector<std::unique_ptr<Endpoint>> next;
    next.reserve(addresses.size());
    for (const net::Address& address : addresses) {
        const auto known = std::ranges::find_if(
            endpoints_, [&](const auto& e) { return e != nullptr && e->address() == address; });
        next.push_back(known != endpoints_.end()
                           ? std::move(*known)
                           : std::make_unique<Endpoint>(loop_, address, options_));
    }
    for (std::unique_ptr<Endpoint>& left : endpoints_) {
        if (left != nullptr) {
            left->retire();
            leaving_.push_back(std::move(left));
        }
    }
    endpoints_ = std::move(next);
}

bool Service::panics() const {
    const auto ejected = std::ranges::count_if(
        endpoints_, [this](const auto& e) { return e->health().is_ejected(loop_.now()); });
    return static_cast<std::size_t>(ejected) * 2 > endpoints_.size();
}

// One that chance names, or the next that will do.
Endpoint* Service::candidate(const Endpoint* other_than, bool all) {
    const std::size_t first = random_.below(endpoints_.size());
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        Endpoint* const endpoint = endpoints_[(first + i) % endpoints_.size()].get();
        if (endpoint != other_than && (all || !endpoint->health().is_ejected(loop_.now()))) {
            return endpoint;
        }
    }
    return nullptr;
}

Endpoint* Service::pick(const Endpoint* other_than) {
    if (endpoints_.size() < 2) {
        return endpoints_.empty() ? nullptr : endpoints_.front().get();
    }
    const bool all = panics();
    Endpoint* const one = candidate(other_than, all);
    Endpoint* const two = candidate(other_than, all);
    if (one == nullptr || two == nullptr) {
        return candidate(nullptr, true);
    }
    return two->lent() < one->lent() ? two : one;
}

void Service::sweep() {
    for (const auto& endpoint : endpoints_) {
        endpoint->sweep();
    }
    std::erase_if(leaving_, [](const auto& endpoint) { return endpoint->lent() == 0; });
}

Service::Count Service::connections() const {
    Count count;
    for (const auto& endpoint : endpoints_) {
        count.idle += endpoint->idle();
        count.lent += endpoint->lent();
    }
    for (const auto& endpoint : leaving_) {
        count.lent += endpoint->lent();
    }
    return count;
}

}  // namespace gw::upstream
