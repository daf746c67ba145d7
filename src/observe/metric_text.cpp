#include "observe/metric_text.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gw::observe {
namespace {

constexpr std::string_view kTotal = "_total";

template <class Number>
void append_number(std::string& out, Number value) {
    std::array<char, 32> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
    out.append(digits.data(), end.ptr);
}

void append_escaped(std::string& out, std::string_view value) {
    for (const char c : value) {
        if (c == '\\' || c == '"') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else {
            out += c;
        }
    }
}

void append_exemplar(std::string& out, const Exemplar::Seen& seen, double per_unit) {
    out += " # {trace_id=\"";
    append_escaped(out, {seen.trace_id.data(), seen.trace_id.size()});
    out += "\"} ";
    append_number(out, static_cast<double>(seen.value) / per_unit);
    out += ' ';
    append_number(out, static_cast<double>(epoch_ms(seen.time)) / 1000.0);
}

// The weight of an element of Accept in thousandths (RFC 9110, 12.4.2); nothing if it is no weight.
std::optional<int> weight_of(std::string_view text) {
    if (text == "1" || text.starts_with("1.")) {
        return text.find_first_not_of('0', text.size() > 1 ? 2 : 1) == std::string_view::npos
                   ? std::optional(1000)
                   : std::nullopt;
    }
    if (text.empty() || text[0] != '0' || (text.size() > 1 && text[1] != '.') || text.size() > 5) {
        return std::nullopt;
    }
    int weight = 0;
    int unit = 100;
    for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        weight += (c - '0') * unit;
        unit /= 10;
    }
    return weight;
}

struct Wish {
    std::string_view type;
    std::string_view version;
    int weight = 1000;
};

std::optional<Wish> wish_of(std::string_view item) {
    Wish wish;
    std::size_t end = item.find(';');
    wish.type = trim_ows(item.substr(0, end));
    while (end != std::string_view::npos) {
        item.remove_prefix(end + 1);
        end = item.find(';');
        const std::string_view parameter = trim_ows(item.substr(0, end));
        const std::size_t is = parameter.find('=');
        const std::string_view name = parameter.substr(0, is);
        const std::string_view value =
            is == std::string_view::npos ? std::string_view{} : parameter.substr(is + 1);
        if (equal_ignore_case(name, "version")) {
            wish.version = value;
        } else if (equal_ignore_case(name, "q")) {
            const std::optional<int> weight = weight_of(value);
            if (!weight) {
                return std::nullopt;
            }
            wish.weight = *weight;
        }
    }
    return wish;
}

}  // namespace

std::string_view content_type_of(TextFormat format) {
    return format == TextFormat::open_metrics
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

TextFormat format_for(std::string_view accept) {
    int open = 0;
    int other = 0;
    CommaList items(accept);
    for (std::string_view item; items.next(item);) {
        const std::optional<Wish> wish = wish_of(item);
        if (!wish) {
            continue;
        }
        if (!equal_ignore_case(wish->type, "application/openmetrics-text")) {
            other = std::max(other, wish->weight);
        } else if (wish->version.empty() || wish->version == "1.0.0") {
            open = std::max(open, wish->weight);
        }
    }
    return open > 0 && open >= other ? TextFormat::open_metrics : TextFormat::prometheus;
}

void append_label(std::string& labels, std::string_view name, std::string_view value) {
    if (!labels.empty()) {
        labels += ',';
    }
    labels += name;
    labels += "=\"";
    // One label that is no UTF-8, and a scraper throws away all that there is. Names of
    // certificates and of hosts are any bytes.
    if (is_utf8(value)) {
        append_escaped(labels, value);
    } else {
        append_escaped(labels, as_utf8(std::string(value)));
    }
    labels += '"';
}

BucketNames::BucketNames(std::span<const std::uint64_t> bounds, double per_unit_, TextFormat format)
    : per_unit(per_unit_) {
    names.reserve(bounds.size() + 1);
    for (const std::uint64_t bound : bounds) {
        // A quotient is the double next to what is meant, .0025; a product need not be.
        std::string& name = names.emplace_back();
        append_number(name, static_cast<double>(bound) / per_unit);
        // OpenMetrics wants to see that it is no integer.
        if (format == TextFormat::open_metrics && name.find_first_of(".e") == std::string::npos) {
            name += ".0";
        }
        name += "\"} ";
    }
    names.emplace_back("+Inf\"} ");
}

void MetricText::family(std::string& out, std::string_view name, MetricKind kind,
                        std::string_view help) const {
    // In OpenMetrics a counter's family is called without the suffix of its samples.
    if (format_ == TextFormat::open_metrics && kind == MetricKind::counter &&
        name.ends_with(kTotal)) {
        name.remove_suffix(kTotal.size());
    }
    constexpr std::array<std::string_view, 3> kKinds{"counter", "gauge", "histogram"};
    out.append("# HELP ").append(name).append(" ").append(help);
    out.append("\n# TYPE ").append(name).append(" ");
    out.append(kKinds[static_cast<std::size_t>(kind)]).append("\n");
}

void MetricText::sample(std::string& out, std::string_view name, std::string_view labels,
                        std::uint64_t value) {
    out.append(name).append("{").append(labels).append("} ");
    append_number(out, value);
    out += '\n';
}

void MetricText::sample(std::string& out, std::string_view name, std::string_view labels,
                        double value) {
    constexpr double kWholeMost = 9'007'199'254'740'992.0;  // 2^53
    if (value >= 0 && value <= kWholeMost && value == std::floor(value)) {
        sample(out, name, labels, static_cast<std::uint64_t>(value));  // 100000, not 1e+05
        return;
    }
    out.append(name).append("{").append(labels).append("} ");
    append_number(out, value);
    out += '\n';
}

void MetricText::histogram(std::string& out, std::string_view name, std::string_view labels,
                           const BucketNames& buckets, const HistogramFigures& figures) const {
    std::uint64_t count = 0;
    // The same in front of every bucket.
    std::string begin;
    begin.reserve(name.size() + labels.size() + 16);
    begin.append(name).append("_bucket{").append(labels).append(",le=\"");
    for (std::size_t i = 0; i < buckets.names.size(); ++i) {
        count += figures.counts[i];
        out.append(begin).append(buckets.names[i]);
        append_number(out, count);
        if (format_ == TextFormat::open_metrics && i < figures.exemplars.size() &&
            figures.exemplars[i]) {
            append_exemplar(out, *figures.exemplars[i], buckets.per_unit);
        }
        out += '\n';
    }
    out.append(name).append("_sum{").append(labels).append("} ");
    append_number(out, static_cast<double>(figures.sum) / buckets.per_unit);
    out.append("\n").append(name).append("_count{").append(labels).append("} ");
    append_number(out, count);
    out += '\n';
}

void MetricText::end(std::string& out) const {
    if (format_ == TextFormat::open_metrics) {
        out += "# EOF\n";
    }
}

}  // namespace gw::observe
