#include "observe/metrics.hpp"

#include <functional>

namespace gw::observe {
namespace {

std::uint64_t microseconds(Instant::duration time) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

void count_status(GrowingList<StatusSeries>& statuses, Budget& budget, int status) {
    const auto is = [](int wanted) {
        return [wanted](const StatusSeries& s) { return s.status == wanted; };
    };
    StatusSeries* const found = statuses.find_or_add_within(budget, is(status), status);
    (found != nullptr ? *found : statuses.find_or_add(is(0), 0)).count.add();
}

// Apart, so that requests without a trace do not carry its code along.
[[gnu::noinline]] void keep_exemplar(MethodSeries& series, std::size_t bucket, std::uint64_t us,
                                     const Traced& trace) {
    Exemplar::Seen seen{.trace_id = {}, .value = us, .time = trace.now};
    trace.id.copy(seen.trace_id.data(), seen.trace_id.size());
    series.exemplars.find_or_add([](const auto&) { return true; }).of_bucket[bucket].set(seen);
}

// The node of that name, or, where there is no room for one more, the one for all others.
template <class Node, class... Arguments>
Node& named(GrowingList<Node>& list, Budget& budget, std::string_view name,
            const Arguments&... arguments) {
    const auto is = [](std::string_view wanted) {
        return [wanted](const Node& node) { return node.name == wanted; };
    };
    Node* const found = list.find_or_add_within(budget, is(name), name, arguments...);
    return found != nullptr ? *found : list.find_or_add(is(kOther), kOther, arguments...);
}

}  // namespace

void RouteSeries::finished(std::string_view method, int status, Instant::duration took,
                           std::uint64_t bytes_in, std::uint64_t bytes_out, Traced trace) {
    const auto is = [](std::string_view wanted) {
        return [wanted](const MethodSeries& m) { return m.method == wanted; };
    };
    MethodSeries* found = methods.find_or_add_within(budgets_.methods, is(method), method);
    MethodSeries& series = found != nullptr ? *found : methods.find_or_add(is(kOther), kOther);
    count_status(series.statuses, budgets_.statuses, status);
    const std::uint64_t us = microseconds(took);
    const std::size_t bucket = series.duration.observe(us);
    request_size.observe(bytes_in);
    response_size.observe(bytes_out);
    if (!trace.id.empty()) [[unlikely]] {
        keep_exemplar(series, bucket, us, trace);
    }
}

void RouteSeries::awaits(std::string_view method) {
    const auto is = [method](const MethodSeries& m) { return m.method == method; };
    methods.find_or_add_within(budgets_.awaited, is, method);
}

void UpstreamSeries::answered(int status, Instant::duration took) {
    count_status(statuses, budgets_.upstream_statuses, status);
    duration.observe(microseconds(took));
}

RouteSeries& MetricBlock::route(std::string_view route_template) {
    return named(routes, budgets.routes, route_template, std::ref(budgets));
}

UpstreamSeries& MetricBlock::upstream(std::string_view service) {
    return named(upstreams, budgets.upstreams, service, std::ref(budgets));
}

ProtocolGauges& MetricBlock::protocol(std::string_view name) {
    return protocols.find_or_add([&](const ProtocolGauges& p) { return p.name == name; }, name);
}

// In a dry run nothing is refused: it is told apart, so that no alert counts it.
Counter& MetricBlock::rate_limited(std::string_view policy, bool dry_run) {
    constexpr std::string_view kDry = ":dry-run";
    const auto same = [&](const NamedCounter& c) {
        const std::string_view name = c.name;
        return dry_run ? name.size() == policy.size() + kDry.size() && name.starts_with(policy) &&
                             name.ends_with(kDry)
                       : name == policy;
    };
    NamedCounter* const found = rate_limits.find_or_add_within(
        budgets.policies, same, std::string(policy) + std::string(dry_run ? kDry : ""));
    const auto other = [](const NamedCounter& c) { return c.name == kOther; };
    return (found != nullptr ? *found : rate_limits.find_or_add(other, kOther)).count;
}

Counter& MetricBlock::dangerous_header(std::string_view name) {
    return named(dangerous_headers, budgets.headers, name).count;
}

}  // namespace gw::observe
