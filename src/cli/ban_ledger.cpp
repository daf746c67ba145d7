#include "cli/ban_ledger.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "config/mistake.hpp"
#include "observe/json_line.hpp"
#include "observe/timestamp.hpp"
#include "state/banned.hpp"

namespace gw::cli {
namespace {

constexpr std::string_view kPrefix = state::BanWriter::kPrefix;
constexpr std::string_view kNone = "-";

std::string remaining_text(Millis time) {
    const std::int64_t seconds = time.count() / 1'000;
    struct Part {
        std::int64_t seconds;
        char unit;
    };
    constexpr std::array<Part, 4> kParts{{{86'400, 'd'}, {3'600, 'h'}, {60, 'm'}, {1, 's'}}};
    for (std::size_t i = 0; i + 1 < kParts.size(); ++i) {
        if (seconds >= kParts[i].seconds) {
            return std::to_string(seconds / kParts[i].seconds) + kParts[i].unit + " " +
                   std::to_string(seconds % kParts[i].seconds / kParts[i + 1].seconds) +
                   kParts[i + 1].unit;
        }
    }
    return std::to_string(seconds) + "s";
}

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

std::string or_none(std::string text) {
    return text.empty() ? std::string(kNone) : std::move(text);
}

Row row_of(const BanLine& ban) {
    return {shown(ban.key),
            or_none(shown(ban.who)),
            or_none(shown(ban.note.reason)),
            or_none(shown(ban.note.by)),
            ban.note.since ? second_text(*ban.note.since) : std::string(kNone),
            ban.note.until ? second_text(*ban.note.until) : "never",
            ban.remaining ? remaining_text(*ban.remaining) : std::string(kNone),
            ban.note.by_hand ? "yes" : "no"};
}

// Characters of UTF-8, which shown() has made sure it is.
std::size_t width_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

boost::json::value time_or_null(const std::optional<WallTime>& time) {
    return time ? boost::json::value(second_text(*time)) : boost::json::value(nullptr);
}

// JSON is UTF-8, whatever stands in the store.
std::string utf8(const std::string& text) {
    return is_utf8(text) ? text : shown(text);
}

void sort_by_key(std::vector<BanLine>& bans) {
    std::ranges::sort(bans, {}, &BanLine::key);
}

}  // namespace

std::string second_text(WallTime time) {
    observe::Timestamp timestamp;
    return std::string(timestamp.text(time).substr(0, 19)) + "Z";
}

std::string shown(std::string_view text) {
    std::string out;
    observe::append_escaped(out, text);
    return out;
}

std::string harmless(std::string line) {
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, '?');
    return line;
}

BanLine read_ban_line(const std::string& key, std::string_view value,
                      std::optional<Millis> remaining, WallTime now) {
    BanLine line{.key = key,
                 .kind = {},
                 .who = {},
                 .note = state::read_ban(value),
                 .remaining = remaining,
                 .warning = {}};
    line.note.until = remaining ? end_after(*remaining, now) : std::nullopt;
    const std::string_view rest =
        std::string_view(key).substr(std::min(kPrefix.size(), key.size()));
    // The gateway's own judgement, so that there are no two.
    const char* const complaint = state::BanWriter(0).set(rest, value, line.note.until).complaint;
    if (*complaint != '\0') {
        line.warning = complaint;
        return line;
    }
    const std::size_t colon = rest.find(':');
    line.kind = rest.substr(0, colon);
    line.who = rest.substr(colon + 1);
    if (line.kind == "ip") {
        const auto block = state::parse_banned_block(line.who);
        line.who = block ? state::to_text(*block) : line.who;
    }
    if (!line.note.until) {
        line.warning = "has no end: it holds until somebody deletes it";
    }
    return line;
}

std::string bans_as_table(std::vector<BanLine> bans) {
    sort_by_key(bans);
    std::vector<Row> rows{{"KEY", "WHO", "WHY", "BY", "SINCE", "UNTIL", "REMAINING", "BY HAND"}};
    for (const BanLine& ban : bans) {
        rows.push_back(row_of(ban));
    }
    std::array<std::size_t, kColumns> widths{};
    for (const Row& row : rows) {
        for (std::size_t i = 0; i < kColumns; ++i) {
            widths[i] = std::max(widths[i], width_of(row[i]));
        }
    }
    std::string out;
    for (const Row& row : rows) {
        for (std::size_t i = 0; i + 1 < kColumns; ++i) {
            out += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
        }
        out += row[kColumns - 1] + "\n";
    }
    return out;
}

std::string bans_as_json(std::vector<BanLine> bans) {
    sort_by_key(bans);
    std::string out;
    for (const BanLine& ban : bans) {
        boost::json::object entry{{"key", utf8(ban.key)},
                                  {"kind", nullptr},
                                  {"who", nullptr},
                                  {"reason", utf8(ban.note.reason)},
                                  {"by", utf8(ban.note.by)},
                                  {"since", time_or_null(ban.note.since)},
                                  {"until", time_or_null(ban.note.until)},
                                  {"remainingSeconds", nullptr},
                                  {"byHand", ban.note.by_hand},
                                  {"warning", nullptr}};
        if (!ban.kind.empty()) {
            entry["kind"] = ban.kind;
            entry["who"] = utf8(ban.who);
        }
        if (ban.remaining) {
            entry["remainingSeconds"] = ban.remaining->count() / 1'000;
        }
        if (!ban.warning.empty()) {
            entry["warning"] = ban.warning;
        }
        out += (out.empty() ? "[\n  " : ",\n  ") + boost::json::serialize(entry);
    }
    return (out.empty() ? "[" : out + "\n") + "]\n";
}

std::string warnings_of(const std::vector<BanLine>& bans) {
    std::vector<std::string> lines;
    for (const BanLine& ban : bans) {
        if (!ban.warning.empty()) {
            lines.push_back("warning: " + shown(ban.key) + " " + ban.warning + "\n");
        }
    }
    std::ranges::sort(lines);
    std::string out;
    for (const std::string& line : lines) {
        out += line;
    }
    return out;
}

std::optional<Millis> parse_lifetime(std::string_view text) {
    constexpr std::string_view kUnits = "smhd";
    constexpr std::array<std::int64_t, 4> kSeconds{1, 60, 3'600, 86'400};
    constexpr std::int64_t kMost = std::int64_t{10} * 365 * 86'400;
    const std::size_t unit = text.empty() ? kUnits.npos : kUnits.find(text.back());
    if (unit == kUnits.npos) {
        return std::nullopt;
    }
    const auto number = parse_decimal(text.substr(0, text.size() - 1));
    if (!number || *number == 0 || *number > static_cast<std::uint64_t>(kMost / kSeconds[unit])) {
        return std::nullopt;
    }
    return std::chrono::seconds(static_cast<std::int64_t>(*number) * kSeconds[unit]);
}

std::string flaw_of_lifetime(std::string_view text, bool endless, bool may_end_never) {
    if (endless == text.empty()) {
        return endless || parse_lifetime(text)
                   ? ""
                   : "--for " + config::quote(text) +
                         " is no time: write 90s, 15m, 12h or 7d, from 1s to 3650d\n";
    }
    return endless ? "say for how long by one of --for and --endless\n"
                   : std::string("say for how long: --for 90s, 15m, 12h or 7d") +
                         (may_end_never ? ", or --endless\n" : "\n");
}

BanKey ban_key(std::string_view kind, std::string_view who) {
    const std::string prefix = std::string(kPrefix) + std::string(kind) + ":";
    if (kind != "ip") {
        return state::is_called(who) ? BanKey{prefix + std::string(who)}
                                     : BanKey{.key = {}, .flaw = "is no name of a user or tenant"};
    }
    const auto block = state::parse_banned_block(who);
    if (!block) {
        return {.key = {}, .flaw = "is neither an address nor a block such as 203.0.113.0/24"};
    }
    if (block->bits < (block->base.is_v4() ? 8U : 16U)) {
        return {.key = {}, .flaw = "holds half the world; name a smaller block"};
    }
    return {prefix + state::to_text(*block)};
}

}  // namespace gw::cli
