#include "cli/live_view.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

#include "base/text.hpp"
#include "cli/ban_ledger.hpp"

namespace gw::cli {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kBad = "\x1b[31m";
constexpr std::string_view kWatch = "\x1b[33m";
constexpr std::size_t kListMost = 6;  // of talkers and of events

// As a point and a minute have them.
constexpr std::size_t kRequests = 0;
constexpr std::size_t kErrors = 1;
constexpr std::size_t kRefused = 2;
constexpr std::size_t kRetries = 3;

const object& object_in(const object& from, std::string_view name) {
    static const object kNone;
    const value* const found = from.if_contains(name);
    return found != nullptr && found->is_object() ? found->get_object() : kNone;
}

const array& array_in(const object& from, std::string_view name) {
    static const array kNone;
    const value* const found = from.if_contains(name);
    return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

std::string text_in(const object& from, std::string_view name) {
    const value* const found = from.if_contains(name);
    return found == nullptr || found->is_null() ? std::string()
           : found->is_string()                 ? shown(found->get_string())
                                                : boost::json::serialize(*found);
}

double number_at(const array& list, std::size_t at) {
    return at < list.size() && list[at].is_number() ? list[at].to_number<double>() : 0;
}

double number_in(const object& from, std::string_view name) {
    const value* const found = from.if_contains(name);
    return found != nullptr && found->is_number() ? found->to_number<double>() : 0;
}

std::string fixed(double number, int digits) {
    std::array<char, 48> text{};
    const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, number);
    return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 47))};
}

std::string millis(double micros) {
    return fixed(micros / 1'000, micros < 10'000 ? 2 : 0);
}

std::string percent(double part, double whole) {
    return whole > 0 ? fixed(100 * part / whole, 1) + "%" : "-";
}

std::string cell(std::string text, std::size_t width, bool right = false) {
    if (text.size() > width) {
        text.resize(width);
    }
    return right ? std::string(width - text.size(), ' ') + text
                 : text + std::string(width - text.size(), ' ');
}

struct Line {
    std::string text;
    std::string_view colour;
};

class Screen {
  public:
    explicit Screen(const ScreenSize& size) : size_(size) {}
    void add(std::string text, std::string_view colour = {}) {
        lines_.push_back({std::move(text), colour});
    }
    [[nodiscard]] std::string text(bool colours) const {
        std::string out;
        for (std::size_t i = 0; i < std::min(lines_.size(), size_.rows); ++i) {
            const Line& line = lines_[i];
            const bool coloured = colours && !line.colour.empty();
            out += coloured ? line.colour : std::string_view{};
            out += line.text.substr(0, size_.columns);
            out += coloured ? kPlain : std::string_view{};
            out += '\n';
        }
        return out;
    }

  private:
    ScreenSize size_;
    std::vector<Line> lines_;
};

void add_totals(Screen& screen, const object& tick) {
    const object& status = object_in(tick, "status");
    const array& all = array_in(tick, "all");
    const array& minute = array_in(tick, "minute");
    const double seconds = std::max(number_in(tick, "seconds"), 0.001);
    screen.add(text_in(status, "instance") + " " + text_in(status, "version") + "  up " +
                   text_in(status, "uptimeSeconds") + " s  config " +
                   text_in(status, "configHash") + "  state " +
                   text_in(object_in(status, "state"), "backend") + "  " +
                   text_in(status, "gateways") + " gateway(s)",
               kBold);
    if (const std::string mode = text_in(status, "maintenance"); !mode.empty() && mode != "off") {
        screen.add("maintenance: " + mode, kWatch);
    }
    screen.add("now     " + fixed(number_at(all, kRequests) / seconds, 0) + "/s  errors " +
               percent(number_at(all, kErrors), number_at(all, kRequests)) + "  refused " +
               percent(number_at(all, kRefused), number_at(all, kRequests)) + "  in flight " +
               fixed(number_at(all, 4), 0) + "  p50 " + millis(number_at(all, 5)) + "  p95 " +
               millis(number_at(all, 6)) + "  p99 " + millis(number_at(all, 7)) + " ms");
    screen.add("minute  " + fixed(number_at(minute, kRequests) / 60, 0) + "/s  errors " +
               percent(number_at(minute, kErrors), number_at(minute, kRequests)) + "  retries " +
               fixed(number_at(minute, kRetries), 0) + "  p50 " + millis(number_at(minute, 4)) +
               "  p95 " + millis(number_at(minute, 5)) + "  p99 " + millis(number_at(minute, 6)) +
               " ms  connections " + text_in(status, "connections"));
}

void add_services(Screen& screen, const object& tick) {
    struct Row {
        std::string name;
        const object* facts;
        double requests;
        bool open;
    };
    std::vector<Row> rows;
    for (const auto& [name, facts] : object_in(tick, "serviceFacts")) {
        if (facts.is_object()) {
            const object& entry = facts.get_object();
            rows.push_back({shown(name), &entry, number_at(array_in(entry, "minute"), kRequests),
                            text_in(object_in(entry, "breaker"), "state") == "OPEN"});
        }
    }
    std::ranges::sort(rows, [](const Row& a, const Row& b) {
        return a.open != b.open           ? a.open
               : a.requests != b.requests ? a.requests > b.requests
                                          : a.name < b.name;
    });
    screen.add("");
    screen.add(cell("service", 24) + cell("breaker", 10) + cell("well", 7) +
                   cell("req/min", 9, true) + cell("errors", 8, true) + cell("retries", 8, true) +
                   cell("p50", 8, true) + cell("p95", 8, true) + cell("p99 ms", 8, true) +
                   cell("waiting", 8, true),
               kBold);
    for (const Row& row : rows) {
        const array& minute = array_in(*row.facts, "minute");
        const array& endpoints = array_in(*row.facts, "endpoints");
        const auto well = std::ranges::count_if(endpoints, [](const value& endpoint) {
            return endpoint.is_object() && text_in(endpoint.get_object(), "well") == "true";
        });
        const std::string state = text_in(object_in(*row.facts, "breaker"), "state");
        const bool failing = number_at(minute, kErrors) * 100 > row.requests;
        screen.add(cell(row.name, 24) + cell(state, 10) +
                       cell(std::to_string(well) + "/" + std::to_string(endpoints.size()), 7) +
                       cell(fixed(row.requests, 0), 9, true) +
                       cell(percent(number_at(minute, kErrors), row.requests), 8, true) +
                       cell(fixed(number_at(minute, kRetries), 0), 8, true) +
                       cell(millis(number_at(minute, 4)), 8, true) +
                       cell(millis(number_at(minute, 5)), 8, true) +
                       cell(millis(number_at(minute, 6)), 8, true) +
                       cell(text_in(*row.facts, "waiting"), 8, true),
                   row.open                          ? kBad
                   : failing || state == "HALF_OPEN" ? kWatch
                                                     : std::string_view{});
    }
}

void add_talkers(Screen& screen, const object& tick) {
    const array& suffering = array_in(tick, "suffering");
    if (suffering.empty()) {
        return;
    }
    screen.add("");
    screen.add("who meets errors and limits, two minutes", kBold);
    for (std::size_t i = 0; i < std::min(suffering.size(), kListMost); ++i) {
        if (!suffering[i].is_object()) {
            continue;
        }
        const object& one = suffering[i].get_object();
        screen.add(cell(text_in(one, "address"), 24) + cell(text_in(one, "user"), 24) +
                   cell(text_in(one, "tenant"), 38) + "limited " + text_in(one, "limited") +
                   "  failed " + text_in(one, "failed"));
    }
}

void add_events(Screen& screen, const array& events) {
    if (events.empty()) {
        return;
    }
    screen.add("");
    screen.add("security and changes, the youngest first", kBold);
    for (std::size_t i = 0; i < std::min(events.size(), kListMost); ++i) {
        const value& event = events[events.size() - 1 - i];
        if (event.is_object()) {
            const object& one = event.get_object();
            screen.add(cell(text_in(one, "kind"), 18) + cell(text_in(one, "decision"), 9) +
                       cell(text_in(one, "user"), 22) + cell(text_in(one, "address"), 16) +
                       text_in(one, "resource") + " " + text_in(one, "detail"));
        }
    }
}

}  // namespace

int EventFeed::status() {
    const std::size_t end = held_.find("\r\n\r\n");
    if (status_ == 0 && end != std::string::npos) {
        const std::size_t space = held_.find(' ');
        status_ = static_cast<int>(
            parse_decimal(std::string_view(held_).substr(std::min(space + 1, held_.size()), 3))
                .value_or(599));
        if (status_ == 200) {
            held_.erase(0, end + 4);
        }
    }
    return status_;
}

std::optional<EventFeed::Event> EventFeed::next() {
    if (status() != 200) {
        return std::nullopt;
    }
    while (true) {
        const std::size_t end = held_.find("\n\n");
        if (end == std::string::npos) {
            return std::nullopt;
        }
        const std::string block = held_.substr(0, end);
        held_.erase(0, end + 2);
        Event event;
        std::string_view data;
        std::string_view left = block;
        while (!left.empty()) {
            const std::string_view line = left.substr(0, left.find('\n'));
            left.remove_prefix(std::min(line.size() + 1, left.size()));
            if (line.starts_with("event: ")) {
                event.name = line.substr(7);
            } else if (line.starts_with("data: ")) {
                data = line.substr(6);
            }
        }
        boost::system::error_code error;
        value parsed = boost::json::parse(data, error);
        if (!error && parsed.is_object() && !event.name.empty()) {
            event.data = std::move(parsed.get_object());
            return event;
        }
        unreadable_ = unreadable_ || event.name == "tick";
    }
}

std::string screen_of(const object& tick, const array& events, const ScreenSize& size,
                      bool colours) {
    Screen screen(size);
    add_totals(screen, tick);
    for (const value& knob : array_in(object_in(tick, "status"), "knobs")) {
        if (knob.is_object()) {
            const std::string left = text_in(knob.get_object(), "secondsLeft");
            screen.add(
                "changed " + text_in(knob.get_object(), "knob") + ": " +
                    text_in(knob.get_object(), "value") +
                    (!left.empty()                                   ? ", " + left + " s left"
                     : text_in(knob.get_object(), "warning").empty() ? ", until the next reload"
                                                                     : ", no end"),
                kWatch);
        }
    }
    add_services(screen, tick);
    add_talkers(screen, tick);
    add_events(screen, events);
    return screen.text(colours);
}

}  // namespace gw::cli
