#include "cli/ban_ledger.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace gw::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr WallTime kNow = WallTime(1'795'437'000s);  // 2026-11-23T12:30:00Z

BanLine line(const std::string& key, std::string_view value, std::optional<Millis> remaining = 1h) {
    return read_ban_line(key, value, remaining, kNow);
}

TEST(BanLedger, ReadsWhatTheGatewayWrote) {
    const BanLine ban =
        line("banned:ip:203.0.113.007",
             state::write_ban({.reason = "scan", .by = "ops@host", .since = kNow - 1h}), 90s);
    EXPECT_EQ(ban.kind, "ip");
    EXPECT_EQ(ban.who, "203.0.113.7");
    EXPECT_EQ(ban.note.reason, "scan");
    EXPECT_EQ(ban.note.by, "ops@host");
    EXPECT_FALSE(ban.note.by_hand);
    EXPECT_EQ(ban.note.until, kNow + 90s);
    EXPECT_EQ(ban.warning, "");
}

TEST(BanLedger, WarnsOfWhatIsWrong) {
    EXPECT_EQ(line("banned:user:42", "1", std::nullopt).warning,
              "has no end: it holds until somebody deletes it");
    EXPECT_EQ(line("banned:user:42", "1", std::nullopt).who, "42");
    for (const char* key : {"banned:ip:300.1.1.1", "banned:", "banned:user:", "banned:venue:1"}) {
        const BanLine ban = line(key, "1");
        EXPECT_NE(ban.warning, "") << key;
        EXPECT_EQ(ban.kind, "") << key;
    }
    EXPECT_EQ(warnings_of({line("banned:user:2", "1", std::nullopt), line("banned:user:1", "1"),
                           line("banned:ip:x\n", "1")}),
              "warning: banned:ip:x\\n bans nobody: this is neither an address nor a block such as "
              "203.0.113.0/24\n"
              "warning: banned:user:2 has no end: it holds until somebody deletes it\n");
}

TEST(BanLedger, IsATable) {
    EXPECT_EQ(bans_as_table({line("banned:user:42", "1", std::nullopt),
                             line("banned:ip:203.0.113.7",
                                  state::write_ban({.reason = "scan", .by = "ops", .since = kNow}),
                                  3h + 5min)}),
              "KEY                    WHO          WHY   BY   SINCE                 UNTIL          "
              "       "
              "REMAINING  BY HAND\n"
              "banned:ip:203.0.113.7  203.0.113.7  scan  ops  2026-11-23T12:30:00Z  "
              "2026-11-23T15:35:00Z  3h 5m      no\n"
              "banned:user:42         42           -     -    -                     never          "
              "       "
              "-          yes\n");
}

TEST(BanLedger, SaysHowLongInTwoUnits) {
    const auto remaining = [](Millis time) {
        const std::string table = bans_as_table({line("banned:user:1", "1", time)});
        const std::size_t end = table.rfind("  yes");
        const std::size_t begin = table.rfind("Z  ", end) + 3;
        std::string text = table.substr(begin, end - begin);
        text.erase(text.find_last_not_of(' ') + 1);
        return text;
    };
    EXPECT_EQ(remaining(0ms), "0s");
    EXPECT_EQ(remaining(59s), "59s");
    EXPECT_EQ(remaining(60s), "1m 0s");
    EXPECT_EQ(remaining(3599s), "59m 59s");
    EXPECT_EQ(remaining(49h), "2d 1h");
}

TEST(BanLedger, CallsWhatOutlastsEveryClockEndless) {
    const BanLine endless = line("banned:user:1", "1", Millis{9'999'999'999'000});
    EXPECT_FALSE(endless.note.until.has_value());
    EXPECT_THAT(endless.warning, HasSubstr("has no end"));
    EXPECT_THAT(bans_as_table({endless}), HasSubstr("  never  "));
}

TEST(BanLedger, MovesNobodysTerminal) {
    const std::string table = bans_as_table({line("banned:user:a\x1b[2J", "\x1b]0;owned\x07\xff")});
    EXPECT_EQ(table.find('\x1b'), std::string::npos);
    EXPECT_EQ(table.find('\x07'), std::string::npos);
}

TEST(BanLedger, IsJson) {
    const std::string text = bans_as_json({line("banned:user:42", "\xff", std::nullopt),
                                           line("banned:ip:10.0.0.0/8", "scanners", 90'500ms),
                                           line("banned:nonsense", "1")});
    const boost::json::array bans = boost::json::parse(text).as_array();
    ASSERT_EQ(bans.size(), 3U);
    EXPECT_EQ(bans[0], boost::json::parse(R"({
        "key": "banned:ip:10.0.0.0/8", "kind": "ip", "who": "10.0.0.0/8", "reason": "scanners",
        "by": "", "since": null, "until": "2026-11-23T12:31:30Z", "remainingSeconds": 90,
        "byHand": true, "warning": null})"));
    EXPECT_TRUE(bans[1].at("kind").is_null());
    EXPECT_THAT(std::string(bans[1].at("warning").as_string()), HasSubstr("names no ban"));
    EXPECT_TRUE(bans[2].at("until").is_null());
    EXPECT_EQ(bans_as_json({}), "[]\n");
}

TEST(BanLifetime, HasAUnit) {
    EXPECT_EQ(parse_lifetime("90s"), 90s);
    EXPECT_EQ(parse_lifetime("15m"), 15min);
    EXPECT_EQ(parse_lifetime("12h"), 12h);
    EXPECT_EQ(parse_lifetime("7d"), 168h);
    EXPECT_EQ(parse_lifetime("3650d"), 24h * 3650);
    for (const char* text : {"", "s", "0s", "60", "1w", "-1h", "1.5h", "1 h", "3651d",
                             "99999999999999999999s", "1h30m"}) {
        EXPECT_FALSE(parse_lifetime(text)) << text;
    }
}

TEST(BanLifetime, WhatIsWrongWithItIsSaid) {
    EXPECT_EQ(flaw_of_lifetime("15m", false), "");
    EXPECT_EQ(flaw_of_lifetime("", true), "");
    EXPECT_EQ(flaw_of_lifetime("", false),
              "say for how long: --for 90s, 15m, 12h or 7d, or --endless\n");
    EXPECT_EQ(flaw_of_lifetime("", false, false), "say for how long: --for 90s, 15m, 12h or 7d\n");
    EXPECT_EQ(flaw_of_lifetime("1h", true), "say for how long by one of --for and --endless\n");
    for (const std::string text : {"0s", "99999d", "12", "tomorrow"}) {
        EXPECT_EQ(
            flaw_of_lifetime(text, false),
            "--for \"" + text + "\" is no time: write 90s, 15m, 12h or 7d, from 1s to 3650d\n");
    }
}

TEST(BanKeys, AreSpelledInOneWay) {
    EXPECT_EQ(ban_key("ip", "203.0.113.007").key, "banned:ip:203.0.113.7");
    EXPECT_EQ(ban_key("ip", "::ffff:203.0.113.7").key, "banned:ip:203.0.113.7");
    EXPECT_EQ(ban_key("ip", "2001:DB8::0/32").key, "banned:ip:2001:db8::/32");
    EXPECT_EQ(ban_key("user", "auth0|a b").key, "banned:user:auth0|a b");
    EXPECT_EQ(ban_key("tenant", "t1").key, "banned:tenant:t1");
    for (const auto& [kind, who] : std::initializer_list<std::pair<const char*, std::string>>{
             {"ip", "300.1.1.1"},
             {"ip", ""},
             {"ip", "0.0.0.0/0"},
             {"ip", "10.0.0.0/7"},
             {"ip", "2000::/3"},
             {"user", ""},
             {"user", "a\nb"},
             {"user", "\xff"},
             {"user", std::string(513, 'a')}}) {
        EXPECT_EQ(ban_key(kind, who).key, "") << who;
        EXPECT_STRNE(ban_key(kind, who).flaw, "") << who;
    }
}

}  // namespace
}  // namespace gw::cli
