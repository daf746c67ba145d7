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

Endpoint* Service::pick(const Endpoint* other_than) {
    if (endpoints_.empty()) {
        return nullptr;
    }
    Endpoint* endpoint = endpoints_[turn_++ % endpoints_.size()].get();
    if (endpoint == other_than && endpoints_.size() > 1) {
        endpoint = endpoints_[turn_++ % endpoints_.size()].get();
    }
    return endpoint;
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
