// What /metrics says: the workers' blocks summed, and what is known of the process. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "observe/log.hpp"
#include "observe/metric_text.hpp"
#include "observe/metrics.hpp"

namespace gw::observe {

class Exposition {
  public:
    explicit Exposition(const LogSink& sink, WallTime started) : sink_(sink), started_(started) {}

    // The block must outlive this.
    void add_block(const MetricBlock& block, std::size_t worker) {
        blocks_.push_back({&block, worker});
    }
    void built_from(std::string commit) { commit_ = std::move(commit); }
    void runs_as(std::string instance_id, std::string region) {
        instance_id_ = std::move(instance_id);
        region_ = std::move(region);
    }
    void config_adopted(std::string hash) {
        ++reloads_;
        refused_ = false;
        hash_ = std::move(hash);
    }
    void config_refused() {
        ++refusals_;
        refused_ = true;
    }
    // After a refusal: what is there to be read is again what is in force.
    void config_taken_back() {
        ++reloads_;
        refused_ = false;
    }
    void config_in_force(std::string hash) { hash_ = std::move(hash); }

    // Of each certificate: a name in it, and when it expires.
    void certificates(std::map<std::string, WallTime> expiries) { expiries_ = std::move(expiries); }
    // Of each that has an OCSP response: until when that is shown; the epoch: not at all.
    void staples(std::map<std::string, WallTime> ends) { staples_ = std::move(ends); }
    void state_backend(bool available) { state_backend_up_ = available; }
    void state_backend_slow(bool slow) { state_backend_slow_ = slow; }
    // Asked at each scrape.
    void read_state_lag_by(std::function<Millis()> read) { read_state_lag_ = std::move(read); }

    // Of another region.
    void state_peer(const std::string& peer, bool available) { peers_up_[peer] = available; }

    // Of each service that is configured, as it is now. state: 0 closed, 1 open, 2 half open.
    struct BreakerFacts {
        std::string upstream;
        int state = 0;
        std::array<std::uint64_t, 3> transitions{};  // by where they led
        std::uint64_t rejects = 0;
    };
    // Asked at each scrape.
    void read_breakers_by(std::function<std::vector<BreakerFacts>()> read) {
        read_breakers_ = std::move(read);
    }

    // Of each endpoint of each service.
    struct EndpointFacts {
        std::string upstream;
        std::string endpoint;
        bool well = true;
    };
    void read_endpoints_by(std::function<std::vector<EndpointFacts>()> read) {
        read_endpoints_ = std::move(read);
    }

    // Of the tenants that use most of a crowded service.
    struct TenantFacts {
        std::string upstream;
        std::string tenant;
        std::uint32_t requests = 0;
    };
    void read_tenants_by(std::function<std::vector<TenantFacts>()> read) {
        read_tenants_ = std::move(read);
    }
    // Of what operators can set for a time; active: they have.
    struct KnobFacts {
        std::string knob;
        bool active = false;
    };
    void read_knobs_by(std::function<std::vector<KnobFacts>()> read) {
        read_knobs_ = std::move(read);
    }

    struct TraceFacts {
        std::uint64_t sent = 0;
        std::uint64_t dropped = 0;
    };
    void read_traces_by(std::function<TraceFacts()> read) { read_traces_ = std::move(read); }
    void memory_pressure(int step) { memory_pressure_ = step; }

    // How often the issuer's key set could not be read. Asked at each scrape.
    void read_key_set_failures_by(std::function<std::uint64_t()> read) {
        read_key_set_failures_ = std::move(read);
    }
    // Since it was last read. Asked at each scrape.
    void read_key_set_age_by(std::function<Millis()> read) { read_key_set_age_ = std::move(read); }
    // Told once of each metric that has more series than there is room for.
    void tell_over_budget_to(std::function<void(std::string_view metric)> tell) {
        over_budget_ = std::move(tell);
    }

    [[nodiscard]] std::string text(TextFormat format = TextFormat::prometheus);

    static constexpr std::size_t kBreakersMost = 500;

  private:
    using OverBudget = std::map<std::string_view, std::uint64_t>;
    [[nodiscard]] OverBudget over_budget() const;

    struct Block {
        const MetricBlock* block;
        std::size_t worker;
    };
    const LogSink& sink_;
    WallTime started_;
    std::vector<Block> blocks_;
    std::uint64_t reloads_ = 0;
    std::uint64_t refusals_ = 0;
    bool refused_ = false;  // the one that was read last
    bool state_backend_up_ = true;
    bool state_backend_slow_ = false;
    std::function<Millis()> read_state_lag_;
    std::map<std::string, bool> peers_up_;
    std::string commit_ = "unknown";
    std::string instance_id_;
    std::string region_;
    std::string hash_;
    std::map<std::string, WallTime> expiries_;
    std::map<std::string, WallTime> staples_;
    std::function<std::vector<BreakerFacts>()> read_breakers_;
    std::function<std::vector<EndpointFacts>()> read_endpoints_;
    std::function<std::vector<TenantFacts>()> read_tenants_;
    std::function<TraceFacts()> read_traces_;
    std::function<std::vector<KnobFacts>()> read_knobs_;
    int memory_pressure_ = 0;
    std::function<std::uint64_t()> read_key_set_failures_;
    std::function<Millis()> read_key_set_age_;
    std::function<void(std::string_view)> over_budget_;
    std::size_t room_ = 0;             // that the next text will need
    std::set<std::string_view> told_;  // of which metrics over_budget_ was told
};

}  // namespace gw::observe
