#include "app/process.hpp"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "app/descriptors.hpp"
#include "app/foundation.hpp"
#include "app/issuers.hpp"
#include "app/knob_effects.hpp"
#include "app/memory_pressure.hpp"
#include "app/operators_port.hpp"
#include "app/services.hpp"
#include "app/shared_state.hpp"
#include "app/sockets.hpp"
#include "app/watched_files.hpp"
#include "app/weak_secrets.hpp"
#include "app/workers.hpp"
#include "control/config_changes.hpp"
#include "control/security_desk.hpp"
#include "control/signals.hpp"
#include "control/state_change.hpp"
#include "control/trace_export.hpp"
#include "net/activation.hpp"
#include "net/handover.hpp"

namespace gw::app {
namespace {

constexpr Millis kNamesWait{1'000};  // of a start; then name servers are away
constexpr Millis kBansWait{2'000};   // the same; then the store is, or it is very full
constexpr Millis kLastTraces{1'000};
constexpr Millis kLastLines{1'000};

using AtStart = std::map<std::string, std::string>;  // by the setting's path

AtStart at_start_of(const Settings& settings) {
    AtStart found = settings.in_force.at_start;
    // The first certificate opens a port, which only a start does.
    found.emplace("tls.cert_file", settings.tls.configured() ? "there is one" : "there is none");
    return found;
}

}  // namespace

// What a gateway consists of. A part may use those above it; what it has to say to one below, it
// says by a function that it was given here.
class Process {
  public:
    Process(Foundation& base, std::string config_path, OpenSockets sockets);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    // Until somebody has asked it to end, and it has.
    void run();

  private:
    net::Task<void> begin();
    net::Task<void> stop();
    void on_signal(int signal);
    void offer_sockets();

    control::ReloadOutcome reload(std::string_view cause);
    control::ReloadOutcome as_before(std::string_view cause);
    control::ReloadOutcome reloaded(std::string_view cause, std::string mistake,
                                    std::vector<std::string> changes = {});
    void publish_site();
    void configure();
    void publish_health();

    control::AccessWatchPorts access_ports();
    SharedStateListener state_listener();
    OperatedProcess operated();

    Foundation& base_;
    const std::string config_path_;
    OpenSockets sockets_;
    const std::size_t descriptors_ = raise_descriptor_limit();
    Workers workers_;
    control::SecurityDesk desk_{base_.loop, base_.log, Random::fresh_seed(), access_ports()};
    control::TraceExport traces_{base_.loop, base_.log, base_.h1, base_.name_servers};
    MemoryPressure memory_{base_, workers_};
    Services services_{base_, workers_, [this] { publish_health(); }};
    Issuers issuers_{base_, workers_, [this] { desk_.watch().configuration_changed(); }};
    SharedState shared_{base_, workers_, state_listener()};
    KnobEffects knobs_{base_, workers_, services_.breakers(), desk_.audit()};
    OperatorsPort operators_{operated(), std::move(sockets_.admin)};
    WatchedFiles files_{base_, [this](std::string_view cause) { reload(cause); }};
    const control::Signals signals_{base_.loop, [this](int signal) { on_signal(signal); }};
    std::optional<net::Handover> handover_;

    net::Scope scope_;
    net::Pause start_pause_{base_.loop};
    const AtStart began_with_ = at_start_of(*base_.settings);
    bool serving_ = false;  // all parts have started
    bool begun_ = false;    // workers accept
    bool refused_ = false;  // what was read last was
};

Process::Process(Foundation& base, std::string config_path, OpenSockets sockets)
    : base_(base),
      config_path_(std::move(config_path)),
      sockets_(std::move(sockets)),
      workers_(base_, sockets_.workers.size(),
               base_.settings->connections.connections_max != 0
                   ? base_.settings->connections.connections_max
                   : derived_connections_max(descriptors_)) {
    workers_.each([this](Worker& worker) {
        worker.report_to(base_.log, &desk_);
        worker.send_traces_by(
            [this](observe::TraceBatch batch) { traces_.offer(std::move(batch)); });
    });
    base_.exposition.read_traces_by([this] {
        return observe::Exposition::TraceFacts{.sent = traces_.sent(),
                                               .dropped = traces_.dropped()};
    });
    base_.exposition.read_knobs_by([this] {
        std::vector<observe::Exposition::KnobFacts> facts = knobs_.facts();
        facts.push_back({"maintenance", shared_.maintenance().mode() != state::Maintenance::off});
        return facts;
    });
    desk_.audit().use_store(shared_.store());
    desk_.watch().use_store(shared_.store());
    configure();
}

void Process::run() {
    shared_.start(std::move(sockets_.resp));
    services_.follow();
    issuers_.follow();
    files_.watch_configuration(config_path_);
    files_.watch_certificates();
    files_.watch_secrets();
    offer_sockets();
    serving_ = true;
    publish_health();
    base_.exposition.config_in_force(base_.site->hash);
    services_.warn_of_unverified();
    warn_of_weak_secrets(*base_.settings, base_.log);
    scope_.spawn(begin());
    base_.loop.run();
}

// A worker that accepted before it knows where the services are would refuse its first requests,
// and one that accepted before it knows who is banned would let him in. Until then connections wait
// in the sockets' queues, or go to the process before this one.
net::Task<void> Process::begin() {
    const Instant began = base_.loop.now();
    const auto must_wait = [&] {
        const Instant::duration waited = base_.loop.now() - began;
        return !base_.stopping && ((waited < kNamesWait && !services_.settled()) ||
                                   (waited < kBansWait && !shared_.told_all()));
    };
    while (must_wait()) {
        co_await start_pause_.until(base_.loop.now() + Millis{2});
    }
    if (!shared_.told_all() && !base_.stopping) {
        base_.log.warn("requests are served before all bans and revocations are known",
                       {{"waitedMs", kBansWait.count()}});
    }
    shared_.serve();
    // Before anybody is served: who reads the lines later sees which process that was.
    base_.log.info("gateway started",
                   {{"port", static_cast<std::int64_t>(sockets_.port)},
                    {"tlsPort", static_cast<std::int64_t>(sockets_.tls_port)},
                    {"adminPort", static_cast<std::int64_t>(sockets_.admin_port)},
                    {"workers", static_cast<std::int64_t>(workers_.count())},
                    {"connectionsMax", static_cast<std::int64_t>(workers_.connections_max())},
                    {"descriptors", static_cast<std::int64_t>(descriptors_)},
                    {"descriptorsForServices", static_cast<std::int64_t>(descriptors_for_services(
                                                   descriptors_, workers_.connections_max()))},
                    {"config", config_path_},
                    {"configHash", base_.site->hash}});
    // The first who asks whether it is ready is told that it is.
    begun_ = true;
    publish_health();
    workers_.start(base_.site, sockets_);
    memory_.start();
    operators_.start();
    traces_.start();
    net::tell_manager(base_.environment, "READY=1");
}

// What brings work ends first, and what it is written to last.
net::Task<void> Process::stop() {
    const Instant began = base_.loop.now();
    const auto shutdown = base_.settings->shutdown;
    net::tell_manager(base_.environment, "STOPPING=1");
    base_.log.info("draining", {{"drainMs", shutdown.drain.count()}});
    publish_health();
    handover_->close();
    shared_.flush();  // somebody may start in our place before we have ended
    co_await workers_.stop(began + shutdown.drain, began + shutdown.timeout);
    co_await operators_.stop();
    files_.stop();
    co_await services_.stop();
    co_await memory_.stop();
    traces_.stop(kLastTraces);
    co_await traces_.all_done();
    knobs_.stop();
    co_await shared_.stop_links();
    desk_.stop();
    co_await desk_.watch().all_done();
    co_await desk_.audit().all_done();
    co_await shared_.stop_store();
    co_await issuers_.stop();
    base_.log.info("gateway stopped", {});
    base_.loop.stop();
}

void Process::on_signal(int signal) {
    if (signal == SIGHUP) {
        reload("signal");
        return;
    }
    if (base_.stopping) {
        workers_.hurry();
        return;
    }
    base_.stopping = true;
    scope_.spawn(stop());
}

void Process::offer_sockets() {
    handover_.emplace(base_.loop, sockets_.port, std::move(sockets_.offers),
                      net::Handover::Listener{
                          .about_to = [this] { shared_.flush(); },
                          .done =
                              [this](int pid) {
                                  base_.log.info("handed listening sockets to another process",
                                                 {{"pid", static_cast<std::int64_t>(pid)}});
                                  shared_.handed_over();
                              },
                          .back =
                              [this](int pid) {
                                  base_.log.warn(
                                      "the process that was to take over has ended before this "
                                      "one, which goes on",
                                      {{"pid", static_cast<std::int64_t>(pid)}});
                                  shared_.taken_back();
                              }});
}

namespace {

std::string fingerprint_of(const Settings& settings) {
    return settings.tls_contexts != nullptr ? settings.tls_contexts->fingerprint() : "";
}

// A file was written again, or another beside it.
bool says_the_same(const Settings& one, const Settings& other) {
    return one.text == other.text && one.beside == other.beside &&
           one.variables == other.variables && one.in_force.secrets == other.in_force.secrets &&
           fingerprint_of(one) == fingerprint_of(other);
}

// What a reload cannot bring: of settings that are read at the start only, those that have changed
// since.
std::string wanting_a_restart(const AtStart& began, const AtStart& now) {
    std::string paths;
    const auto add = [&](const AtStart& those, const AtStart& others, bool gone_only) {
        for (const auto& [path, value] : those) {
            const auto other = others.find(path);
            if (other == others.end() || (!gone_only && other->second != value)) {
                paths += (paths.empty() ? "" : ", ") + path;
            }
        }
    };
    add(now, began, false);
    add(began, now, true);
    return paths;
}

std::vector<std::string> changes_between(const Settings& before, const Settings& after) {
    constexpr std::size_t kChangesMax = 40;
    std::vector<std::string> changes =
        control::config_changes(before.text, after.text, kChangesMax);
    std::ranges::move(control::variable_changes(before.variables, after.variables),
                      std::back_inserter(changes));
    return changes;
}

}  // namespace

control::ReloadOutcome Process::reload(std::string_view cause) {
    if (base_.stopping) {
        return {.mistake = "the gateway is stopping"};
    }
    std::expected<LoadedSite, std::vector<config::Mistake>> loaded =
        load_site(config_path_, config::Environment::of_process(), base_.site->generation + 1);
    if (!loaded) {
        refused_ = true;
        base_.exposition.config_refused();
        for (const config::Mistake& mistake : loaded.error()) {
            base_.log.error("configuration refused, the old one stays",
                            {{"mistake", mistake.to_string()}});
        }
        const std::size_t more = loaded.error().size() - 1;
        return reloaded(
            cause, loaded.error().front().to_string() +
                       (more == 0 ? "" : "; and " + std::to_string(more) + " more, see the log"));
    }
    const bool asked_for = cause == "signal" || cause == "console";
    if (!asked_for && says_the_same(*loaded->settings, *base_.settings)) {
        return as_before(cause);
    }
    refused_ = false;
    std::vector<std::string> changes = changes_between(*base_.settings, *loaded->settings);
    base_.adopt(std::move(*loaded));
    shared_.maintenance().plan();
    knobs_.reloaded();
    publish_site();
    files_.watch_certificates();
    files_.watch_secrets();
    configure();
    publish_health();
    base_.log.info("configuration reloaded",
                   {{"cause", cause},
                    {"configHash", base_.site->hash},
                    {"routes", static_cast<std::int64_t>(base_.site->routes.routes().size())}});
    if (const std::string paths = wanting_a_restart(began_with_, at_start_of(*base_.settings));
        !paths.empty()) {
        base_.log.warn(
            "settings that are read at the start only have changed; restart to have them",
            {{"settings", paths}});
    }
    return reloaded(cause, "", std::move(changes));
}

// Whoever took a mistake back waits for a word: the last one was that it was refused.
control::ReloadOutcome Process::as_before(std::string_view cause) {
    if (!std::exchange(refused_, false)) {
        return {.taken = true};
    }
    base_.exposition.config_taken_back();
    base_.log.info("the configuration is again the one in force",
                   {{"cause", cause}, {"configHash", base_.site->hash}});
    return reloaded(cause, "");
}

control::ReloadOutcome Process::reloaded(std::string_view cause, std::string mistake,
                                         std::vector<std::string> changes) {
    control::ReloadOutcome outcome{.time = base_.loop.clock().wall,
                                   .taken = mistake.empty(),
                                   .cause = std::string(cause),
                                   .hash = base_.site->hash,
                                   .generation = base_.site->generation,
                                   .mistake = std::move(mistake),
                                   .changes = std::move(changes)};
    operators_.note(outcome);
    return outcome;
}

void Process::publish_site() {
    // What was kept by other rules is not known to be good by these.
    shared_.forget_answers();
    workers_.each([this](Worker& worker) { worker.adopt(base_.site); });
    base_.exposition.config_adopted(base_.site->hash);
    services_.follow();
    issuers_.follow();
    services_.warn_of_unverified();
    warn_of_weak_secrets(*base_.settings, base_.log);
    desk_.watch().configuration_changed();
}

void Process::configure() {
    const Settings& settings = *base_.settings;
    services_.configure_breakers();
    memory_.configure();
    traces_.configure(settings.tracing, {settings.instance_id, settings.region});
    shared_.configure();
    operators_.configure();
    desk_.audit().configure(settings.audit);
    desk_.watch().configure(settings.watch);
}

void Process::publish_health() {
    // Parts that start say so one by one; what they come to is said once they all have.
    if (!serving_) {
        return;
    }
    const std::shared_ptr<const state::Known> known = shared_.known();
    const WallTime now = base_.loop.clock().wall;
    auto report = std::make_shared<gateway::HealthReport>();
    report->body = health_body(*base_.settings,
                               {.draining = base_.stopping,
                                .circuit_breakers = services_.breakers_json(),
                                .upstreams = services_.endpoints().json(),
                                .backend = shared_.store().backend(),
                                .store_available = shared_.available(),
                                .store_permits = !shared_.refused(),
                                .store_prompt = !shared_.slow(),
                                .maintenance = known->maintenance(now),
                                .banner = known->banner(now),
                                .services_in_maintenance = known->services_in_maintenance(now)});
    report->started = begun_;
    report->draining = base_.stopping;
    report->since = base_.started;
    workers_.each([&](Worker& worker) { worker.adopt_health(report); });
    operators_.adopt_health(report);
}

control::AccessWatchPorts Process::access_ports() {
    return {.successes = [this] { return workers_.sign_ins(); },
            .keep = {},
            .count = [this](observe::Violation violation) { workers_.count_violation(violation); }};
}

SharedStateListener Process::state_listener() {
    return {.published = [this](const state::Known& known) { knobs_.knobs().adopt(known.knobs()); },
            .changed = [this] { publish_health(); },
            .commanded =
                [this](const std::vector<std::string>& command, std::string_view reply,
                       std::string_view client) {
                    if (const auto event = control::state_change(command, reply, client,
                                                                 base_.loop.clock().wall)) {
                        desk_.audit().keep(*event);
                    }
                }};
}

OperatedProcess Process::operated() {
    return {.base = base_,
            .workers = workers_,
            .desk = desk_,
            .services = services_,
            .issuers = issuers_,
            .shared = shared_,
            .knobs = knobs_,
            .memory = memory_,
            .reload = [this] { return reload("console"); }};
}

int run_process(const RunArguments& arguments) {
    open_standard_descriptors();
    control::Signals::block();
    std::expected<LoadedSite, std::vector<config::Mistake>> loaded =
        load_site(arguments.config_path, config::Environment::of_process(), 1);
    if (!loaded) {
        for (const config::Mistake& mistake : loaded.error()) {
            std::cerr << mistake.to_string() << '\n';
        }
        std::cerr << "the gateway does not start: " << loaded.error().size()
                  << " mistake(s) in its configuration\n";
        return 1;
    }
    raise_descriptor_limit();
    Foundation base(std::move(*loaded), arguments.commit);
    std::optional<OpenSockets> sockets = open_sockets(*base.settings, base.environment, base.log);
    if (!sockets) {
        base.sink.drain(kLastLines);
        return 1;
    }
    Process process(base, arguments.config_path, std::move(*sockets));
    process.run();
    base.sink.drain(kLastLines);
    return 0;
}

}  // namespace gw::app
