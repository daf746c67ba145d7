// What the console's page is told, as JSON: of History the series, and how services and routes are
// now. docs/console.md has the format. Control thread.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "control/endpoint_board.hpp"
#include "gateway/site.hpp"
#include "observe/history.hpp"
#include "upstream/breaker_set.hpp"

namespace gw::control {

// [requests, errors, refused, retries, inProgress, p50, p95, p99], the latter in microseconds.
boost::json::array point_json(const observe::History::Point& point);

// Everything that is remembered: {fine, coarse}, each {ends, seconds, all, services, counts}.
// Series that began later have fewer points; their last is the last step.
boost::json::object history_json(const observe::History& history);

// The last step: {end, seconds, all, services, counts}; what did not happen is left out. Where it
// ended a coarse one, that too: {…, coarse: {…}}.
boost::json::object step_json(const observe::History& history);

// The last minute: [requests, errors, refused, retries, p50, p95, p99].
boost::json::array minute_json(const observe::FlowTotal& flow);
boost::json::object routes_minute_json(const observe::History& history);

struct ServiceFacts {
    const observe::History& history;
    const observe::Totals& totals;
    const upstream::BreakerSet& breakers;
    const EndpointBoard& endpoints;
};
// By name: {breaker, endpoints, minute, active, idle, waiting}.
boost::json::object services_json(const ServiceFacts& facts, Instant now);

// The stages that a request passes for which there is no route.
boost::json::array unrouted_stages_json();

// Which route leads to which service, and by which stages: [{name, path, service, stages}].
boost::json::array routes_json(const gateway::Site& site);

}  // namespace gw::control
