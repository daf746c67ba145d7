// Metrics as text: the Prometheus format 0.0.4, or OpenMetrics 1.0.0, which besides can name a
// trace for a bucket. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "observe/exemplar.hpp"

namespace gw::observe {

enum class TextFormat : std::uint8_t { prometheus, open_metrics };
enum class MetricKind : std::uint8_t { counter, gauge, histogram };

std::string_view content_type_of(TextFormat format);

// What the value of a client's Accept field asks for (RFC 9110, 12.5.1). OpenMetrics only if it
// says so, and not less gladly than anything else that it names.
TextFormat format_for(std::string_view accept);

// Appends `name="value"`, behind a comma if there is something before it.
void append_label(std::string& labels, std::string_view name, std::string_view value);

// The upper bounds of a histogram's buckets, as the values of `le` and what stands behind them.
struct BucketNames {
    // per_unit: how many of what is counted make one of what is shown.
    BucketNames(std::span<const std::uint64_t> bounds, double per_unit, TextFormat format);
    std::vector<std::string> names;  // with +Inf at the end
    double per_unit;
};

struct HistogramFigures {
    std::span<const std::uint64_t> counts;  // of each bucket by itself
    std::uint64_t sum = 0;
    std::span<const std::optional<Exemplar::Seen>> exemplars;  // none, or one for each bucket
};

// One family after the other. A family's lines may be appended to any text, so that many can be
// made side by side.
class MetricText {
  public:
    explicit MetricText(TextFormat format) : format_(format) {}
    [[nodiscard]] TextFormat format() const { return format_; }

    void family(std::string& out, std::string_view name, MetricKind kind,
                std::string_view help) const;
    // labels: as append_label makes them.
    static void sample(std::string& out, std::string_view name, std::string_view labels,
                       std::uint64_t value);
    static void sample(std::string& out, std::string_view name, std::string_view labels,
                       double value);
    void histogram(std::string& out, std::string_view name, std::string_view labels,
                   const BucketNames& buckets, const HistogramFigures& figures) const;
    // What stands behind the last family.
    void end(std::string& out) const;

  private:
    TextFormat format_;
};

}  // namespace gw::observe
