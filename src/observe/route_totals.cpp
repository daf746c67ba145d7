#include "observe/route_totals.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace gw::observe {
namespace {

// Those of all workers with the same key stand together.
template <class Node, class Key, class Visit>
void grouped(std::vector<const Node*>& nodes, Key key, Visit visit) {
    std::ranges::sort(nodes, {}, key);
    for (auto first = nodes.begin(); first != nodes.end();) {
        const auto last = std::find_if(first, nodes.end(),
                                       [&](const Node* node) { return key(node) != key(*first); });
        visit(std::span<const Node* const>(first, last));
        first = last;
    }
}

template <const auto& kBounds>
struct Total {
    std::array<std::uint64_t, Histogram<kBounds>::kBuckets> counts{};
    std::uint64_t sum = 0;
    void add(const Histogram<kBounds>& histogram) {
        for (std::size_t i = 0; i < counts.size(); ++i) {
            counts[i] += histogram.count(i);
        }
        sum += histogram.sum();
    }
};

using Seen = std::array<std::optional<Exemplar::Seen>, DurationHistogram::kBuckets>;

// The youngest of all workers.
void gather_exemplars(const MethodSeries& method, Seen& seen) {
    method.exemplars.each([&](const MethodSeries::Exemplars& exemplars) {
        for (std::size_t i = 0; i < seen.size(); ++i) {
            const auto found = exemplars.of_bucket[i].get();
            if (found && (!seen[i] || found->time > seen[i]->time)) {
                seen[i] = found;
            }
        }
    });
}

bool was_asked(const MethodSeries* method) {
    bool asked = false;
    method->statuses.each([&](const StatusSeries&) { asked = true; });
    return asked;
}

void write_labels(std::string& labels, std::string_view method, std::string_view route) {
    labels = R"(service="api-gateway")";
    if (!method.empty()) {
        append_label(labels, "method", method);
    }
    append_label(labels, "route", route);
}

}  // namespace

RouteTotals::RouteTotals(std::span<const MetricBlock* const> blocks, const MetricText& text)
    : text_(text) {
    for (const MetricBlock* block : blocks) {
        block->routes.each([&](const RouteSeries& route) { routes_.push_back(&route); });
    }
    grouped(
        routes_, [](const RouteSeries* r) { return std::string_view(r->name); },
        [&](Same same) {
            std::vector<const MethodSeries*> methods;
            for (const RouteSeries* series : same) {
                series->methods.each([&](const MethodSeries& m) { methods.push_back(&m); });
            }
            if (methods.empty()) {
                return;
            }
            bool used = false;
            grouped(
                series_.emplace_back(std::move(methods)),
                [](const MethodSeries* m) { return m->method; },
                [&](SameMethod each) {
                    const bool asked = std::ranges::any_of(each, was_asked);
                    used = used || asked;
                    methods_.push_back({.route = same, .method = each, .asked = asked});
                });
            if (used) {
                used_.push_back(same);
            }
        });
}

void RouteTotals::requests(std::string& out) const {
    std::string labels;
    if (methods_.empty()) {
        write_labels(labels, "GET", kNoRoute);
        append_label(labels, "status_code", "404");
        MetricText::sample(out, "http_requests_total", labels, std::uint64_t{0});
    }
    std::vector<const StatusSeries*> statuses;
    for (const Method& method : methods_) {
        write_labels(labels, method.method.front()->method, method.route.front()->name);
        statuses.clear();
        for (const MethodSeries* series : method.method) {
            series->statuses.each([&](const StatusSeries& s) { statuses.push_back(&s); });
        }
        const std::size_t before = labels.size();
        std::array<bool, kFromTheStart.size()> written{};
        grouped(
            statuses, [](const StatusSeries* s) { return s->status; },
            [&](std::span<const StatusSeries* const> same) {
                std::uint64_t count = 0;
                for (const StatusSeries* series : same) {
                    count += series->count.value();
                }
                append_label(labels, "status_code", status_text(same.front()->status));
                MetricText::sample(out, "http_requests_total", labels, count);
                labels.resize(before);
                for (std::size_t i = 0; i < kFromTheStart.size(); ++i) {
                    written[i] = written[i] || kFromTheStart[i] == same.front()->status;
                }
            });
        for (std::size_t i = 0; i < kFromTheStart.size(); ++i) {
            if (!written[i]) {
                append_label(labels, "status_code", status_text(kFromTheStart[i]));
                MetricText::sample(out, "http_requests_total", labels, std::uint64_t{0});
                labels.resize(before);
            }
        }
    }
}

void RouteTotals::durations(std::string& out) const {
    const BucketNames seconds(kDurationBoundsUs, 1e6, text_.format());
    const bool exemplars = text_.format() == TextFormat::open_metrics;
    std::string labels;
    for (const Method& method : methods_) {
        if (!method.asked) {
            continue;
        }
        write_labels(labels, method.method.front()->method, method.route.front()->name);
        Total<kDurationBoundsUs> total;
        Seen seen;
        for (const MethodSeries* series : method.method) {
            total.add(series->duration);
            if (exemplars) {
                gather_exemplars(*series, seen);
            }
        }
        text_.histogram(out, "http_request_duration_seconds", labels, seconds,
                        {.counts = total.counts, .sum = total.sum, .exemplars = seen});
    }
}

void RouteTotals::request_sizes(std::string& out) const {
    sizes(out, "http_request_size_bytes", &RouteSeries::request_size);
}

void RouteTotals::response_sizes(std::string& out) const {
    sizes(out, "http_response_size_bytes", &RouteSeries::response_size);
}

void RouteTotals::sizes(std::string& out, std::string_view name,
                        SizeHistogram RouteSeries::* which) const {
    const BucketNames bytes(kSizeBounds, 1.0, text_.format());
    std::string labels;
    for (const Same& same : used_) {
        write_labels(labels, {}, same.front()->name);
        Total<kSizeBounds> total;
        for (const RouteSeries* series : same) {
            total.add(series->*which);
        }
        text_.histogram(out, name, labels, bytes,
                        {.counts = total.counts, .sum = total.sum, .exemplars = {}});
    }
}

}  // namespace gw::observe
