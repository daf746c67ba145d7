#include "upstream/health.hpp"

#include <algorithm>

namespace gw::upstream {
namespace {

// For each of these that an endpoint works after its return one ejection is forgiven.
constexpr std::chrono::minutes kForgiven{1};

// What begins slowly begins with this: enough to show whether it works.
constexpr std::uint64_t kFirstPercent = 10;

}  // namespace

template <class Entries>
auto ServiceHealth::find(Entries& entries, std::uint64_t id, std::size_t hint)
    -> decltype(&entries[0]) {
    if (hint < entries.size() && entries[hint].id == id) {
        return &entries[hint];
    }
    const auto at = std::ranges::find(entries, id, &Entry::id);
    return at == entries.end() ? nullptr : &*at;
}

void ServiceHealth::set_endpoints(std::span<const std::uint64_t> ids, Instant now) {
    std::vector<Entry> next;
    next.reserve(ids.size());
    for (const std::uint64_t id : ids) {
        const Entry* const known = find(entries_, id);
        next.push_back(known != nullptr
                           ? *known
                           : Entry{.id = id, .began = entries_.empty() ? Instant{} : now});
    }
    entries_ = std::move(next);
}

bool ServiceHealth::is_well(const Entry& entry, Instant now) {
    return !entry.checked_ill && now >= entry.ejected_until;
}

bool ServiceHealth::is_well(std::uint64_t id, Instant now) const {
    const Entry* const entry = find(entries_, id);
    return entry != nullptr && is_well(*entry, now);
}

bool ServiceHealth::is_ejected(std::uint64_t id, Instant now) const {
    const Entry* const entry = find(entries_, id);
    return entry != nullptr && now < entry->ejected_until;
}

void ServiceHealth::succeeded(std::uint64_t id, Instant now) {
    // One that is left out is asked only if all are, and may be answering what it was sent before.
    if (Entry* const entry = find(entries_, id); entry != nullptr && now >= entry->ejected_until) {
        entry->failures = 0;
    }
}

bool ServiceHealth::may_eject(Instant now) const {
    const auto ejected = std::ranges::count_if(
        entries_, [&](const Entry& entry) { return now < entry.ejected_until; });
    const auto after = static_cast<std::uint64_t>(ejected) + 1;
    return after * 100 <= options_.ejected_share_max * entries_.size() ||
           (after == 1 && entries_.size() > 1 && options_.ejected_share_max > 0);
}

void ServiceHealth::failed(std::uint64_t id, Instant now) {
    Entry* const entry = find(entries_, id);
    if (entry == nullptr || now < entry->ejected_until) {
        return;
    }
    ++entry->failures;
    if (entry->failures >= options_.failures_max && may_eject(now)) {
        eject(*entry, now);
    }
}

void ServiceHealth::eject(Entry& entry, Instant now) const {
    const auto forgiven = (now - entry.ejected_until) / kForgiven;
    entry.ejections = forgiven >= entry.ejections
                          ? 1
                          : entry.ejections - static_cast<std::uint32_t>(forgiven) + 1;
    const Millis left_out = std::min(options_.ejected_max, options_.ejected * entry.ejections);
    entry.ejected_until = now + left_out;
    entry.began = entry.ejected_until;
    entry.failures = options_.failures_max - 1;
}

void ServiceHealth::checked(std::uint64_t id, bool well, Instant now) {
    Entry* const entry = find(entries_, id);
    if (entry == nullptr) {
        return;
    }
    const bool returns = well && !is_well(*entry, now);
    entry->checked_ill = !well;
    if (returns) {
        entry->ejected_until = std::min(entry->ejected_until, now);
        entry->began = now;
    }
}

std::uint32_t ServiceHealth::slow_weight(const Entry& entry, std::uint32_t weight,
                                         Instant now) const {
    const Instant::duration since = now - entry.began;
    if (weight == 0 || since >= options_.slow_start) {
        return weight;
    }
    // Before it began it is asked only where all are.
    const auto percent =
        since <= Instant::duration{0}
            ? kFirstPercent
            : std::max(kFirstPercent,
                       static_cast<std::uint64_t>(since * 100 / options_.slow_start));
    return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, weight * percent / 100));
}

bool ServiceHealth::apply(std::span<EndpointView> views, Instant now) const {
    const auto well =
        std::ranges::count_if(entries_, [&](const Entry& entry) { return is_well(entry, now); });
    if (static_cast<std::uint64_t>(well) * 100 < options_.panic_threshold * entries_.size() ||
        well == 0) {
        return false;
    }
    for (std::size_t i = 0; i < views.size(); ++i) {
        EndpointView& view = views[i];
        if (const Entry* const entry = find(entries_, view.id, i); entry != nullptr) {
            view.usable = view.usable && is_well(*entry, now);
            view.weight = slow_weight(*entry, view.weight, now);
        }
    }
    return true;
}

std::optional<config::Flaw> check_check_path(std::string_view path) {
    constexpr std::size_t kPathMax = 1'024;
    if (path.starts_with('/') && path.size() <= kPathMax &&
        std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7f; })) {
        return std::nullopt;
    }
    return config::Flaw{"is no path", "write /health, for example"};
}

bool ActiveCheck::report(const CheckOptions& options, bool good) {
    const bool first = !std::exchange(asked_, true);
    if (good == well_) {
        in_a_row_ = 0;
        return false;
    }
    ++in_a_row_;
    const std::uint32_t needed = good ? options.healthy_threshold : options.unhealthy_threshold;
    if (!first && in_a_row_ < needed) {
        return false;
    }
    well_ = good;
    in_a_row_ = 0;
    return true;
}

Instant ActiveCheck::next(const CheckOptions& options, Random& random, Instant now) {
    const Instant::duration interval = options.interval;
    const auto whole = static_cast<std::uint64_t>(interval.count());
    if (!std::exchange(planned_, true)) {
        return now + Instant::duration(static_cast<std::int64_t>(random.below(whole)));
    }
    const auto jitter = static_cast<std::int64_t>(random.below(whole / 5 + 1));
    return now + interval - interval / 10 + Instant::duration(jitter);
}

}  // namespace gw::upstream
