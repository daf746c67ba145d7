#include "observe/metrics.hpp"

namespace gw::observe {
namespace {

std::uint64_t microseconds(Instant::duration time) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    return us > 0 ? static_cast<std::uint64_t>(us) : 0;
}

void count_status(GrowingList<StatusSeries>& statuses, int status) {
    statuses.find_or_add([status](const StatusSeries& s) { return s.status == status; }, status)
        .count.add();
}

}  // namespace

void RouteSeries::finished(std::string_view method, int status, Instant::duration took,
                           std::uint64_t bytes_in, std::uint64_t bytes_out) {
    MethodSeries& series =
        methods.find_or_add([method](const MethodSeries& m) { return m.method == method; }, method);
    count_status(series.statuses, status);
    series.duration.observe(microseconds(took));
    request_size.observe(bytes_in);
    response_size.observe(bytes_out);
}

void UpstreamSeries::answered(int status, Instant::duration took) {
    count_status(statuses, status);
    duration.observe(microseconds(took));
}

RouteSeries& MetricBlock::route(std::string_view route_template) {
    return routes.find_or_add([&](const RouteSeries& r) { return r.name == route_template; },
                              route_template);
}

UpstreamSeries& MetricBlock::upstream(std::string_view service) {
    return upstreams.find_or_add([&](const UpstreamSeries& u) { return u.name == service; },
                                 service);
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
    return rate_limits.find_or_add(same, std::string(policy) + std::string(dry_run ? kDry : ""))
        .count;
}

Counter& MetricBlock::dangerous_header(std::string_view name) {
    return dangerous_headers
        .find_or_add([&](const NamedCounter& c) { return c.name == name; }, name)
        .count;
}

}  // namespace gw::observe
