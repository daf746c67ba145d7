#include "observe/history.hpp"

namespace gw::observe {
namespace {

std::uint32_t small(std::uint64_t value) {
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, UINT32_MAX));
}

// Counters never go back but where one of them is read while another is written.
std::uint64_t grown(std::uint64_t from, std::uint64_t to) {
    return to > from ? to - from : 0;
}

FlowTotal difference(const FlowTotal& from, const FlowTotal& to) {
    FlowTotal out{.requests = grown(from.requests, to.requests),
                  .errors = grown(from.errors, to.errors),
                  .refused = grown(from.refused, to.refused),
                  .retries = grown(from.retries, to.retries)};
    for (std::size_t i = 0; i < out.took.size(); ++i) {
        out.took[i] = grown(from.took[i], to.took[i]);
    }
    return out;
}

History::Point point_of(const FlowTotal& flow, std::uint64_t in_progress) {
    return {.requests = small(flow.requests),
            .errors = small(flow.errors),
            .refused = small(flow.refused),
            .retries = small(flow.retries),
            .in_progress = small(in_progress),
            .p50 = static_cast<float>(quantile_of(flow.took, 0.50)),
            .p95 = static_cast<float>(quantile_of(flow.took, 0.95)),
            .p99 = static_cast<float>(quantile_of(flow.took, 0.99))};
}

float seconds_of(Instant::duration time) {
    return std::chrono::duration<float>(time).count();
}

void add_fine_to(History::Series& series, const FlowTotal& total, std::uint64_t in_progress) {
    series.fine.push(point_of(difference(series.now, total), in_progress));
    series.now = total;
    series.peak = std::max(series.peak, small(in_progress));
}

void add_coarse_to(History::Series& series) {
    series.coarse.push(point_of(difference(series.then, series.now), series.peak));
    series.then = series.now;
    series.minute.note(series.now);
    series.peak = 0;
}

// The series of that name, or a new one where there is room; what was counted before it came
// counts from zero, as it did.
template <class T>
T* series_of(History::Named<T>& all, std::string_view name, std::size_t most) {
    const auto found = all.find(name);
    if (found != all.end()) {
        return &found->second;
    }
    return all.size() < most ? &all[std::string(name)] : nullptr;
}

// The same; its minute begins with nothing.
template <class T>
T* flow_of(History::Named<T>& all, std::string_view name, std::size_t most) {
    T* const series = series_of(all, name, most);
    if (series != nullptr && series->minute.empty()) {
        series->minute.note({});
    }
    return series;
}

}  // namespace

FlowTotal History::Minute::until(const FlowTotal& total) const {
    return difference(totals_[0], total);
}

void History::begin(const Totals& totals, Instant now) {
    begun_ = true;
    sampled_ = coarse_from_ = now;
    all_.now = all_.then = totals.all;
    all_.minute.note(totals.all);
    for (const auto& [name, total] : totals.services) {
        if (Series* const series = series_of(services_, name, kServicesMax)) {
            series->now = series->then = total;
            series->minute.note(total);
        }
    }
    for (const auto& [name, total] : totals.routes) {
        if (RouteSeries* const series = series_of(routes_, name, kRoutesMax)) {
            series->now = total;
            series->minute.note(total);
        }
    }
    for (const auto& [name, value] : totals.counts) {
        if (Count* const count = series_of(counts_, name, kCountsMax)) {
            count->now = count->then = value;
        }
    }
}

void History::add(const Totals& totals, Instant now, WallTime wall) {
    if (!begun_) {
        begin(totals, now);
        return;
    }
    fine_.push({.end = wall, .seconds = seconds_of(now - sampled_)});
    sampled_ = now;
    add_fine(totals);
    if (++since_coarse_ == kFinePerCoarse) {
        coarse_.push({.end = wall, .seconds = seconds_of(now - coarse_from_)});
        coarse_from_ = now;
        since_coarse_ = 0;
        add_coarse();
    }
}

void History::add_fine(const Totals& totals) {
    add_fine_to(all_, totals.all, totals.in_progress);
    for (const auto& [name, total] : totals.services) {
        if (Series* const series = flow_of(services_, name, kServicesMax)) {
            const auto gauges = totals.gauges.find(name);
            add_fine_to(*series, total, gauges != totals.gauges.end() ? gauges->second.active : 0);
        }
    }
    for (const auto& [name, total] : totals.routes) {
        if (RouteSeries* const series = flow_of(routes_, name, kRoutesMax)) {
            series->now = total;
        }
    }
    for (const auto& [name, value] : totals.counts) {
        if (Count* const count = series_of(counts_, name, kCountsMax)) {
            count->fine.push(small(grown(count->now, value)));
            count->now = value;
        }
    }
}

void History::add_coarse() {
    add_coarse_to(all_);
    for (auto& [name, series] : services_) {
        add_coarse_to(series);
    }
    for (auto& [name, series] : routes_) {
        series.minute.note(series.now);
    }
    for (auto& [name, count] : counts_) {
        count.coarse.push(small(grown(count.then, count.now)));
        count.then = count.now;
    }
}

}  // namespace gw::observe
