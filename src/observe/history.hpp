// The last five minutes second by second, and the last hour in steps of ten seconds: rates, errors
// and latency of all requests and of each service, and how often each thing was counted; of routes
// the last minute. Made from samples of the counters that /metrics exposes. Pure, of bounded size.
// One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "observe/totals.hpp"

namespace gw::observe {

// The youngest of what was pushed, the oldest of them first.
template <class T>
class Recent {
  public:
    explicit Recent(std::size_t most) : most_(most) {}
    void push(const T& item) {
        if (items_.size() < most_) {
            items_.push_back(item);
        } else {
            items_[next_] = item;
            next_ = (next_ + 1) % most_;
        }
    }
    [[nodiscard]] std::size_t size() const { return items_.size(); }
    [[nodiscard]] bool empty() const { return items_.empty(); }
    [[nodiscard]] const T& operator[](std::size_t at) const {
        return items_[(next_ + at) % items_.size()];
    }
    [[nodiscard]] const T& back() const { return (*this)[size() - 1]; }

  private:
    std::size_t most_;
    std::size_t next_ = 0;  // the oldest, once it is full
    std::vector<T> items_;
};

class History {
  public:
    // Steps of each resolution that are kept, and how many fine ones make a coarse one.
    static constexpr std::size_t kFine = 300;
    static constexpr std::size_t kCoarse = 360;
    static constexpr std::size_t kFinePerCoarse = 10;
    static constexpr std::size_t kMinute = 7;  // starts of coarse steps, and of the one under way
    // No more series of each kind than these: 22 KB a service, 1 KB a route, 3 KB a count.
    static constexpr std::size_t kServicesMax = 100;
    static constexpr std::size_t kRoutesMax = 500;
    static constexpr std::size_t kCountsMax = 300;

    struct Step {
        WallTime end{};
        float seconds = 0;  // that it really lasted
    };
    // What happened in a step.
    struct Point {
        std::uint32_t requests = 0;
        std::uint32_t errors = 0;
        std::uint32_t refused = 0;
        std::uint32_t retries = 0;
        std::uint32_t in_progress = 0;  // at its end; the most of a coarse one
        float p50 = 0;                  // seconds; 0 where there were no requests
        float p95 = 0;
        float p99 = 0;
    };
    // Of the last minute, give or take ten seconds.
    class Minute {
      public:
        // As of the start of a coarse step.
        void note(const FlowTotal& total) { totals_.push(total); }
        [[nodiscard]] bool empty() const { return totals_.empty(); }
        // total: as of now. Not if it is empty.
        [[nodiscard]] FlowTotal until(const FlowTotal& total) const;

      private:
        Recent<FlowTotal> totals_{kMinute};
    };
    // In both, the last is of the last step; a series that began later has fewer than there are
    // steps.
    struct Series {
        Recent<Point> fine{kFine};
        Recent<Point> coarse{kCoarse};
        FlowTotal now;           // as of the last sample
        FlowTotal then;          // as of the last coarse step
        std::uint32_t peak = 0;  // of in_progress since then
        Minute minute;
    };
    struct RouteSeries {
        FlowTotal now;
        Minute minute;
    };
    struct Count {
        Recent<std::uint32_t> fine{kFine};
        Recent<std::uint32_t> coarse{kCoarse};
        std::uint64_t now = 0;
        std::uint64_t then = 0;
    };
    template <class T>
    using Named = std::map<std::string, T, std::less<>>;

    // Once a second. The first call only says where counting begins.
    void add(const Totals& totals, Instant now, WallTime wall);

    [[nodiscard]] const Recent<Step>& fine() const { return fine_; }
    [[nodiscard]] const Recent<Step>& coarse() const { return coarse_; }
    // Did the last sample end a coarse step?
    [[nodiscard]] bool coarse_ended() const { return since_coarse_ == 0 && !coarse_.empty(); }
    [[nodiscard]] const Series& all() const { return all_; }
    [[nodiscard]] const Named<Series>& services() const { return services_; }
    [[nodiscard]] const Named<RouteSeries>& routes() const { return routes_; }
    [[nodiscard]] const Named<Count>& counts() const { return counts_; }

  private:
    void begin(const Totals& totals, Instant now);
    void add_fine(const Totals& totals);
    void add_coarse();

    bool begun_ = false;
    Instant sampled_{};
    Instant coarse_from_{};
    std::size_t since_coarse_ = 0;
    Recent<Step> fine_{kFine};
    Recent<Step> coarse_{kCoarse};
    Series all_;
    Named<Series> services_;
    Named<RouteSeries> routes_;
    Named<Count> counts_;
};

}  // namespace gw::observe
