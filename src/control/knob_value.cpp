#include "control/knob_value.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.hpp"
#include "observe/log.hpp"
#include "observe/timestamp.hpp"
#include "state/banned_value.hpp"

namespace gw::control {
namespace {

using boost::json::object;
using boost::json::value;
using limits::PolicyOverride;
using upstream::BreakerState;
using Failed = std::unexpected<config::Flaw>;

constexpr std::size_t kTiersMax = 64;  // that one override names

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t begin = text.find_first_not_of(kSpace);
    return begin == std::string_view::npos
               ? std::string_view{}
               : text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view text_in(const object& from, std::string_view name) {
    const value* const found = from.if_contains(name);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string())
                                                  : std::string_view{};
}

// Absent is fine; anything but a number that fits is not.
template <class Number>
bool number_in(const object& from, std::string_view name, std::int64_t most,
               std::optional<Number>& out) {
    const value* const found = from.if_contains(name);
    if (found == nullptr || found->is_null()) {
        return true;
    }
    if (!found->is_int64() || found->get_int64() < 0 || found->get_int64() > most) {
        return false;
    }
    out = Number(static_cast<
                 typename std::conditional_t<std::is_same_v<Number, Millis>, std::int64_t, Number>>(
        found->get_int64()));
    return true;
}

// Whole characters of UTF-8, at most kKnobTextMax bytes of them.
std::string cut(std::string_view text) {
    std::size_t size = std::min(text.size(), kKnobTextMax);
    while (size < text.size() && size > 0 &&
           (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
        --size;
    }
    return std::string(text.substr(0, size));
}

std::optional<BreakerState> parse_forced(std::string_view text) {
    return text == "open"     ? std::optional(BreakerState::open)
           : text == "closed" ? std::optional(BreakerState::closed)
                              : std::nullopt;
}

std::expected<KnobSetting, config::Flaw> setting_of(std::string_view name, std::string_view word,
                                                    const object* object) {
    if (name.starts_with(kLimitKnob)) {
        auto over =
            object != nullptr ? policy_override_of(*object) : limits::parse_policy_override(word);
        return over ? std::expected<KnobSetting, config::Flaw>(*std::move(over))
                    : Failed(std::move(over.error()));
    }
    if (name.starts_with(kBreakerKnob)) {
        if (const auto state = parse_forced(object != nullptr ? text_in(*object, "state") : word)) {
            return *state;
        }
        return Failed({"forces a breaker to nothing that it can be", "write open or closed"});
    }
    if (name == kLogLevelKnob) {
        if (const auto level =
                parse_log_level(object != nullptr ? text_in(*object, "level") : word)) {
            return *level;
        }
        return Failed({"is no level of the log", "write DEBUG, INFO, WARN or ERROR"});
    }
    return Failed({"is no knob",
                   "there is knob:limit:<policy>, knob:breaker:<service> and "
                   "knob:log-level"});
}

}  // namespace

std::optional<observe::LogLevel> parse_log_level(std::string_view text) {
    for (const auto& [name, level] : observe::names_of(observe::LogLevel{})) {
        if (equal_ignore_case(text, name)) {
            return level;
        }
    }
    return std::nullopt;
}

std::expected<PolicyOverride, config::Flaw> policy_override_of(const object& from) {
    PolicyOverride over;
    constexpr std::int64_t kMost = 1LL << 40;
    std::optional<std::uint32_t> requests;
    if (!number_in(from, "requests", limits::Quota::kLimitMax, requests) ||
        !number_in(from, "windowMs", kMost, over.window) ||
        !number_in(from, "blockMs", kMost, over.block)) {
        return Failed(
            {"has a number that is none, or too large",
             R"(write whole numbers: {"requests": 500, "windowMs": 60000, "blockMs": 0})"});
    }
    over.requests = requests;
    if (const value* const found = from.if_contains("enforcement")) {
        over.enforcement = limits::parse_enforcement(text_in(from, "enforcement"));
        if (!over.enforcement && !found->is_null()) {
            return Failed({"has an enforcement that is none", R"(write "on", "off" or "dry-run")"});
        }
    }
    if (const value* const found = from.if_contains("tiers");
        found != nullptr && !found->is_null()) {
        const object* const tiers = found->if_object();
        if (tiers == nullptr || tiers->size() > kTiersMax) {
            return Failed({"has tiers that are none", R"(write {"tiers": {"gold": 1000}})"});
        }
        for (const auto& [name, number] : *tiers) {
            std::optional<std::uint32_t> of_tier;
            if (!number_in(*tiers, name, limits::Quota::kLimitMax, of_tier) || !of_tier) {
                return Failed(
                    {"has a tier without a number", R"(write {"tiers": {"gold": 1000}})"});
            }
            over.tiers.emplace(name, *of_tier);
        }
    }
    if (over == PolicyOverride{}) {
        return Failed(
            {"changes nothing",
             R"(name what: "requests", "windowMs", "blockMs", "tiers" or "enforcement")"});
    }
    return over;
}

void add_to(object& out, const PolicyOverride& over) {
    if (over.requests) {
        out["requests"] = *over.requests;
    }
    if (over.window) {
        out["windowMs"] = over.window->count();
    }
    if (over.block) {
        out["blockMs"] = over.block->count();
    }
    if (over.enforcement) {
        out["enforcement"] = limits::name_of(*over.enforcement);
    }
    if (!over.tiers.empty()) {
        object tiers;
        for (const auto& [name, requests] : over.tiers) {
            tiers[name] = requests;
        }
        out["tiers"] = std::move(tiers);
    }
}

std::expected<KnobValue, config::Flaw> read_knob(std::string_view name, std::string_view text) {
    text = trimmed(text);
    boost::system::error_code error;
    const value parsed = text.starts_with('{') ? boost::json::parse(text, error) : value();
    const object* const fields = parsed.if_object();
    if (error) {
        return Failed({"has a value that is no JSON", "write a JSON object, or a single word"});
    }
    auto setting = setting_of(name, text, fields);
    if (!setting) {
        return Failed(std::move(setting.error()));
    }
    KnobValue out{*std::move(setting), {}};
    if (fields != nullptr) {
        // The note of a ban has the same members.
        state::BanNote note = state::read_ban(text);
        if (!note.by_hand) {
            out.note = {.by = cut(note.by),
                        .reason = cut(note.reason),
                        .since = note.since,
                        .until = note.until};
        } else {
            out.note.reason = cut(text_in(*fields, "reason"));
        }
    }
    return out;
}

std::string write_knob(const KnobValue& knob) {
    object out;
    if (const auto* over = std::get_if<PolicyOverride>(&knob.setting)) {
        add_to(out, *over);
    } else if (const auto* state = std::get_if<BreakerState>(&knob.setting)) {
        out["state"] = *state == BreakerState::open ? "open" : "closed";
    } else {
        out["level"] = observe::level_name(std::get<observe::LogLevel>(knob.setting));
    }
    observe::Timestamp timestamp;
    out["by"] = cut(knob.note.by);
    out["reason"] = cut(knob.note.reason);
    if (knob.note.since) {
        out["since"] = timestamp.text(*knob.note.since);
    }
    if (knob.note.until) {
        out["until"] = timestamp.text(*knob.note.until);
    }
    return boost::json::serialize(out);
}

std::string setting_text(const KnobSetting& setting) {
    if (const auto* over = std::get_if<PolicyOverride>(&setting)) {
        return limits::to_text(*over);
    }
    if (const auto* state = std::get_if<BreakerState>(&setting)) {
        return *state == BreakerState::open ? "open" : "closed";
    }
    return std::string(observe::level_name(std::get<observe::LogLevel>(setting)));
}

}  // namespace gw::control
