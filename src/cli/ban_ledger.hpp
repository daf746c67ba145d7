// The bans as a reader wants them: whom, why, by whom, since and until when, and what is wrong with
// them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "state/banned_value.hpp"

namespace gw::cli {

struct BanLine {
    std::string key;
    std::string kind;                 // "ip", "user", "tenant"; empty: the key bans nobody
    std::string who;                  // an address or block in its one spelling
    state::BanNote note;              // until: the end of the key, whatever its value says
    std::optional<Millis> remaining;  // none: no end
    std::string warning;              // empty: nothing is wrong
};

// remaining: of the key; none: it has no end.
BanLine read_ban_line(const std::string& key, std::string_view value,
                      std::optional<Millis> remaining, WallTime now);

// In the order of their keys.
std::string bans_as_table(std::vector<BanLine> bans);
std::string bans_as_json(std::vector<BanLine> bans);
// One line for each ban that has one.
std::string warnings_of(const std::vector<BanLine>& bans);

// "90s", "15m", "12h", "7d": at least a second, at most ten years.
std::optional<Millis> parse_lifetime(std::string_view text);
// What to say of --for and --endless when they are not one lifetime, or the other, as they must be;
// "": they are. text: what stands behind --for, "" if nothing; may_end_never: there is --endless.
std::string flaw_of_lifetime(std::string_view text, bool endless, bool may_end_never = true);

// "ip", "user" or "tenant", and whom: the key, or why there is none. An address is spelled in its
// one way.
struct BanKey {
    std::string key;
    const char* flaw = "";  // a literal; "" if there is a key
};
BanKey ban_key(std::string_view kind, std::string_view who);

// "2026-11-23T07:00:00Z"
std::string second_text(WallTime time);
// For a terminal: no control characters, whatever somebody has written into the store.
std::string shown(std::string_view text);
// The same of a whole line, which is shown as it is but for them.
std::string harmless(std::string line);

}  // namespace gw::cli
