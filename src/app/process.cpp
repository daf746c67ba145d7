#include "app/process.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <filesystem>
#include <iostream>
#include <set>

#include "app/site_builder.hpp"
#include "app/state_file.hpp"
#include "app/worker.hpp"
#include "base/version.hpp"
#include "config/variable_folder.hpp"
#include "control/admin.hpp"
#include "control/answer_link.hpp"
#include "control/config_changes.hpp"
#include "control/console.hpp"
#include "control/console_operations.hpp"
#include "control/containment.hpp"
#include "control/crowd_board.hpp"
#include "control/endpoint_board.hpp"
#include "control/explain_operation.hpp"
#include "control/file_watch.hpp"
#include "control/health_checks.hpp"
#include "control/idempotency_link.hpp"
#include "control/key_watch.hpp"
#include "control/knobs.hpp"
#include "control/limit_link.hpp"
#include "control/limit_operations.hpp"
#include "control/maintenance_clock.hpp"
#include "control/memory_watch.hpp"
#include "control/name_watch.hpp"
#include "control/operate.hpp"
#include "control/region_peers.hpp"
#include "control/security_desk.hpp"
#include "control/sign_in.hpp"
#include "control/signals.hpp"
#include "control/ticket_keeper.hpp"
#include "control/trace_export.hpp"
#include "gateway/answer_cache.hpp"
#include "net/activation.hpp"
#include "net/handover.hpp"
#include "net/sockaddr.hpp"
#include "observe/exposition.hpp"
#include "state/embedded_store.hpp"
#include "state/known_keeper.hpp"
#include "state/redis_store.hpp"
#include "state/resp_server.hpp"

namespace gw::app {
namespace {

constexpr std::size_t kAdminConnections = 64;  // of them some are browsers, six each
constexpr Millis kNamesWait{1'000};            // of a start; then name servers are away
constexpr Millis kFirstWord{200};              // a round trip or two
constexpr Millis kLastTraces{1'000};
constexpr std::string_view kPublic = "public";
constexpr std::string_view kTls = "tls";
constexpr std::string_view kAdminName = "admin";
constexpr std::string_view kResp = "resp";

// Descriptors 0 to 2 must exist: a socket that took their number would receive our log.
void open_standard_descriptors() {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) {
            [[maybe_unused]] const int opened = ::open("/dev/null", O_RDWR);
        }
    }
}

// As many descriptors as the process may have. Returns how many those are.
std::size_t raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

// Clients may have four fifths of what we do not need ourselves: the rest is for connections to
// services, of which there are far fewer, since they are shared.
std::size_t derived_connections_max(std::size_t descriptors) {
    constexpr std::size_t kOwn = 40;
    return descriptors <= kOwn + 8 ? 4 : (descriptors - kOwn) * 4 / 5;
}

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : ",") + part;
    }
    return text;
}

// Two processes of one host, and a process and its successor, are different.
std::string unique_name(const std::string& instance) {
    return instance + "-" + std::to_string(::getpid()) + "-" +
           std::to_string(Random::fresh_seed() % 1'000'000);
}

net::Address address_of(const std::string& host, std::uint16_t port) {
    return {IpAddress::parse(host).value_or(IpAddress{}), port};
}

std::string fingerprint_of(const Settings& settings) {
    return settings.tls_contexts != nullptr ? settings.tls_contexts->fingerprint() : "";
}

}  // namespace

class Process {
  public:
    Process(std::string config_path, LoadedSite loaded);
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    int run();

  private:
    bool open_sockets();
    void watch_certificates();
    WallTime shown_until(const net::TlsStaple& staple);
    bool open_tls_sockets(std::size_t count, std::vector<net::NamedSocket>& inherited);
    void watch_files();
    bool open_group(std::string_view name, const net::Address& address, std::size_t wanted,
                    std::vector<net::NamedSocket>& inherited, std::vector<net::Fd>& out);
    void start_workers();
    net::Task<void> begin();
    void start_admin();
    boost::json::object status();
    boost::json::object console_status();
    void offer_sockets();
    void on_signal(int signal);
    control::ReloadOutcome reload(std::string_view why);
    control::ReloadOutcome reloaded(std::string_view why, std::string mistake,
                                    std::vector<std::string> changes = {});
    void publish_site();
    void build_limited_site();
    observe::LogLevel log_level_in_force() const;
    control::KnobPorts knob_ports();
    std::optional<config::Flaw> check_knob(std::string_view name,
                                           const control::KnobSetting& setting) const;
    std::vector<observe::Exposition::KnobFacts> knob_facts() const;
    void warn_of_unverified();
    void follow_operators();
    void publish_keys();
    void open_resp_socket(std::vector<net::NamedSocket>& inherited);
    void start_state();
    state::Follower& follower();
    void backend_changed(bool available, const char* why);
    void tell_maintenance(const state::Known& known);
    bool tell_service_maintenance(const state::Known& known);
    void plan_maintenance();
    bool adopt_key_set(const std::string& document);
    control::AccessWatchPorts access_ports();
    void share_answers();
    void configure_breakers();
    void configure_desk();
    void tidy_limits();
    std::uint64_t refused_by(std::string_view policy) const;
    gateway::ExplainParts explain_parts();
    void breaker_changed(const std::string& name);
    [[nodiscard]] std::string breakers_json() const;
    void publish_members(const std::string& service, const std::vector<upstream::Member>& members);
    void tell_crowd(const std::string& service, std::size_t worker,
                    const std::vector<upstream::TenantLoad>& noisiest);
    void pressure_changed(gateway::Pressure pressure, std::uint64_t used);
    void endpoint_checked(const std::string& service, const net::Address& address, bool well);
    void publish_health();
    net::Task<void> stop();
    net::Task<void> wait_for_connections(Instant until);

    std::string config_path_;
    const config::Environment environment_ = config::Environment::of_process();
    std::shared_ptr<const Settings> settings_;
    std::shared_ptr<const gateway::Site> site_;
    std::vector<identity::Key> configured_keys_;
    WallTime started_ = net::system_clocks().wall;

    observe::LogTap tap_;
    observe::LogSink sink_{STDOUT_FILENO};
    observe::Log log_;
    net::Loop loop_;
    std::uint16_t port_ = 0;
    std::uint16_t admin_port_ = 0;
    net::ConnectionBudget budget_;
    net::ConnectionBudget admin_budget_{kAdminConnections};
    std::vector<std::vector<net::Fd>> worker_sockets_;
    std::vector<std::vector<net::Fd>> worker_tls_sockets_;
    std::uint16_t tls_port_ = 0;  // 0: TLS is off
    std::vector<net::Fd> admin_sockets_;
    net::Fd resp_socket_;
    bool passed_by_manager_ = false;
    std::vector<net::Handover::Offer> offers_;
    std::vector<std::unique_ptr<Worker>> workers_;
    observe::Exposition exposition_{sink_, started_};

    net::BufferPool admin_buffers_{16UL * 1024, 4};
    http::H1Pool admin_h1_{.buffers = admin_buffers_, .server = {}, .client = {}};
    control::AdminApi admin_api_{
        loop_, [this](const gateway::SecurityEvent& event) { desk_.audit().keep(event); }};
    std::unique_ptr<control::Operations> operations_;
    std::unique_ptr<control::LimitOperations> limit_operations_;
    std::unique_ptr<control::ExplainOperation> explain_operation_;
    std::shared_ptr<const identity::KeySet> keys_ = std::make_shared<identity::KeySet>();
    std::shared_ptr<const gateway::HealthReport> health_;
    gateway::Pressure pressure_ = gateway::Pressure::none;
    std::unique_ptr<control::Containment> containment_;
    std::unique_ptr<control::ConsoleOperations> console_operations_;
    std::unique_ptr<control::Console> console_;
    std::unique_ptr<control::Admin> admin_;
    std::unique_ptr<http::H1ServerShared> admin_shared_;
    std::unique_ptr<http::H1Server> admin_server_;
    std::vector<std::unique_ptr<net::Listener>> admin_listeners_;

    control::SecurityDesk desk_{loop_, log_, Random::fresh_seed(), access_ports()};
    std::map<std::string, limits::PolicyOverride> limit_overrides_;  // that are in force
    control::Knobs knobs_{loop_, log_, knob_ports()};
    upstream::BreakerSet breakers_{
        [this](const std::string& name) { loop_.post([this, name] { breaker_changed(name); }); }};
    control::LimitLink limit_link_;
    control::IdempotencyLink idempotency_link_{loop_};
    control::AnswerLink answer_link_;
    gateway::AnswerCache answers_{0};
    std::unique_ptr<gateway::RateLimits> limits_;
    struct LimitTimer : net::Timer {
        explicit LimitTimer(Process& p)
            : Timer([](Timer& timer) { static_cast<LimitTimer&>(timer).process.tidy_limits(); }),
              process(p) {}
        Process& process;
    };
    LimitTimer limit_timer_{*this};
    std::unique_ptr<state::KnownKeeper> known_;
    std::unique_ptr<control::RegionPeers> regions_;  // null: there is one region
    std::unique_ptr<state::Store> store_;
    std::unique_ptr<state::SnapshotKeeper> snapshot_;  // null: nothing is kept
    std::unique_ptr<state::RespServer> resp_;
    bool store_available_ = true;
    state::Maintenance maintenance_ = state::Maintenance::off;                    // as last told
    std::map<std::string, state::Maintenance, std::less<>> services_maintained_;  // the same
    control::MaintenanceClock windows_{loop_,
                                       [this] { tell_maintenance(*known_->state().current()); }};
    std::string banner_;

    control::TicketKeeper tickets_{loop_, log_, [this](const auto& keys) {
                                       for (const auto& worker : workers_) {
                                           worker->adopt_tickets(keys);
                                       }
                                   }};
    control::EndpointBoard board_;
    control::CrowdBoard crowds_;
    std::unique_ptr<control::TraceExport> traces_;
    control::MemoryWatch memory_{loop_, [this](gateway::Pressure pressure, std::uint64_t used) {
                                     pressure_changed(pressure, used);
                                 }};
    control::HealthChecks checks_{loop_, log_, admin_h1_,
                                  [this](const std::string& service, const auto& members) {
                                      publish_members(service, members);
                                  },
                                  [this](const std::string& service, const net::Address& address,
                                         bool well) { endpoint_checked(service, address, well); }};
    std::unique_ptr<control::NameWatch> names_;
    std::unique_ptr<control::KeyWatch> key_watch_;
    std::unique_ptr<control::KeyWatch> operator_keys_;  // of the issuer of operators
    control::SignIn sign_in_{[this] {
        if (operator_keys_ != nullptr) {
            operator_keys_->ask();
        }
    }};
    std::string key_document_;  // as the issuer last gave it
    std::unique_ptr<control::FileWatch> file_;
    std::map<std::string, std::unique_ptr<control::FileWatch>> certificate_folders_;
    std::unique_ptr<control::FileWatch> folder_;  // of VARIABLES_DIR, where it is another one
    std::unique_ptr<net::Handover> handover_;
    net::Scope scope_;
    net::Pause pause_{loop_};
    net::Pause names_pause_{loop_};
    bool serving_ = false;  // all parts are there
    bool begun_ = false;    // workers accept
    bool stopping_ = false;
    bool impatient_ = false;
};

Process::Process(std::string config_path, LoadedSite loaded)
    : config_path_(std::move(config_path)),
      settings_(std::move(loaded.settings)),
      site_(std::move(loaded.site)),
      configured_keys_(std::move(loaded.keys)),
      log_(sink_, settings_->log_level),
      budget_(settings_->connections.connections_max != 0
                  ? settings_->connections.connections_max
                  : derived_connections_max(raise_descriptor_limit())),
      limit_link_(loop_, unique_name(settings_->instance_id)),
      answer_link_(loop_, unique_name(settings_->instance_id)) {}

int Process::run() {
    raise_descriptor_limit();
    sink_.show_to(tap_);
    const control::Signals signals(loop_, [this](int signal) { on_signal(signal); });
    if (!open_sockets()) {
        sink_.drain(Millis{1'000});
        return 1;
    }
    start_workers();
    start_admin();
    start_state();
    names_ = std::make_unique<control::NameWatch>(
        loop_, log_,
        control::NameWatchOptions{.servers = joined(settings_->dns.servers),
                                  .ttl_min = settings_->dns.ttl_min,
                                  .ttl_max = settings_->dns.ttl_max},
        [this](const std::string& service, const std::vector<upstream::Member>& members) {
            checks_.set_members(service, members);
        });
    checks_.follow(checks_of(*settings_));
    names_->follow(names_of(*settings_));
    publish_keys();
    key_watch_ = std::make_unique<control::KeyWatch>(
        loop_, log_, admin_h1_, joined(settings_->dns.servers),
        [this](const std::string& document) { return adopt_key_set(document); },
        [this] {
            for (const auto& worker : workers_) {
                worker->keys_were_read();
            }
        });
    key_watch_->follow(settings_->tokens.key_set_url, settings_->tokens.key_set_refresh,
                       settings_->key_set_tls);
    operator_keys_ = std::make_unique<control::KeyWatch>(
        loop_, log_, admin_h1_, joined(settings_->dns.servers),
        [this](const std::string& document) { return sign_in_.adopt(document); }, [] {});
    follow_operators();
    watch_files();
    watch_certificates();
    offer_sockets();
    serving_ = true;
    publish_health();
    exposition_.config_in_force(site_->hash);
    warn_of_unverified();
    scope_.spawn(begin());
    loop_.run();
    sink_.drain(Millis{1'000});
    return 0;
}

bool Process::open_sockets() {
    Result<std::vector<net::NamedSocket>> passed = net::passed_sockets(environment_);
    if (!passed) {
        log_.error("cannot listen on what the service manager has passed",
                   {{"reason", passed.error().detail}});
        return false;
    }
    std::vector<net::NamedSocket> inherited = *std::move(passed);
    passed_by_manager_ = !inherited.empty();
    if (!passed_by_manager_ && settings_->listen.port != 0) {
        inherited = net::take_over(settings_->listen.port);
    }
    const std::size_t count = worker_count(*settings_);
    std::vector<net::Fd> sockets;
    if (!open_group(kPublic, address_of(settings_->listen.host, settings_->listen.port), count,
                    inherited, sockets) ||
        !open_group(kAdminName, address_of(settings_->admin.host, settings_->admin.port), 1,
                    inherited, admin_sockets_) ||
        !open_tls_sockets(count, inherited)) {
        return false;
    }
    open_resp_socket(inherited);
    port_ = net::local_address(sockets.front().get()).port;
    admin_port_ = net::local_address(admin_sockets_.front().get()).port;
    worker_sockets_.resize(count);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        offers_.push_back({std::string(kPublic), sockets[i].get()});
        worker_sockets_[i % count].push_back(std::move(sockets[i]));
    }
    for (const net::Fd& socket : admin_sockets_) {
        offers_.push_back({std::string(kAdminName), socket.get()});
    }
    return true;
}

bool Process::open_tls_sockets(std::size_t count, std::vector<net::NamedSocket>& inherited) {
    worker_tls_sockets_.resize(count);
    if (settings_->tls_contexts == nullptr) {
        return true;
    }
    std::vector<net::Fd> sockets;
    if (!open_group(kTls, address_of(settings_->listen.host, settings_->tls.port), count, inherited,
                    sockets)) {
        return false;
    }
    tls_port_ = net::local_address(sockets.front().get()).port;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
        offers_.push_back({std::string(kTls), sockets[i].get()});
        worker_tls_sockets_[i % count].push_back(std::move(sockets[i]));
    }
    return true;
}

bool Process::open_group(std::string_view name, const net::Address& address, std::size_t wanted,
                         std::vector<net::NamedSocket>& inherited, std::vector<net::Fd>& out) {
    for (net::NamedSocket& socket : inherited) {
        if (socket.name == name) {
            out.push_back(std::move(socket.socket));
        }
    }
    if (!out.empty()) {
        log_.info("took over listening sockets",
                  {{"listener", name}, {"sockets", static_cast<std::int64_t>(out.size())}});
    }
    // Nobody but the manager may open more of its sockets: workers share those that there are.
    for (std::size_t i = 0; passed_by_manager_ && !out.empty() && out.size() < wanted; ++i) {
        out.push_back(net::same_socket(out[i]));
    }
    while (out.size() < wanted) {
        // Port 0 is any free one, but the same for all of the group.
        const net::Address at{
            address.ip, out.empty() ? address.port : net::local_address(out.front().get()).port};
        Result<net::Fd> socket = net::listen_on(at);
        if (!socket) {
            log_.error("cannot listen", {{"listener", name},
                                         {"address", address.ip.to_string()},
                                         {"port", static_cast<std::int64_t>(address.port)},
                                         {"reason", socket.error().detail}});
            return false;
        }
        out.push_back(std::move(*socket));
    }
    return true;
}

// A gateway without it serves all the same: the port may well belong to a Redis on this host.
void Process::open_resp_socket(std::vector<net::NamedSocket>& inherited) {
    const std::uint16_t port = settings_->state.resp_port;
    if (port == 0) {
        return;
    }
    for (net::NamedSocket& socket : inherited) {
        if (socket.name == kResp && net::local_address(socket.socket.get()).port == port) {
            resp_socket_ = std::move(socket.socket);
        }
    }
    if (!resp_socket_.valid()) {
        Result<net::Fd> socket = net::listen_alone(address_of("127.0.0.1", port));
        if (!socket) {
            log_.warn("the port for redis-cli is taken; the gateway goes on without it",
                      {{"port", static_cast<std::int64_t>(port)}});
            return;
        }
        resp_socket_ = std::move(*socket);
    }
    offers_.push_back({std::string(kResp), resp_socket_.get()});
}

void Process::watch_files() {
    const auto changed = [this] { reload("file"); };
    file_ = std::make_unique<control::FileWatch>(loop_, config_path_, changed);
    const std::string* const folder = environment_.find(config::kVariablesDir);
    if (folder == nullptr) {
        return;
    }
    const std::filesystem::path any = std::filesystem::path(*folder) / "VARIABLE";
    std::error_code unknown;
    if (!std::filesystem::equivalent(any.parent_path(),
                                     std::filesystem::path(config_path_).parent_path(), unknown)) {
        folder_ = std::make_unique<control::FileWatch>(loop_, any.string(), changed);
    }
}

void Process::start_workers() {
    traces_ = std::make_unique<control::TraceExport>(loop_, log_, admin_h1_,
                                                     joined(settings_->dns.servers));
    configure_breakers();
    memory_.configure(std::uint64_t{settings_->overload.memory_max_mb} << 20);
    traces_->configure(settings_->tracing, {settings_->instance_id, settings_->region});
    exposition_.read_breakers_by([this] {
        std::vector<observe::Exposition::BreakerFacts> facts;
        breakers_.each([&](const upstream::Breaker& breaker) {
            const upstream::BreakerSnapshot now = breaker.snapshot(loop_.now());
            facts.push_back(
                {breaker.name(), static_cast<int>(now.state), now.transitions, now.rejects});
        });
        return facts;
    });
    exposition_.read_endpoints_by([this] {
        std::vector<observe::Exposition::EndpointFacts> facts;
        for (control::EndpointBoard::Fact& fact : board_.facts()) {
            facts.push_back({std::move(fact.service), std::move(fact.endpoint), fact.well});
        }
        return facts;
    });
    exposition_.read_traces_by([this] {
        return observe::Exposition::TraceFacts{.sent = traces_->sent(),
                                               .dropped = traces_->dropped()};
    });
    exposition_.read_tenants_by([this] {
        std::vector<observe::Exposition::TenantFacts> facts;
        for (control::CrowdBoard::Fact& fact : crowds_.facts()) {
            facts.push_back(
                {std::move(fact.service), std::move(fact.tenant), fact.in_flight + fact.waiting});
        }
        return facts;
    });
    exposition_.read_knobs_by([this] { return knob_facts(); });
    answers_.set_most(settings_->cache.bytes_max);
    share_answers();
    limits_ = std::make_unique<gateway::RateLimits>(
        std::size_t{settings_->limits.memory_mb} * 1024 * 1024, Random::fresh_seed(), limit_link_);
    for (std::size_t i = 0; i < worker_sockets_.size(); ++i) {
        workers_.push_back(std::make_unique<Worker>(sink_, budget_));
        workers_.back()->report_to(log_, &desk_);
        workers_.back()->limit_by(*limits_);
        workers_.back()->break_by(breakers_);
        workers_.back()->keep_answers_in(answers_);
        workers_.back()->share_answers_by(answer_link_);
        workers_.back()->remember_keys_in(idempotency_link_);
        workers_.back()->tell_ejected_by(
            [this, i](const std::string& service, std::vector<net::Address> ejected) {
                loop_.post([this, i, service, ejected = std::move(ejected)] {
                    board_.set_ejected(service, i, ejected);
                    publish_health();
                });
            });
        workers_.back()->tell_crowded_by(
            [this, i](const std::string& service, std::vector<upstream::TenantLoad> noisiest) {
                loop_.post([this, i, service, noisiest = std::move(noisiest)] {
                    tell_crowd(service, i, noisiest);
                });
            });
        workers_.back()->send_traces_by(
            [this](observe::TraceBatch batch) { traces_->offer(std::move(batch)); });
        workers_.back()->ask_for_keys_by([this] { loop_.post([this] { key_watch_->ask(); }); });
        exposition_.add_block(workers_.back()->metrics(), i);
    }
}

// A worker that accepted before it knows where the services are would refuse its first requests.
// Until then connections wait in the sockets' queues.
net::Task<void> Process::begin() {
    const Instant latest = loop_.now() + kNamesWait;
    while (!names_->settled() && loop_.now() < latest && !stopping_) {
        co_await names_pause_.until(loop_.now() + Millis{2});
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        workers_[i]->start(site_, std::move(worker_sockets_[i]), std::move(worker_tls_sockets_[i]));
    }
    begun_ = true;
    memory_.start();
    console_->start();
    traces_->start();
    publish_health();
    log_.info("gateway started", {{"port", static_cast<std::int64_t>(port_)},
                                  {"tlsPort", static_cast<std::int64_t>(tls_port_)},
                                  {"adminPort", static_cast<std::int64_t>(admin_port_)},
                                  {"workers", static_cast<std::int64_t>(workers_.size())},
                                  {"connectionsMax", static_cast<std::int64_t>(budget_.most())},
                                  {"config", config_path_},
                                  {"configHash", site_->hash}});
    net::tell_manager(environment_, "READY=1");
}

void Process::start_admin() {
    exposition_.read_key_set_failures_by([this] { return key_watch_->failures(); });
    exposition_.tell_over_budget_to([this](std::string_view metric) {
        log_.warn("a metric has more series than there is room for", {{"metric", metric}});
    });
    admin_api_.verify_by([this](std::string_view token) {
        return sign_in_.caller_of(token, *known_->state().current(), loop_.clock().wall);
    });
    console_ = std::make_unique<control::Console>(
        control::ConsoleParts{.loop = loop_,
                              .api = admin_api_,
                              .breakers = breakers_,
                              .endpoints = board_,
                              .lines = tap_,
                              .blocks =
                                  [this] {
                                      std::vector<const observe::MetricBlock*> blocks;
                                      for (const auto& worker : workers_) {
                                          blocks.push_back(&worker->metrics());
                                      }
                                      return blocks;
                                  },
                              .site = [this] { return site_; },
                              .status = [this] { return console_status(); }});
    desk_.audit().tell_to(
        [this](const gateway::SecurityEvent& event) { console_->record().note(event); });
    admin_ = std::make_unique<control::Admin>(
        loop_, [this](observe::TextFormat format) { return exposition_.text(format); }, admin_api_,
        *console_);
    admin_shared_ = std::make_unique<http::H1ServerShared>(http::H1ServerShared{
        .loop = loop_, .pool = admin_h1_, .responder = *admin_, .limits = site_->limits});
    admin_server_ = std::make_unique<http::H1Server>(*admin_shared_, admin_budget_);
    for (net::Fd& socket : admin_sockets_) {
        admin_listeners_.push_back(std::make_unique<net::Listener>(loop_, std::move(socket),
                                                                   admin_budget_, *admin_server_));
    }
}

void Process::start_state() {
    known_ = std::make_unique<state::KnownKeeper>(
        loop_, Random::fresh_seed(),
        state::KnownStateListener{
            .published =
                [this](const std::shared_ptr<const state::Known>& known) {
                    for (const auto& worker : workers_) {
                        worker->adopt_known(known);
                    }
                    tell_maintenance(*known);
                    knobs_.adopt(known->knobs());
                },
            .changed = {},
            .complained =
                [this](std::string_view key, const char* why) {
                    log_.warn("a key of the state is not understood",
                              {{"key", key}, {"reason", why}});
                },
            .backend_changed = [this](bool available,
                                      const char* why) { backend_changed(available, why); },
            .purged =
                [this](std::string_view what, std::string_view value) {
                    if (const auto purge = gateway::parse_purge(what)) {
                        if (answer_link_.note_purge(*purge, what, value)) {
                            answers_.purge(*purge);
                        }
                    } else {
                        log_.warn("a key of the state is not understood",
                                  {{"key", "cache:purge:" + std::string(what)},
                                   {"reason", "it names no path, tag or tenant"}});
                    }
                },
            .limit_forgotten =
                [this](std::string_view key, std::string_view) {
                    for (const auto& policy : site_->policies) {
                        if (key.starts_with(policy->name() + ":")) {
                            limits_->forget(key, *policy);
                        }
                    }
                },
            .outdated =
                [this](std::string_view, std::string_view value) {
                    if (const auto uri = answer_link_.outdated_elsewhere(value); !uri.empty()) {
                        answers_.forget(uri);
                    }
                }});
    state::EmbeddedStore* embedded = nullptr;
    if (settings_->state.redis.configured()) {
        // Checked with the settings.
        store_ = std::make_unique<state::RedisStore>(
            loop_, *state::place_of(settings_->state.redis), joined(settings_->dns.servers),
            Random::fresh_seed());
        store_available_ = false;
    } else {
        auto made = std::make_unique<state::EmbeddedStore>(loop_);
        embedded = made.get();
        store_ = std::move(made);
    }
    limit_link_.use_store(*store_);
    idempotency_link_.use_store(*store_);
    answer_link_.use_store(*store_);
    plan_maintenance();
    tidy_limits();
    desk_.audit().use_store(*store_);
    desk_.watch().use_store(*store_);
    configure_desk();
    operations_ = std::make_unique<control::Operations>(
        control::OperatedParts{.loop = loop_,
                               .store = *store_,
                               .known = known_->state(),
                               .watch = desk_.watch(),
                               .breakers = breakers_,
                               .answers = answers_,
                               .knobs = knobs_,
                               .status = [this] { return status(); }});
    operations_->add_to(admin_api_);
    limit_operations_ = std::make_unique<control::LimitOperations>(control::LimitParts{
        .loop = loop_,
        .store = *store_,
        .knobs = knobs_,
        .limits = *limits_,
        .configured = [this] { return settings_->limits; },
        .site = [this] { return site_; },
        .gateways = [this] { return limit_link_.gateways(); },
        .check = [this](std::string_view name,
                        const control::KnobSetting& setting) { return check_knob(name, setting); },
        .refused = [this](std::string_view policy) { return refused_by(policy); }});
    limit_operations_->add_to(admin_api_);
    explain_operation_ = std::make_unique<control::ExplainOperation>(
        control::ExplainedParts{.loop = loop_,
                                .limits = *limits_,
                                .breakers = breakers_,
                                .endpoints = board_,
                                .now = [this] { return explain_parts(); }});
    explain_operation_->add_to(admin_api_);
    containment_ = std::make_unique<control::Containment>(loop_, *store_, desk_.watch());
    containment_->add_to(admin_api_);
    console_operations_ = std::make_unique<control::ConsoleOperations>(
        loop_, *store_, known_->state(), [this] { return reload("console"); });
    console_operations_->add_to(admin_api_);
    control::Console::add_to(admin_api_);
    if (embedded != nullptr && !settings_->state.snapshot.empty()) {
        snapshot_ = keep_snapshot(loop_, log_, *embedded, settings_->state.snapshot);
    }
    store_->follow(state::KnownState::prefixes(), follower());
    if (settings_->tls.configured()) {
        tickets_.start(*store_);
    }
    if (resp_socket_.valid()) {
        resp_ = std::make_unique<state::RespServer>(loop_, std::move(resp_socket_), *store_,
                                                    settings_->state.resp_password);
    }
}

state::Follower& Process::follower() {
    std::vector<state::RedisPlace> places;
    for (const std::string& url : settings_->state.peers) {
        places.push_back(*state::place_of_peer(settings_->state.redis, url));  // checked before
    }
    if (places.empty()) {
        return known_->state();
    }
    regions_ = std::make_unique<control::RegionPeers>(
        loop_, log_, std::move(places), joined(settings_->dns.servers), known_->state(),
        [this](const std::string& peer, bool up) { exposition_.state_peer(peer, up); });
    return regions_->own();
}

void Process::tell_maintenance(const state::Known& known) {
    const state::Maintenance mode = known.maintenance(loop_.clock().wall);
    const std::string_view banner = known.banner(loop_.clock().wall);
    const bool services_changed = tell_service_maintenance(known);
    if (mode == maintenance_ && banner == banner_ && !services_changed) {
        return;
    }
    if (mode != maintenance_) {
        log_.warn("maintenance mode changed",
                  {{"from", state::name_of(maintenance_)}, {"to", state::name_of(mode)}});
    }
    maintenance_ = mode;
    banner_ = banner;
    publish_health();
}

bool Process::tell_service_maintenance(const state::Known& known) {
    std::map<std::string, state::Maintenance, std::less<>> now;
    for (const state::Known::OfService& one : known.services_in_maintenance(loop_.clock().wall)) {
        now.emplace(one.service, one.mode);
    }
    if (now == services_maintained_) {
        return false;
    }
    const auto mode_in = [](const auto& modes, const std::string& service) {
        const auto found = modes.find(service);
        return state::name_of(found != modes.end() ? found->second : state::Maintenance::off);
    };
    std::map<std::string, state::Maintenance, std::less<>> all = now;
    all.insert(services_maintained_.begin(), services_maintained_.end());
    for (const auto& [service, mode] : all) {
        if (mode_in(services_maintained_, service) != mode_in(now, service)) {
            log_.warn("maintenance mode of a service changed",
                      {{"upstream", service},
                       {"from", mode_in(services_maintained_, service)},
                       {"to", mode_in(now, service)}});
        }
    }
    services_maintained_ = std::move(now);
    return true;
}

void Process::plan_maintenance() {
    const auto schedule = state::schedule_of(settings_->maintenance);
    known_->state().plan(schedule);
    windows_.keep(schedule);
}

control::AccessWatchPorts Process::access_ports() {
    return {
        .successes =
            [this] {
                std::uint64_t sum = 0;
                for (const auto& worker : workers_) {
                    sum += worker->metrics().auth_attempt(observe::AuthAttempt::success).value();
                }
                return sum;
            },
        .keep = {},
        .count =
            [this](observe::Violation violation) { workers_.front()->count_violation(violation); }};
}

boost::json::object Process::status() {
    const state::Known& known = *known_->state().current();
    std::size_t connections = 0;
    for (const auto& worker : workers_) {
        connections += worker->connections();
    }
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(loop_.clock().wall - started_);
    boost::json::object services;
    for (const state::Known::OfService& one : known.services_in_maintenance(loop_.clock().wall)) {
        services[one.service] = state::name_of(one.mode);
    }
    boost::json::object facts{
        {"instance", settings_->instance_id},
        {"region", settings_->region},
        {"version", kVersion},
        {"uptimeSeconds", up.count()},
        {"draining", stopping_},
        {"drillTarget", settings_->drill_target},
        {"configHash", site_->hash},
        {"configGeneration", site_->generation},
        {"workers", workers_.size()},
        {"connections", connections},
        {"connectionsMax", budget_.most()},
        {"state", {{"backend", store_->backend()}, {"available", store_available_}}},
        {"gateways", limit_link_.gateways()},
        {"logLevel", observe::level_name(log_.level())},
        {"knobs", knobs_.json()},
        {"maintenance", state::name_of(known.maintenance(loop_.clock().wall))},
        {"bans", known.bans.size()},
        {"revocations", known.revocations.size()}};
    if (!services.empty()) {
        facts["maintenanceServices"] = std::move(services);
    }
    return facts;
}

// What only the console shows.
boost::json::object Process::console_status() {
    const state::Known& known = *known_->state().current();
    const WallTime now = loop_.clock().wall;
    boost::json::object facts = status();
    facts["banner"] = known.banner(now);
    facts["maintenanceEnd"] = nullptr;
    if (known.maintenance(now) != state::Maintenance::off &&
        known.maintenance_end(now) != WallTime::max()) {
        facts["maintenanceEnd"] = control::epoch_millis(known.maintenance_end(now));
    }
    boost::json::object ends;
    for (const state::Known::OfService& one : known.services_in_maintenance(now)) {
        if (one.until != WallTime::max()) {
            ends[one.service] = control::epoch_millis(one.until);
        }
    }
    if (!ends.empty()) {
        facts["maintenanceServiceEnds"] = std::move(ends);
    }
    facts["knownVersion"] = known.version;
    const security::AuthDiagnosis& diagnosis = desk_.watch().diagnosis();
    facts["authentication"] = {{"cause", control::cause_name(diagnosis.cause)},
                               {"line", diagnosis.line}};
    facts["logLinesDropped"] = sink_.dropped_lines();
    facts["residentBytes"] = control::resident_bytes();
    boost::json::array crowded;
    for (const control::CrowdBoard::Fact& fact : crowds_.facts()) {
        crowded.push_back({{"service", fact.service},
                           {"tenant", fact.tenant},
                           {"requests", fact.in_flight + fact.waiting}});
    }
    facts["crowded"] = std::move(crowded);
    return facts;
}

gateway::ExplainParts Process::explain_parts() {
    return {.loop = loop_,
            .h1 = admin_h1_,
            .sink = sink_,
            .breakers = breakers_,
            .answers = answers_,
            .site = site_,
            .known = known_->state().current(),
            .keys = keys_,
            .health = health_,
            .pressure = pressure_};
}

// Requests that a policy refused, or would have.
std::uint64_t Process::refused_by(std::string_view policy) const {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) {
        worker->metrics().rate_limits.each([&](const observe::NamedCounter& counter) {
            const std::string_view name = counter.name;
            if (name == policy ||
                (name.starts_with(policy) && name.substr(policy.size()).starts_with(":"))) {
                sum += counter.count.value();
            }
        });
    }
    return sum;
}

void Process::tidy_limits() {
    constexpr Millis kTidyEvery{100};
    if (!stopping_) {
        limits_->tidy(loop_.now());
        loop_.timers().arm(limit_timer_, loop_.now() + kTidyEvery);
    }
}

void Process::breaker_changed(const std::string& name) {
    const upstream::BreakerSnapshot now = breakers_.of(name).snapshot(loop_.now());
    const observe::LogLevel level = now.state == upstream::BreakerState::open
                                        ? observe::LogLevel::error
                                        : observe::LogLevel::warn;
    log_.write(level, "circuit breaker changed",
               {{"upstream", name}, {"state", upstream::name_of(now.state)}, {"reason", now.why}});
    publish_health();
}

std::string Process::breakers_json() const {
    std::string text = "{";
    breakers_.each([&](const upstream::Breaker& breaker) {
        text += text.size() > 1 ? ",\"" : "\"";
        text += breaker.name();
        text += R"(":{"state":")";
        text += upstream::name_of(breaker.snapshot(loop_.now()).state);
        text += "\"}";
    });
    return text + "}";
}

void Process::configure_breakers() {
    std::map<std::string, upstream::ServiceBreakerOptions> own;
    for (const auto& [name, options] : settings_->services) {
        own.emplace(name, options.breaker);
    }
    breakers_.configure(settings_->breaker, std::move(own));
}

void Process::share_answers() {
    answer_link_.configure({.on = settings_->cache.shared,
                            .body_bytes_max = settings_->cache.shared_body_bytes_max,
                            .secret = settings_->signing.secret});
}

void Process::configure_desk() {
    configure_breakers();
    memory_.configure(std::uint64_t{settings_->overload.memory_max_mb} << 20);
    traces_->configure(settings_->tracing, {settings_->instance_id, settings_->region});
    limit_link_.assume_gateways(settings_->limits.gateways);
    admin_api_.set_tokens(
        {.operator_ = settings_->admin.token, .viewer = settings_->admin.viewer_token});
    desk_.audit().configure(settings_->audit);
    desk_.watch().configure(settings_->watch);
    tickets_.configure(settings_->tls.ticket_rotation, settings_->tls.ticket_secret);
}

void Process::backend_changed(bool available, const char* why) {
    if (available == store_available_) {
        return;
    }
    store_available_ = available;
    limit_link_.store_changed(available);
    answer_link_.store_changed(available);
    tickets_.store_changed();
    if (available) {
        log_.info("the state backend answers", {{"backend", store_->backend()}});
    } else {
        log_.error("the state backend does not answer; bans and revocations stay in force",
                   {{"backend", store_->backend()}, {"reason", why}});
    }
    exposition_.state_backend(available);
    publish_health();
}

void Process::offer_sockets() {
    const auto about_to = [this] {
        if (snapshot_ != nullptr) {
            snapshot_->flush();
        }
    };
    handover_ = std::make_unique<net::Handover>(loop_, port_, offers_, about_to, [this](int pid) {
        log_.info("handed listening sockets to another process",
                  {{"pid", static_cast<std::int64_t>(pid)}});
        // What is written here from now on, the successor would never know.
        if (resp_ != nullptr && store_->backend() == "embedded") {
            resp_->stop();
        }
    });
}

void Process::on_signal(int signal) {
    if (signal == SIGHUP) {
        reload("signal");
        return;
    }
    if (stopping_) {
        impatient_ = true;
        pause_.wake();
        return;
    }
    stopping_ = true;
    scope_.spawn(stop());
}

control::ReloadOutcome Process::reloaded(std::string_view why, std::string mistake,
                                         std::vector<std::string> changes) {
    control::ReloadOutcome outcome{.time = loop_.clock().wall,
                                   .taken = mistake.empty(),
                                   .cause = std::string(why),
                                   .hash = site_->hash,
                                   .generation = site_->generation,
                                   .mistake = std::move(mistake),
                                   .changes = std::move(changes)};
    console_->record().note(outcome);
    return outcome;
}

control::ReloadOutcome Process::reload(std::string_view why) {
    if (stopping_) {
        return {.mistake = "the gateway is stopping"};
    }
    std::expected<LoadedSite, std::vector<config::Mistake>> loaded =
        load_site(config_path_, config::Environment::of_process(), site_->generation + 1);
    if (!loaded) {
        exposition_.config_refused();
        for (const config::Mistake& mistake : loaded.error()) {
            log_.error("configuration refused, the old one stays",
                       {{"mistake", mistake.to_string()}});
        }
        return reloaded(why, loaded.error().front().to_string());
    }
    if (why != "signal" && why != "console" && loaded->settings->text == settings_->text &&
        loaded->settings->beside == settings_->beside &&
        loaded->settings->variables == settings_->variables &&
        fingerprint_of(*loaded->settings) == fingerprint_of(*settings_)) {
        return {.taken = true};
    }
    constexpr std::size_t kChangesMax = 40;
    std::vector<std::string> changes =
        control::config_changes(settings_->text, loaded->settings->text, kChangesMax);
    std::ranges::move(control::variable_changes(settings_->variables, loaded->settings->variables),
                      std::back_inserter(changes));
    settings_ = std::move(loaded->settings);
    site_ = std::move(loaded->site);
    plan_maintenance();
    configured_keys_ = std::move(loaded->keys);
    knobs_.reloaded();
    log_.set_level(log_level_in_force());
    build_limited_site();
    publish_site();
    watch_certificates();
    configure_desk();
    log_.info("configuration reloaded",
              {{"cause", why},
               {"configHash", site_->hash},
               {"routes", static_cast<std::int64_t>(site_->routes.routes().size())}});
    return reloaded(why, "", std::move(changes));
}

// Keys and certificates may be replaced in any order: between the two they do not fit, which is
// refused and told, and the old ones stay until they do.
void Process::watch_certificates() {
    std::map<std::string, std::unique_ptr<control::FileWatch>> folders;
    std::map<std::string, WallTime> expiries;  // of a name, the first to expire
    std::map<std::string, WallTime> staples;   // the same
    if (settings_->tls_contexts != nullptr) {
        std::vector<std::string> watched{settings_->tls.client_ca_file};
        for (const net::TlsCertificateOptions& files : settings_->tls.all()) {
            watched.insert(watched.end(), {files.cert_file, files.key_file, files.ocsp_file});
        }
        for (const std::string& file : watched) {
            if (!file.empty()) {
                std::string folder = std::filesystem::path(file).parent_path().string();
                const auto known = certificate_folders_.find(folder);
                if (known != certificate_folders_.end() && known->second != nullptr) {
                    folders.emplace(std::move(folder), std::move(known->second));
                } else if (!folders.contains(folder)) {
                    folders.emplace(std::move(folder),
                                    std::make_unique<control::FileWatch>(loop_, file, [this] {
                                        loop_.post([this] { reload("certificate"); });
                                    }));
                }
            }
        }
        for (const net::TlsCertificate& certificate : settings_->tls_contexts->certificates()) {
            const auto [entry, fresh] = expiries.emplace(
                certificate.names.empty() ? certificate.file : certificate.names.front(),
                certificate.expires);
            entry->second = std::min(entry->second, certificate.expires);
        }
        for (std::size_t i = 0; i < settings_->tls_contexts->staples().size(); ++i) {
            if (const net::TlsStaple* const staple = settings_->tls_contexts->staples()[i].get()) {
                const net::TlsCertificate& of = settings_->tls_contexts->certificates()[i];
                const WallTime until = shown_until(*staple);
                const auto [entry, fresh] =
                    staples.emplace(of.names.empty() ? of.file : of.names.front(), until);
                entry->second = std::min(entry->second, until);
            }
        }
    }
    certificate_folders_ = std::move(folders);
    exposition_.certificates(std::move(expiries));
    exposition_.staples(std::move(staples));
}

// The epoch: not at all, and then the log says why.
WallTime Process::shown_until(const net::TlsStaple& staple) {
    if (staple.good_at(loop_.clock().wall)) {
        return staple.until;
    }
    const bool late = staple.trouble.empty();
    log_.warn("an OCSP response is not shown to clients",
              {{"file", staple.file},
               {"reason", late ? "has ended (nextUpdate)" : staple.trouble},
               {"remedy", late ? "fetch a new one" : staple.remedy}});
    return {};
}

void Process::publish_site() {
    // What was kept by other rules is not known to be good by these.
    answers_.set_most(settings_->cache.bytes_max);
    answers_.purge({});
    share_answers();
    for (const auto& worker : workers_) {
        worker->adopt(site_);
    }
    exposition_.config_adopted(site_->hash);
    std::set<std::string> services;
    for (const auto& [name, options] : settings_->services) {
        services.insert(name);
    }
    board_.keep(services);
    checks_.follow(checks_of(*settings_));
    names_->follow(names_of(*settings_));
    key_watch_->follow(settings_->tokens.key_set_url, settings_->tokens.key_set_refresh,
                       settings_->key_set_tls);
    follow_operators();
    publish_keys();
    if (resp_ != nullptr) {
        resp_->set_password(settings_->state.resp_password);
    }
    publish_health();
    warn_of_unverified();
    desk_.watch().configuration_changed();
}

// The site of the settings, with what operators have made of its limits.
void Process::build_limited_site() {
    if (limit_overrides_.empty()) {
        return;
    }
    limits::LimitsOptions limits = settings_->limits;
    for (const auto& [name, over] : limit_overrides_) {
        if (limits::PolicyOptions* const policy = limits.find(name)) {
            *policy = limits::overridden(*policy, over).value_or(*policy);
        }
    }
    site_ = build_site(*settings_, limits, site_->generation);
}

control::KnobPorts Process::knob_ports() {
    return {.check = [this](std::string_view name,
                            const auto& setting) { return check_knob(name, setting); },
            .limits =
                [this](const std::map<std::string, limits::PolicyOverride>& limits) {
                    limit_overrides_ = limits;
                    site_ = build_site(*settings_, settings_->limits, site_->generation);
                    build_limited_site();
                    for (const auto& worker : workers_) {
                        worker->adopt(site_);
                    }
                },
            .breaker =
                [this](const std::string& service, std::optional<upstream::BreakerState> state,
                       WallTime until) {
                    const Instant now = loop_.now();
                    constexpr auto kLongest = std::chrono::hours(24 * 3650);
                    const auto left =
                        until == WallTime::max()
                            ? Instant::duration(kLongest)
                            : std::min<Instant::duration>(until - loop_.clock().wall, kLongest);
                    breakers_.of(service).force(state, now + left, now);
                },
            .log_level =
                [this](std::optional<observe::LogLevel> level) {
                    log_.set_level(level.value_or(settings_->log_level));
                },
            .keep = [this](const gateway::SecurityEvent& event) { desk_.audit().keep(event); }};
}

observe::LogLevel Process::log_level_in_force() const {
    const control::Knobs::Knob* const knob = knobs_.find(control::kLogLevelKnob);
    return knob != nullptr ? std::get<observe::LogLevel>(knob->value.setting)
                           : settings_->log_level;
}

std::optional<config::Flaw> Process::check_knob(std::string_view name,
                                                const control::KnobSetting& setting) const {
    if (const auto* over = std::get_if<limits::PolicyOverride>(&setting)) {
        const std::string policy(name.substr(control::kLimitKnob.size()));
        const limits::PolicyOptions* const options = settings_->limits.find(policy);
        if (options == nullptr) {
            return config::Flaw{
                "names the policy " + config::quote(policy) + ", which is not there",
                "GET /admin/v1/limits lists those that are"};
        }
        if (!settings_->limits.enabled) {
            return config::Flaw{"changes a limit where limits are off",
                                "set RATE_LIMIT_ENABLED or limits.enabled to true"};
        }
        auto found = limits::overridden(*options, *over);
        return found ? std::nullopt : std::optional(std::move(found.error()));
    }
    if (std::holds_alternative<upstream::BreakerState>(setting)) {
        const std::string service(name.substr(control::kBreakerKnob.size()));
        if (!settings_->services.contains(service)) {
            return config::Flaw{
                "names the service " + config::quote(service) + ", which is not there",
                "GET /admin/v1/breakers lists those that are"};
        }
    }
    return std::nullopt;
}

// Of everything that can be set: 1 where something is.
std::vector<observe::Exposition::KnobFacts> Process::knob_facts() const {
    std::vector<observe::Exposition::KnobFacts> facts;
    const auto add = [&](std::string name) {
        const bool active = knobs_.find(name) != nullptr;
        facts.push_back({std::move(name), active});
    };
    settings_->limits.each_policy([&](const std::string& name, const limits::PolicyOptions&) {
        add(std::string(control::kLimitKnob) + name);
    });
    for (const auto& [name, options] : settings_->services) {
        add(std::string(control::kBreakerKnob) + name);
    }
    add(std::string(control::kLogLevelKnob));
    facts.push_back({"maintenance", maintenance_ != state::Maintenance::off});
    return facts;
}

void Process::warn_of_unverified() {
    for (const auto& [name, options] : settings_->services) {
        if (options.tls_client != nullptr && !options.tls.verify) {
            log_.warn(
                "TLS to a service is not verified: anybody on the way can read and change what "
                "is sent; remove `verify: false`",
                {{"upstream", name}});
        }
    }
}

void Process::follow_operators() {
    const control::SignInOptions& options = settings_->admin_sign_in;
    sign_in_.configure(options);
    operator_keys_->follow(options.key_set_url, options.key_set_refresh, settings_->sign_in_tls);
}

// Fetched keys first: they have names, and those without one are tried for every token.
void Process::publish_keys() {
    std::vector<identity::Key> keys;
    std::vector<identity::SkippedKey> skipped;
    if (!settings_->tokens.key_set_url.empty() && !key_document_.empty()) {
        keys =
            identity::parse_key_set(key_document_, skipped).value_or(std::vector<identity::Key>{});
    }
    for (const identity::SkippedKey& key : skipped) {
        log_.warn("a key of the key set is not used", {{"kid", key.name}, {"reason", key.why}});
    }
    keys.insert(keys.end(), configured_keys_.begin(), configured_keys_.end());
    keys_ = std::make_shared<const identity::KeySet>(std::move(keys));
    for (const auto& worker : workers_) {
        worker->adopt_keys(keys_);
    }
}

bool Process::adopt_key_set(const std::string& document) {
    std::vector<identity::SkippedKey> skipped;
    const auto keys = identity::parse_key_set(document, skipped);
    // A set of no use is an issuer's fault more often than its will, and would lock everybody out.
    if (!keys || keys->empty()) {
        return false;
    }
    if (document != key_document_) {
        key_document_ = document;
        publish_keys();
        desk_.watch().configuration_changed();
    }
    return true;
}

void Process::publish_members(const std::string& service,
                              const std::vector<upstream::Member>& members) {
    for (const auto& worker : workers_) {
        worker->adopt_members(service, members);
    }
    board_.set_members(service, members);
    if (serving_) {
        publish_health();
    }
}

// One tenant's rush may be why a service is crowded: who is on duty sees whose.
void Process::tell_crowd(const std::string& service, std::size_t worker,
                         const std::vector<upstream::TenantLoad>& noisiest) {
    const control::CrowdBoard::Fact first = crowds_.set(service, worker, noisiest, loop_.now());
    if (!first.service.empty()) {
        log_.warn("requests wait for a service",
                  {{"upstream", service},
                   {"noisiestTenant", first.tenant},
                   {"inFlight", static_cast<std::int64_t>(first.in_flight)},
                   {"waiting", static_cast<std::int64_t>(first.waiting)}});
    }
}

void Process::pressure_changed(gateway::Pressure pressure, std::uint64_t used) {
    pressure_ = pressure;
    for (const auto& worker : workers_) {
        worker->adopt_pressure(pressure);
    }
    exposition_.memory_pressure(static_cast<int>(pressure));
    const auto resident = static_cast<std::int64_t>(used >> 20);
    if (pressure == gateway::Pressure::none) {
        log_.info("there is memory again", {{"residentMb", resident}});
    } else {
        log_.warn("memory runs short: requests are refused, reads first",
                  {{"residentMb", resident}, {"pressure", static_cast<std::int64_t>(pressure)}});
    }
}

void Process::endpoint_checked(const std::string& service, const net::Address& address, bool well) {
    for (const auto& worker : workers_) {
        worker->adopt_check(service, address, well);
    }
    board_.checked(service, address, well);
    publish_health();
}

void Process::publish_health() {
    auto report = std::make_shared<gateway::HealthReport>();
    const state::Known& known = *known_->state().current();
    report->body = health_body(
        *settings_, {.draining = stopping_,
                     .circuit_breakers = breakers_json(),
                     .upstreams = board_.json(),
                     .backend = store_->backend(),
                     .store_available = store_available_,
                     .maintenance = known.maintenance(loop_.clock().wall),
                     .banner = known.banner(loop_.clock().wall),
                     .services_in_maintenance = known.services_in_maintenance(loop_.clock().wall)});
    report->started = begun_;
    report->draining = stopping_;
    report->since = started_;
    for (const auto& worker : workers_) {
        worker->adopt_health(report);
    }
    admin_->adopt_health(report);
    health_ = report;
}

net::Task<void> Process::stop() {
    const Instant began = loop_.now();
    const Instant latest = began + settings_->shutdown.timeout;
    net::tell_manager(environment_, "STOPPING=1");
    log_.info("draining", {{"drainMs", settings_->shutdown.drain.count()}});
    publish_health();
    handover_->close();
    if (snapshot_ != nullptr) {
        snapshot_->flush();  // somebody may start in our place before we have ended
    }
    for (const auto& worker : workers_) {
        worker->drain();
    }
    // Whoever sends us traffic needs a moment to notice that we are going.
    co_await pause_.until(std::min(began + settings_->shutdown.drain, latest));
    for (const auto& worker : workers_) {
        worker->close_listeners();
    }
    // A client that had just connected is about to say what it wants.
    co_await wait_for_connections(std::min(loop_.now() + kFirstWord, latest));
    for (const auto& worker : workers_) {
        worker->end_idle();
    }
    co_await wait_for_connections(latest);
    for (const auto& worker : workers_) {
        worker->end_all();
    }
    impatient_ = false;
    co_await wait_for_connections(loop_.now() + Millis{2'000});
    std::size_t left = 0;
    for (const auto& worker : workers_) {
        left += worker->connections();
    }
    ensure(left == 0, "a cancelled connection did not end");
    for (const auto& worker : workers_) {
        worker->stop();
    }
    admin_listeners_.clear();
    console_->stop();
    admin_server_->end_all();
    co_await admin_server_->all_done();
    file_.reset();
    certificate_folders_.clear();
    folder_.reset();
    names_->stop();
    co_await names_->all_done();
    checks_.stop();
    memory_.stop();
    co_await memory_.all_done();
    traces_->stop(kLastTraces);
    co_await traces_->all_done();
    co_await checks_.all_done();
    if (resp_ != nullptr) {
        resp_->stop();
        co_await resp_->all_done();
    }
    windows_.stop();
    knobs_.stop();
    tickets_.stop();
    co_await tickets_.all_done();
    limit_link_.stop();
    co_await limit_link_.all_done();
    idempotency_link_.stop();
    co_await idempotency_link_.all_done();
    answer_link_.stop();
    co_await answer_link_.all_done();
    desk_.stop();
    co_await desk_.watch().all_done();
    co_await desk_.audit().all_done();
    if (snapshot_ != nullptr) {
        co_await snapshot_->stop();
    }
    co_await store_->stop();
    if (regions_ != nullptr) {
        co_await regions_->stop();
    }
    key_watch_->stop();
    co_await key_watch_->all_done();
    operator_keys_->stop();
    co_await operator_keys_->all_done();
    log_.info("gateway stopped", {});
    loop_.stop();
}

net::Task<void> Process::wait_for_connections(Instant until) {
    const auto live = [this] {
        std::size_t count = 0;
        for (const auto& worker : workers_) {
            count += worker->connections();
        }
        return count;
    };
    // A worker counts what it accepted just before it closed its listeners in its next turn.
    co_await pause_.until(loop_.now() + Millis{50});
    while (live() > 0 && loop_.now() < until && !impatient_) {
        co_await pause_.until(loop_.now() + Millis{20});
    }
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
    Process process(arguments.config_path, std::move(*loaded));
    return process.run();
}

}  // namespace gw::app
