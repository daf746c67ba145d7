#include "upstream/bulkhead.hpp"

#include <algorithm>

#include "base/ensure.hpp"

namespace gw::upstream {
namespace {

AdaptiveLimit::Bounds bounds_of(const BulkheadOptions& options) {
    return {.least = options.limit_min, .most = options.limit};
}

}  // namespace

void Permit::answered(Instant::duration took, bool overloaded, Clock clock) {
    ensure(valid(), "a permit that was given back has no answer");
    bulkhead_->adaptive_.sample(took, overloaded, bulkhead_->in_flight_, clock);
    bulkhead_->let_in();
}

void Permit::give_back() {
    if (Bulkhead* const bulkhead = std::exchange(bulkhead_, nullptr); bulkhead != nullptr) {
        bulkhead->give_back(*tenant_);
    }
}

Waiter::~Waiter() {
    if (state_ == State::waiting) {
        bulkhead_->queue_.remove(*this);
    }
}

Bulkhead::Bulkhead(const BulkheadOptions& options, std::uint64_t seed)
    : options_(options), adaptive_(bounds_of(options), seed) {}

void Bulkhead::configure(const BulkheadOptions& options) {
    if (options != options_) {
        options_ = options;
        adaptive_.configure(bounds_of(options));
        let_in();
    }
}

std::uint32_t Bulkhead::limit() const {
    return options_.adaptive ? adaptive_.value() : options_.limit;
}

std::uint32_t Bulkhead::tenant_max() const {
    const std::uint64_t share = std::uint64_t{limit()} * options_.tenant_share_max / 100;
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, share));
}

Tenant& Bulkhead::tenant_of(std::string_view name) {
    if (last_ != nullptr && *last_name_ == name) {
        return *last_;
    }
    auto known = tenants_.find(name);
    if (known == tenants_.end()) {
        if (tenants_.size() >= tidy_at_) {
            std::erase_if(tenants_, [](const auto& entry) { return entry.second.idle(); });
            tidy_at_ = std::max(kIdleTenantsMax, 2 * tenants_.size());
        }
        known = tenants_.try_emplace(std::string(name)).first;
    }
    last_name_ = &known->first;
    last_ = &known->second;
    return *last_;
}

Waiter::State Bulkhead::enter(Waiter& waiter, std::string_view name, std::uint32_t weight,
                              Priority priority) {
    ensure(waiter.state_ == Waiter::State::outside, "a waiter enters once");
    ensure(weight > 0, "a tenant without weight would wait for ever");
    waiter.tenant = &tenant_of(name);
    waiter.tenant->weight = weight;
    waiter.priority = priority;
    waiter.bulkhead_ = this;
    // Whoever waits although there is room is over its share: nobody is overtaken.
    if (in_flight_ < limit() && waiter.tenant->in_flight < tenant_max()) {
        admit(waiter);
    } else {
        wait_or_refuse(waiter);
    }
    return waiter.state_;
}

void Bulkhead::wait_or_refuse(Waiter& waiter) {
    Waiter* displaced = nullptr;
    if (queue_.size() >= options_.queue_max) {
        displaced = static_cast<Waiter*>(queue_.least_entitled(waiter));
        if (displaced == nullptr) {
            refuse(waiter);
            return;
        }
        queue_.remove(*displaced);
        refuse(*displaced);
    }
    waiter.state_ = Waiter::State::waiting;
    queue_.push(waiter);
    if (displaced != nullptr) {
        displaced->decided();
    }
}

void Bulkhead::admit(Waiter& waiter) {
    ++in_flight_;
    ++waiter.tenant->in_flight;
    ++waiter.tenant->admitted;
    waiter.state_ = Waiter::State::admitted;
    waiter.permit = Permit(*this, *waiter.tenant);
}

void Bulkhead::refuse(Waiter& waiter) {
    ++waiter.tenant->refused;
    waiter.state_ = Waiter::State::refused;
}

void Bulkhead::give_back(Tenant& tenant) {
    --in_flight_;
    --tenant.in_flight;
    let_in();
}

void Bulkhead::let_in() {
    if (letting_in_) {
        return;  // whoever is told of its turn has ended at once; the loop below goes on
    }
    letting_in_ = true;
    while (in_flight_ < limit()) {
        auto* const waiter = static_cast<Waiter*>(queue_.pop(tenant_max()));
        if (waiter == nullptr) {
            break;
        }
        admit(*waiter);
        waiter->decided();
    }
    letting_in_ = false;
}

std::vector<TenantLoad> Bulkhead::noisiest(std::size_t most) const {
    using Entry = std::pair<const std::string, Tenant>;
    std::vector<const Entry*> entries;
    entries.reserve(tenants_.size());
    for (const Entry& entry : tenants_) {
        entries.push_back(&entry);
    }
    const auto noise = [](const Entry* entry) {
        const Tenant& tenant = entry->second;
        return std::tuple(tenant.in_flight + tenant.waiting, tenant.refused, tenant.admitted);
    };
    const std::size_t count = std::min(most, entries.size());
    std::ranges::partial_sort(entries, entries.begin() + static_cast<std::ptrdiff_t>(count),
                              std::greater<>{}, noise);
    std::vector<TenantLoad> loads;
    for (std::size_t i = 0; i < count; ++i) {
        const Tenant& tenant = entries[i]->second;
        loads.push_back({.tenant = entries[i]->first,
                         .in_flight = tenant.in_flight,
                         .waiting = tenant.waiting,
                         .admitted = tenant.admitted,
                         .refused = tenant.refused});
    }
    return loads;
}

}  // namespace gw::upstream
