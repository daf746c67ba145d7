// What /metrics says: the workers' blocks summed, and what is known of the process, as Prometheus
// text (format 0.0.4). Control thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "observe/log.hpp"
#include "observe/metrics.hpp"

namespace gw::observe {

class Exposition {
  public:
    explicit Exposition(const LogSink& sink, WallTime started) : sink_(sink), started_(started) {}

    // The block must outlive this.
    void add_block(const MetricBlock& block, std::size_t worker) {
        blocks_.push_back({&block, worker});
    }
    void config_adopted(std::string hash) {
        ++reloads_;
        hash_ = std::move(hash);
    }
    void config_refused() { ++refusals_; }
    void config_in_force(std::string hash) { hash_ = std::move(hash); }

    // Of each certificate: a name in it, and when it expires.
    void certificates(std::map<std::string, WallTime> expiries) { expiries_ = std::move(expiries); }
    void state_backend(bool available) { state_backend_up_ = available; }

    // Of each service, as it is now. state: 0 closed, 1 open, 2 half open.
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

    [[nodiscard]] std::string text() const;

  private:
    struct Block {
        const MetricBlock* block;
        std::size_t worker;
    };
    const LogSink& sink_;
    WallTime started_;
    std::vector<Block> blocks_;
    std::uint64_t reloads_ = 0;
    std::uint64_t refusals_ = 0;
    bool state_backend_up_ = true;
    std::string hash_;
    std::map<std::string, WallTime> expiries_;
    std::function<std::vector<BreakerFacts>()> read_breakers_;
    std::function<std::vector<EndpointFacts>()> read_endpoints_;
};

}  // namespace gw::observe
