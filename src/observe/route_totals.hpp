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
    // A route that nobody has asked for is left out, but for the answers that it awaits.
    RouteTotals(std::span<const MetricBlock* const> blocks, const MetricText& text);

    // The lines of each family, without its head.
    // http_requests_total. What has been asked for, and what is awaited, has kFromTheStart.
    void requests(std::string& out) const;
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
        bool asked = true;  // false: it is only awaited
    };
    void sizes(std::string& out, std::string_view name, SizeHistogram RouteSeries::* which) const;

    const MetricText& text_;
    std::vector<const RouteSeries*> routes_;
    std::vector<std::vector<const MethodSeries*>> series_;  // what the spans of methods_ are of
    std::vector<Same> used_;
    std::vector<Method> methods_;
};

}  // namespace gw::observe
