// The routes of all workers, summed and written. There may be thousands of them with dozens of
// lines each; everything else about metrics is small. Valid as long as the blocks are.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "observe/metric_text.hpp"
#include "observe/metrics.hpp"

namespace gw::observe {

class RouteTotals {
  public:
    // A route that nobody has asked for is left out.
    RouteTotals(std::span<const MetricBlock* const> blocks, const MetricText& text);

    // The lines of each family, without its head.
    void requests(std::string& out) const;   // http_requests_total
    void durations(std::string& out) const;  // http_request_duration_seconds
    void request_sizes(std::string& out) const;
    void response_sizes(std::string& out) const;

  private:
    // The same on all workers.
    using Same = std::span<const RouteSeries* const>;
    using SameMethod = std::span<const MethodSeries* const>;
    struct Method {
        Same route;
        SameMethod method;
    };
    void sizes(std::string& out, std::string_view name, SizeHistogram RouteSeries::* which) const;

    const MetricText& text_;
    std::vector<const RouteSeries*> routes_;
    std::vector<std::vector<const MethodSeries*>> methods_;  // of each of used_
    std::vector<Same> used_;
    std::vector<Method> asked_;
};

}  // namespace gw::observe
