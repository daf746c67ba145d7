#include "upstream/fair_queue.hpp"

#include <algorithm>

namespace gw::upstream {

void FairQueue::push(QueuePlace& place) {
    const auto level = static_cast<std::size_t>(place.priority);
    Tenant& tenant = *place.tenant;
    if (tenant.queues[level].empty()) {
        rings_[level].tenants.push_back(&tenant);
    }
    tenant.queues[level].push_back(&place);
    ++tenant.waiting;
    ++size_;
}

QueuePlace* FairQueue::pop(std::uint32_t tenant_max) {
    if (size_ == 0) {
        return nullptr;
    }
    constexpr std::array<std::size_t, 8> kFirst{0, 0, 0, 1, 0, 0, 0, 2};
    const std::size_t first = kFirst[turns_ % kFirst.size()];
    QueuePlace* place = pop(first, tenant_max);
    for (std::size_t level = 0; level < kPriorities && place == nullptr; ++level) {
        place = pop(level, tenant_max);
    }
    turns_ += place != nullptr ? 1 : 0;
    return place;
}

QueuePlace* FairQueue::pop(std::size_t level, std::uint32_t tenant_max) {
    Ring& ring = rings_[level];
    for (std::size_t looked = 0; looked < ring.tenants.size(); ++looked) {
        ring.at = ring.at < ring.tenants.size() ? ring.at : 0;
        Tenant& tenant = *ring.tenants[ring.at];
        if (tenant.in_flight >= tenant_max) {
            ring.left = 0;
            ++ring.at;
            continue;
        }
        ring.left = (ring.left == 0 ? tenant.weight : ring.left) - 1;
        QueuePlace* const place = tenant.queues[level].front();
        const bool turn_ended = ring.left == 0;
        remove(*place);
        // Else its place in the ring is the next one's already.
        if (turn_ended && !tenant.queues[level].empty()) {
            ++ring.at;
        }
        return place;
    }
    return nullptr;
}

void FairQueue::remove(QueuePlace& place) {
    const auto level = static_cast<std::size_t>(place.priority);
    Tenant& tenant = *place.tenant;
    std::vector<QueuePlace*>& queue = tenant.queues[level];
    // Nearly always the first or the last, and a queue is short.
    queue.erase(std::ranges::find(queue, &place));
    if (queue.empty()) {
        leave(rings_[level], tenant);
    }
    --tenant.waiting;
    --size_;
}

void FairQueue::leave(Ring& ring, const Tenant& tenant) {
    const auto place = std::ranges::find(ring.tenants, &tenant);
    const auto index = static_cast<std::size_t>(place - ring.tenants.begin());
    ring.tenants.erase(place);
    if (index < ring.at) {
        --ring.at;
    } else if (index == ring.at) {
        ring.left = 0;
    }
}

QueuePlace* FairQueue::least_entitled(const QueuePlace& newcomer) const {
    const auto own_level = static_cast<std::size_t>(newcomer.priority);
    for (std::size_t level = kPriorities; level-- > own_level;) {
        const auto share = [&](const Tenant* of) {
            return static_cast<double>(of->queues[level].size()) / of->weight;
        };
        const auto longest = std::ranges::max_element(rings_[level].tenants, {}, share);
        if (longest == rings_[level].tenants.end()) {
            continue;
        }
        // With one more the newcomer must still have less.
        const double own = static_cast<double>(newcomer.tenant->queues[level].size()) + 1;
        if (level > own_level || share(*longest) > own / newcomer.tenant->weight) {
            return (*longest)->queues[level].back();
        }
    }
    return nullptr;
}

}  // namespace gw::upstream
