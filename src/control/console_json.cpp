#include "control/console_json.hpp"

#include <cmath>

#include "control/console_record.hpp"
#include "gateway/stages.hpp"

namespace gw::control {
namespace {

using observe::FlowTotal;
using observe::History;

std::int64_t micros(double seconds) {
    return std::llround(seconds * 1e6);
}

std::int64_t seconds_of(Instant::duration time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time).count();
}

boost::json::array points_json(const observe::Recent<History::Point>& points) {
    boost::json::array out;
    out.reserve(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        out.push_back(point_json(points[i]));
    }
    return out;
}

boost::json::array counts_json(const observe::Recent<std::uint32_t>& counts) {
    boost::json::array out;
    out.reserve(counts.size());
    for (std::size_t i = 0; i < counts.size(); ++i) {
        out.push_back(counts[i]);
    }
    return out;
}

boost::json::object scale_json(const History& history, const observe::Recent<History::Step>& steps,
                               observe::Recent<History::Point> History::Series::* points,
                               observe::Recent<std::uint32_t> History::Count::* counts) {
    boost::json::array ends;
    boost::json::array lengths;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        ends.push_back(epoch_millis(steps[i].end));
        lengths.push_back(std::round(static_cast<double>(steps[i].seconds) * 1'000) / 1'000);
    }
    boost::json::object services;
    for (const auto& [name, series] : history.services()) {
        services[name] = points_json(series.*points);
    }
    boost::json::object counted;
    for (const auto& [name, count] : history.counts()) {
        counted[name] = counts_json(count.*counts);
    }
    return {{"ends", std::move(ends)},
            {"seconds", std::move(lengths)},
            {"all", points_json(history.all().*points)},
            {"services", std::move(services)},
            {"counts", std::move(counted)}};
}

boost::json::object breaker_json(const upstream::Breaker& breaker, Instant now) {
    const upstream::BreakerSnapshot found = breaker.snapshot(now);
    boost::json::object out{{"state", upstream::name_of(found.state)},
                            {"forced", found.forced},
                            {"why", found.why},
                            {"rejects", found.rejects},
                            {"forSeconds", nullptr},
                            {"nextTrySeconds", nullptr}};
    if (found.since != Instant{}) {
        out["forSeconds"] = seconds_of(now - found.since);
    }
    if (found.state == upstream::BreakerState::open) {
        out["nextTrySeconds"] = std::max<std::int64_t>(0, seconds_of(found.next_try - now));
    }
    return out;
}

boost::json::object& entry_of(boost::json::object& all, std::string_view name) {
    boost::json::value& value = all[name];
    if (!value.is_object()) {
        value = {{"breaker", nullptr},
                 {"endpoints", boost::json::array{}},
                 {"minute", minute_json({})},
                 {"active", 0},
                 {"idle", 0},
                 {"waiting", 0}};
    }
    return value.as_object();
}

}  // namespace

boost::json::array point_json(const History::Point& point) {
    return {point.requests,    point.errors,      point.refused,     point.retries,
            point.in_progress, micros(point.p50), micros(point.p95), micros(point.p99)};
}

boost::json::object history_json(const History& history) {
    return {{"fine",
             scale_json(history, history.fine(), &History::Series::fine, &History::Count::fine)},
            {"coarse", scale_json(history, history.coarse(), &History::Series::coarse,
                                  &History::Count::coarse)}};
}

namespace {

boost::json::object last_json(const History& history, const observe::Recent<History::Step>& steps,
                              observe::Recent<History::Point> History::Series::* points,
                              observe::Recent<std::uint32_t> History::Count::* counts) {
    const History::Step& step = steps.back();
    boost::json::object services;
    for (const auto& [name, series] : history.services()) {
        const auto& all = series.*points;
        if (!all.empty() && (all.back().requests != 0 || all.back().in_progress != 0)) {
            services[name] = point_json(all.back());
        }
    }
    boost::json::object counted;
    for (const auto& [name, count] : history.counts()) {
        const auto& all = count.*counts;
        if (!all.empty() && all.back() != 0) {
            counted[name] = all.back();
        }
    }
    return {{"end", epoch_millis(step.end)},
            {"seconds", std::round(static_cast<double>(step.seconds) * 1'000) / 1'000},
            {"all", point_json((history.all().*points).back())},
            {"services", std::move(services)},
            {"counts", std::move(counted)}};
}

}  // namespace

boost::json::object step_json(const History& history) {
    if (history.fine().empty()) {
        return {};
    }
    boost::json::object step =
        last_json(history, history.fine(), &History::Series::fine, &History::Count::fine);
    if (history.coarse_ended()) {
        step["coarse"] =
            last_json(history, history.coarse(), &History::Series::coarse, &History::Count::coarse);
    }
    return step;
}

boost::json::array minute_json(const FlowTotal& flow) {
    return {flow.requests,
            flow.errors,
            flow.refused,
            flow.retries,
            micros(observe::quantile_of(flow.took, 0.50)),
            micros(observe::quantile_of(flow.took, 0.95)),
            micros(observe::quantile_of(flow.took, 0.99))};
}

boost::json::object routes_minute_json(const History& history) {
    boost::json::object out;
    for (const auto& [name, series] : history.routes()) {
        if (const FlowTotal flow = series.minute.until(series.now); flow.requests != 0) {
            out[name] = minute_json(flow);
        }
    }
    return out;
}

boost::json::object services_json(const ServiceFacts& facts, Instant now) {
    boost::json::object out;
    facts.breakers.each([&](const upstream::Breaker& breaker) {
        entry_of(out, breaker.name())["breaker"] = breaker_json(breaker, now);
    });
    for (const EndpointBoard::Fact& fact : facts.endpoints.facts()) {
        entry_of(out, fact.service)["endpoints"].as_array().push_back(
            {{"endpoint", fact.endpoint}, {"well", fact.well}});
    }
    for (const auto& [name, series] : facts.history.services()) {
        entry_of(out, name)["minute"] = minute_json(series.minute.until(series.now));
    }
    for (const auto& [name, gauges] : facts.totals.gauges) {
        boost::json::object& entry = entry_of(out, name);
        entry["active"] = gauges.active;
        entry["idle"] = gauges.idle;
        entry["waiting"] = gauges.waiting;
    }
    return out;
}

boost::json::array unrouted_stages_json() {
    boost::json::array out;
    for (const gateway::Stage* const stage : gateway::kStages) {
        if (stage->read == nullptr) {
            out.emplace_back(stage->name);
        }
    }
    return out;
}

boost::json::array routes_json(const gateway::Site& site) {
    boost::json::array out;
    for (const auto& route : site.routes.routes()) {
        boost::json::array stages;
        for (const gateway::StageStep& step : route->steps) {
            stages.emplace_back(gateway::kStages[step.stage]->name);
        }
        out.push_back({{"name", route->name},
                       {"path", route->path},
                       {"service", route->service},
                       {"stages", std::move(stages)}});
    }
    return out;
}

}  // namespace gw::control
