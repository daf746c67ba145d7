// One worker's share of the product: what its requests use and no other worker touches. Everything
// here runs on the worker's thread; other threads reach it by posting to its loop.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "gateway/access.hpp"
#include "gateway/exchange.hpp"
#include "gateway/health.hpp"
#include "gateway/pressure.hpp"
#include "gateway/site.hpp"
#include "gateway/tunnel.hpp"
#include "gateway/validation.hpp"
#include "http/content_coder.hpp"
#include "http/date.hpp"
#include "http/h1_pool.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"
#include "net/scope.hpp"
#include "observe/access_log.hpp"
#include "observe/metrics.hpp"
#include "security/request_signature.hpp"
#include "security/request_values.hpp"
#include "upstream/breaker_set.hpp"
#include "upstream/service.hpp"

namespace gw::gateway {

class AnswerCache;
class RateLimits;
class SharedAnswers;
class SecurityRecord;

// A configuration in use by this worker, with what the worker has for it.
struct Generation {
    std::shared_ptr<const Site> site;
    std::vector<upstream::Service*> services;  // by Route::service_index
    std::vector<upstream::Breaker*> breakers;  // the same
    std::vector<observe::UpstreamSeries*> service_series;
    std::vector<observe::RouteSeries*> route_series;  // by Route::index
    observe::RouteSeries* unrouted = nullptr;
    std::unique_ptr<security::RequestSigner> signer;  // null: requests are not signed
    std::vector<std::uint32_t> mirrors;               // copies on their way, by Route::index
    std::size_t exchanges = 0;                        // that began with it
};

class Shard final : public http::Responder {
  public:
    Shard(net::Loop& loop, http::H1Pool& h1, observe::MetricBlock& metrics,
          observe::AccessLog& access_log);
    Shard(const Shard&) = delete;
    Shard& operator=(const Shard&) = delete;

    net::Task<void> serve(http::Stream& stream) override;
    void abused(const net::Address& peer, const char* what) override;
    void out_of_connections() override;
    void shook_hands(const net::Address& peer, observe::Handshake outcome,
                     const char* why) override;

    // From here on requests begin with this configuration. Whose API key it does not hold any more,
    // or holds for somebody else, loses what is in flight; so does whose key ends, when it does.
    void adopt(std::shared_ptr<const Site> site);
    void adopt_members(const std::string& service, std::span<const upstream::Member> members);
    // What active checks say of an endpoint.
    void adopt_check(const std::string& service, const net::Address& address, bool well);
    // Called, on this thread, when the endpoints that a service leaves out for their failures have
    // changed. Before the first request.
    using Ejected =
        std::function<void(const std::string& service, std::vector<net::Address> ejected)>;
    void tell_ejected_by(Ejected tell) { tell_ejected_ = std::move(tell); }
    // Who is hit by a ban or a revocation loses what is in flight as well. What is under
    // maintenance, mode `down`, loses its tunnels; so it does when a window begins.
    void adopt_known(std::shared_ptr<const state::Known> known);
    void adopt_pressure(Pressure pressure) { pressure_ = pressure; }
    [[nodiscard]] Pressure pressure() const { return pressure_; }
    // What is kept for later requests: memory runs short.
    void drop_reserves();
    // Of all requests of this worker whose bodies are held whole, in bytes; 0: no limit.
    void limit_held_bodies(std::uint64_t most) { held_bodies_max_ = most; }
    // Room for so many more bytes of this request's; given back when it ends.
    [[nodiscard]] bool take_held(Exchange& x, std::size_t bytes);
    // Called, on this thread, now and again for each service where requests wait or are refused,
    // and once more when none is any longer. Before the first request.
    using Crowded =
        std::function<void(const std::string& service, std::vector<upstream::TenantLoad> noisiest)>;
    void tell_crowded_by(Crowded tell) { tell_crowded_ = std::move(tell); }
    void adopt_health(std::shared_ptr<const HealthReport> report) { health_ = std::move(report); }
    // From here on every response says that its connection ends.
    void drain() { draining_ = true; }

    // What a request begins with.
    [[nodiscard]] Generation& current() const { return *current_; }
    // A request begins and ends.
    void enter(Exchange& x);
    void leave(Exchange& x);
    // Those in flight, for which `hit` gives a reason (a literal), end now.
    template <class Hit>
    void cut_where(Hit hit) {
        for (Exchange* x = first_; x != nullptr; x = x->next) {
            if (const char* const why = hit(*x); why != nullptr) {
                x->cut(why);
            }
        }
    }

    // What waits for a service is given up and answered, and nothing is asked any more. Answers
    // that have begun go on.
    void end_requests();

    [[nodiscard]] TunnelList& tunnels() { return tunnels_; }
    // Before the loop stops.
    net::Task<void> end_services();
    // Tells whoever talks to a service through us to go elsewhere; who agrees on a tunnel after
    // that as well.
    void close_tunnels();
    // What has happened while this tunnel was agreed on, for which it would have been closed.
    [[nodiscard]] std::optional<Tunnel::End> why_to_end(const Tunnel& tunnel) const;

    [[nodiscard]] net::Loop& loop() const { return loop_; }
    [[nodiscard]] http::H1Pool& h1() const { return h1_; }
    [[nodiscard]] http::Reserve<ExchangeMemory>& memory() { return memory_; }
    [[nodiscard]] observe::MetricBlock& metrics() const { return metrics_; }
    [[nodiscard]] observe::ProtocolGauges& gauges(http::Protocol protocol) const {
        return *gauges_[static_cast<std::size_t>(protocol)];
    }
    // Hands traces on, many at once. On this thread; before the first request.
    void send_traces_by(std::function<void(observe::TraceBatch)> send) {
        send_traces_ = std::move(send);
    }
    void keep_trace(std::unique_ptr<observe::TraceRecord> trace);
    void write_access_line(const observe::AccessRecord& record);
    // Hands on what lines and traces are kept together. By itself soon after each; for the last
    // time when the loop has stopped, on the thread that has waited for that.
    void flush();
    [[nodiscard]] Access& access() { return access_; }
    [[nodiscard]] security::RequestValues& request_values() { return request_values_; }
    [[nodiscard]] Validation& validation() { return validation_; }
    [[nodiscard]] http::CoderMemory& coder_memory() { return coder_memory_; }
    [[nodiscard]] const HealthReport& health() const { return *health_; }
    [[nodiscard]] Random& random() { return random_; }
    // Null where nobody keeps them.
    [[nodiscard]] SecurityRecord* security_record() const { return security_record_; }
    void log_warn(std::string_view message, observe::Log::Fields fields) {
        if (log_ != nullptr) {
            log_->warn(message, fields);
        }
    }
    // Before the first request. Both must outlive the shard and may be called from its thread.
    void report_to(observe::Log& log, SecurityRecord* record) {
        log_ = &log;
        security_record_ = record;
    }
    // Null where nobody counts. Whether a request is counted its own configuration says: one that
    // was goes on with it after a reload that turns limits off.
    [[nodiscard]] RateLimits* rate_limits() const { return rate_limits_; }
    // Before the first request; must outlive the shard.
    void limit_by(RateLimits& limits) { rate_limits_ = &limits; }
    // Null where there is none.
    [[nodiscard]] AnswerCache* answer_cache() const { return answer_cache_; }
    // Before the first request; must outlive the shard.
    void keep_answers_in(AnswerCache& cache) { answer_cache_ = &cache; }
    // Null where gateways share none.
    [[nodiscard]] SharedAnswers* shared_answers() const { return shared_answers_; }
    // Before the first request; must outlive the shard.
    void share_answers_by(SharedAnswers& shared) { shared_answers_ = &shared; }
    // Null where there is none.
    [[nodiscard]] IdempotencyStore* idempotency_store() const { return idempotency_store_; }
    // Before the first request; must outlive the shard.
    void remember_keys_in(IdempotencyStore& store) { idempotency_store_ = &store; }
    // What goes on behind requests: fetches that nobody waits for. begin() makes the task.
    template <class Begin>
    void spawn_behind(Begin begin) {
        if (!supposed_) {
            behind_.spawn(begin());
        }
    }
    // Its requests are nobody's, see explain.hpp: it may go at once when they have been decided.
    // Before the first request.
    void only_suppose() { supposed_ = true; }
    [[nodiscard]] std::size_t live_behind() const { return behind_.live(); }
    void break_by(upstream::BreakerSet& breakers) { breakers_ = &breakers; }
    // Requests that wait for the store's word about a limit.
    void wait_for_limits(net::Pause& pause) { limit_waits_.push_back(&pause); }
    void wait_for_limits_no_more(net::Pause& pause) { std::erase(limit_waits_, &pause); }
    void limits_answered();
    [[nodiscard]] bool draining() const { return draining_; }
    [[nodiscard]] bool ending() const { return ending_; }
    // The Date of a response that begins now.
    [[nodiscard]] std::string_view date() { return date_.at(loop_.clock().wall); }

  private:
    void sweep();
    void look_for_crowd(upstream::Service& service, std::uint64_t shed);
    void flush_soon();
    void close_tunnels_without_route();
    [[nodiscard]] bool is_down(const Tunnel& tunnel) const;
    void close_tunnels_in_maintenance();
    void end_revoked_keys();
    struct SweepTimer : net::Timer {
        explicit SweepTimer(Shard& owner)
            : Timer([](Timer& t) { static_cast<SweepTimer&>(t).shard.sweep(); }), shard(owner) {}
        Shard& shard;
    };

    struct FlushTimer : net::Timer {
        explicit FlushTimer(Shard& owner)
            : Timer([](Timer& t) { static_cast<FlushTimer&>(t).shard.flush(); }), shard(owner) {}
        Shard& shard;
    };

    net::Loop& loop_;
    http::H1Pool& h1_;
    observe::MetricBlock& metrics_;
    observe::AccessLog& access_log_;
    Random random_{Random::fresh_seed()};
    http::DateText date_;
    http::Reserve<ExchangeMemory> memory_;
    std::vector<std::unique_ptr<upstream::Service>>
        services_;  // by name; never removed while running
    Ejected tell_ejected_;
    std::function<void(observe::TraceBatch)> send_traces_;
    observe::TraceBatch traces_;  // on their way
    Crowded tell_crowded_;
    struct Crowd {
        std::uint64_t shed = 0;  // when we last looked
        bool told = false;
    };
    std::map<std::string, Crowd> crowds_;  // by service
    std::uint64_t held_bodies_ = 0;
    std::uint64_t held_bodies_max_ = 0;
    Pressure pressure_ = Pressure::none;
    std::map<std::string, std::vector<net::Address>> ejected_;  // as last told
    std::list<Generation> generations_;                         // the current one last
    Generation* current_ = nullptr;
    WallTime keys_end_ = WallTime::max();  // the next of the current API keys to end
    Access access_{loop_};
    security::RequestValues request_values_;
    http::CoderMemory coder_memory_;
    Validation validation_;
    TunnelList tunnels_;
    Exchange* first_ = nullptr;  // of those in flight, the youngest
    std::shared_ptr<const HealthReport> health_;
    std::optional<Instant> out_of_connections_told_;
    observe::Log* log_ = nullptr;
    SecurityRecord* security_record_ = nullptr;
    upstream::BreakerSet* breakers_ = nullptr;
    RateLimits* rate_limits_ = nullptr;
    std::vector<net::Pause*> limit_waits_;
    AnswerCache* answer_cache_ = nullptr;
    SharedAnswers* shared_answers_ = nullptr;
    IdempotencyStore* idempotency_store_ = nullptr;
    net::Scope behind_;
    bool draining_ = false;
    bool ending_ = false;
    bool tunnels_closed_ = false;
    bool supposed_ = false;
    std::array<observe::ProtocolGauges*, http::kProtocols> gauges_{};
    SweepTimer sweep_timer_{*this};
    FlushTimer flush_timer_{*this};
};

}  // namespace gw::gateway
