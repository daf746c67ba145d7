#include "app/operators_port.hpp"

#include <chrono>

#include "base/encoding.hpp"
#include "base/version.hpp"

namespace gw::app {
namespace {

constexpr std::size_t kConnections = 64;  // of them some are browsers, six each

}  // namespace

OperatorsPort::OperatorsPort(OperatedProcess process, std::vector<net::Fd> sockets)
    : process_(std::move(process)),
      base_(process_.base),
      api_(base_.loop,
           [this](const gateway::SecurityEvent& event) { process_.desk.audit().keep(event); }),
      operations_(operated_parts()),
      limit_operations_(limit_parts()),
      explain_operation_(explained_parts()),
      containment_(base_.loop, process_.shared.store(), process_.desk.watch()),
      console_operations_(base_.loop, process_.shared.store(), process_.shared.known_state(),
                          process_.reload),
      console_(console_parts()),
      admin_(
          base_.loop, [this](observe::TextFormat format) { return base_.exposition.text(format); },
          api_, console_),
      shared_{
          .loop = base_.loop, .pool = base_.h1, .responder = admin_, .limits = base_.site->limits},
      budget_(kConnections),
      server_(shared_, budget_) {
    base_.exposition.tell_over_budget_to([this](std::string_view metric) {
        base_.log.warn("a metric has more series than there is room for", {{"metric", metric}});
    });
    process_.desk.audit().tell_to(
        [this](const gateway::SecurityEvent& event) { console_.record().note(event); });
    api_.verify_by([this](std::string_view token) {
        return process_.issuers.sign_in().caller_of(token, *process_.shared.known(),
                                                    base_.loop.clock().wall);
    });
    operations_.add_to(api_);
    limit_operations_.add_to(api_);
    explain_operation_.add_to(api_);
    containment_.add_to(api_);
    console_operations_.add_to(api_);
    control::Console::add_to(api_);
    for (net::Fd& socket : sockets) {
        listeners_.push_back(
            std::make_unique<net::Listener>(base_.loop, std::move(socket), budget_, server_));
    }
}

void OperatorsPort::configure() {
    const Settings& settings = *base_.settings;
    api_.set_tokens({.operator_ = settings.admin.token, .viewer = settings.admin.viewer_token});
}

void OperatorsPort::adopt_health(std::shared_ptr<const gateway::HealthReport> report) {
    admin_.adopt_health(report);
    health_ = std::move(report);
}

void OperatorsPort::note(const control::ReloadOutcome& outcome) {
    refused_ = as_utf8(outcome.mistake);
    console_.record().note(outcome);
}

net::Task<void> OperatorsPort::stop() {
    listeners_.clear();
    console_.stop();
    server_.end_all();
    co_await server_.all_done();
}

control::ConsoleParts OperatorsPort::console_parts() {
    return {.loop = base_.loop,
            .api = api_,
            .breakers = process_.services.breakers(),
            .endpoints = process_.services.endpoints(),
            .lines = base_.tap,
            .blocks = [this] { return process_.workers.metrics(); },
            .site = [this] { return base_.site; },
            .status = [this] { return console_status(); }};
}

control::OperatedParts OperatorsPort::operated_parts() {
    return {.loop = base_.loop,
            .store = process_.shared.store(),
            .known = process_.shared.known_state(),
            .watch = process_.desk.watch(),
            .breakers = process_.services.breakers(),
            .answers = process_.shared.answers(),
            .knobs = process_.knobs.knobs(),
            .token_life =
                [this] {
                    const identity::TokenOptions& tokens = base_.settings->tokens;
                    return tokens.longest_life.value + std::chrono::seconds(tokens.clock_skew_s);
                },
            .api_keys = [this]() -> const identity::ApiKeys& { return base_.site->api_keys; },
            .status = [this] { return status(); }};
}

control::LimitParts OperatorsPort::limit_parts() {
    return {
        .loop = base_.loop,
        .store = process_.shared.store(),
        .knobs = process_.knobs.knobs(),
        .limits = process_.shared.limits(),
        .configured = [this] { return base_.settings->limits; },
        .site = [this] { return base_.site; },
        .gateways = [this] { return process_.shared.gateways(); },
        .check =
            [this](std::string_view name, const control::KnobSetting& setting) {
                return process_.knobs.check(name, setting);
            },
        .refused = [this](std::string_view policy) { return process_.workers.refused_by(policy); }};
}

control::ExplainedParts OperatorsPort::explained_parts() {
    return {.loop = base_.loop,
            .limits = process_.shared.limits(),
            .breakers = process_.services.breakers(),
            .endpoints = process_.services.endpoints(),
            .now = [this] { return explain_parts(); }};
}

gateway::ExplainParts OperatorsPort::explain_parts() const {
    return {.loop = base_.loop,
            .h1 = base_.h1,
            .sink = base_.sink,
            .breakers = process_.services.breakers(),
            .answers = process_.shared.answers(),
            .site = base_.site,
            .known = process_.shared.known(),
            .keys = process_.issuers.keys(),
            .health = health_,
            .pressure = process_.memory.now()};
}

boost::json::object OperatorsPort::status() const {
    const std::shared_ptr<const state::Known> known = process_.shared.known();
    const WallTime now = base_.loop.clock().wall;
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(now - base_.started);
    boost::json::object services;
    for (const state::Known::OfService& one : known->services_in_maintenance(now)) {
        services[one.service] = state::name_of(one.mode);
    }
    const Settings& settings = *base_.settings;
    boost::json::object facts{{"instance", settings.instance_id},
                              {"region", settings.region},
                              {"version", kVersion},
                              {"uptimeSeconds", up.count()},
                              {"draining", base_.stopping},
                              {"drillTarget", settings.drill_target},
                              {"configHash", base_.site->hash},
                              {"configGeneration", base_.site->generation},
                              {"workers", process_.workers.count()},
                              {"connections", process_.workers.connections()},
                              {"connectionsMax", process_.workers.connections_max()},
                              {"state",
                               {{"backend", process_.shared.store().backend()},
                                {"available", process_.shared.available()}}},
                              {"gateways", process_.shared.gateways()},
                              {"logLevel", observe::level_name(base_.log.level())},
                              {"knobs", process_.knobs.knobs().json()},
                              {"maintenance", state::name_of(known->maintenance(now))},
                              {"bans", known->bans.size()},
                              {"revocations", known->revocations.size()}};
    if (!refused_.empty()) {
        facts["configRefused"] = refused_;
    }
    if (!services.empty()) {
        facts["maintenanceServices"] = std::move(services);
    }
    return facts;
}

// What only the console shows.
boost::json::object OperatorsPort::console_status() const {
    const std::shared_ptr<const state::Known> known = process_.shared.known();
    const WallTime now = base_.loop.clock().wall;
    boost::json::object facts = status();
    facts["banner"] = known->banner(now);
    facts["maintenanceEnd"] = nullptr;
    if (known->maintenance(now) != state::Maintenance::off &&
        known->maintenance_end(now) != WallTime::max()) {
        facts["maintenanceEnd"] = control::epoch_millis(known->maintenance_end(now));
    }
    boost::json::object ends;
    for (const state::Known::OfService& one : known->services_in_maintenance(now)) {
        if (one.until != WallTime::max()) {
            ends[one.service] = control::epoch_millis(one.until);
        }
    }
    if (!ends.empty()) {
        facts["maintenanceServiceEnds"] = std::move(ends);
    }
    facts["knownVersion"] = known->version;
    const security::AuthDiagnosis& diagnosis = process_.desk.watch().diagnosis();
    facts["authentication"] = {{"cause", control::cause_name(diagnosis.cause)},
                               {"line", diagnosis.line}};
    facts["logLinesDropped"] = base_.sink.dropped_lines();
    facts["residentBytes"] = control::resident_bytes();
    boost::json::array crowded;
    for (const control::CrowdBoard::Fact& fact : process_.services.crowds().facts()) {
        crowded.push_back({{"service", fact.service},
                           {"tenant", fact.tenant},
                           {"requests", fact.in_flight + fact.waiting}});
    }
    facts["crowded"] = std::move(crowded);
    return facts;
}

}  // namespace gw::app
