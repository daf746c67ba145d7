#include "state/banned.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.hpp"

namespace gw::state {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeed = 23;
constexpr WallTime kNow = WallTime(1'795'437'000s);  // 2026-11-23T12:30:00Z

std::string block(std::string_view text) {
    const auto parsed = parse_banned_block(text);
    return parsed ? to_text(*parsed) : "refused";
}

bool set(BanWriter& writer, std::string_view rest, std::string_view value = "1",
         std::optional<WallTime> expires = {}) {
    const Taken taken = writer.set(rest, value, expires);
    EXPECT_STREQ(taken.complaint, "") << rest;
    return taken.changed;
}

std::string reason(const Bans& bans, std::string_view address, WallTime now = kNow) {
    const auto ban = bans.by_address(IpAddress::parse(address).value(), now);
    return ban ? std::string(ban->reason) : "not banned";
}

TEST(BannedBlock, EverySpellingOfAnAddressIsOneAddress) {
    for (const char* text : {"1.2.3.4",
                             "1.2.3.004",
                             "001.002.003.004",
                             " 1.2.3.4 ",
                             "1.2.3.4\n",
                             "1.2.3.4/32",
                             "1.2.3.4 / 32",
                             "0x01020304",
                             "0X01020304",
                             "16909060",
                             "::ffff:1.2.3.4",
                             "::FFFF:102:304",
                             "::ffff:1.2.3.004",
                             "::ffff:1.2.3.4/128",
                             "[::ffff:1.2.3.4]",
                             "64:ff9b::1.2.3.4",
                             "64:ff9b::102:304",
                             "0064:FF9B:0:0:0:0:0102:0304",
                             "64:ff9b::1.2.3.4/128",
                             "[1.2.3.4]"}) {
        EXPECT_EQ(block(text), "1.2.3.4") << text;
    }
    for (const char* text : {"2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001",
                             "[2001:db8::1]", "2001:db8::1/128", "2001:db8::1%eth0"}) {
        EXPECT_EQ(block(text), "2001:db8::1") << text;
    }
    EXPECT_EQ(block("192.168.010.008"), "192.168.10.8");  // padded, not octal
}

TEST(BannedBlock, EverySpellingOfABlockIsOneBlock) {
    for (const char* text : {"10.0.0.0/8", "10.1.2.3/8", "010.0.0.0/8", "::ffff:10.0.0.0/104",
                             "64:ff9b::10.0.0.0/104", "0x0a000000/8", "[::ffff:10.0.0.0]/104"}) {
        EXPECT_EQ(block(text), "10.0.0.0/8") << text;
    }
    EXPECT_EQ(block("2001:db8:1::/32"), "2001:db8::/32");
    EXPECT_EQ(block("64:ff9b::/96"), "0.0.0.0/0");
    EXPECT_EQ(block("64:ff9b::/64"), "64:ff9b::/64");
    EXPECT_EQ(block("64:ff9b:1::1.2.3.4"), "64:ff9b:1::102:304");  // not the well-known prefix
}

TEST(BannedBlock, WhatIsNoAddressIsRefused) {
    for (const char* text : {"",
                             " ",
                             "/",
                             "1",
                             "16777215",
                             "4294967296",
                             "1.2.3",
                             "1.2.3.4.5",
                             "1.2.3.256",
                             "1.2.3.0004",
                             "1.2.3.4:80",
                             "1.2.3.*",
                             "0x1",
                             "0x0102030g",
                             "0x010203040",
                             "1.2.3.4/",
                             "1.2.3.4/33",
                             "1.2.3.4/08",
                             "1.2.3.4-9",
                             "localhost",
                             "2001:db8::/",
                             "2001:db8::g",
                             "[1.2.3.4",
                             "::1%",
                             "::ffff:10.0.0.0/95",
                             "1.2.3.4 5.6.7.8",
                             "1.2.3.4,5.6.7.8"}) {
        EXPECT_EQ(block(text), "refused") << text;
    }
}

TEST(BanNote, WhatTheGatewayWritesItReads) {
    const BanNote note{.reason = "brute \"force\"\n\xC3\xA9",
                       .by = "gateway",
                       .since = kNow,
                       .until = kNow + 15min + 250ms};
    const std::string text = write_ban(note);
    const BanNote again = read_ban(text);
    EXPECT_EQ(again.reason, note.reason) << text;
    EXPECT_EQ(again.by, note.by);
    EXPECT_EQ(again.since, note.since);
    EXPECT_EQ(again.until, note.until);
    EXPECT_FALSE(again.by_hand);
}

TEST(BanNote, WhatIsWrittenByHandIsAReason) {
    for (const char* none : {"1", "", " 1\n"}) {
        EXPECT_EQ(read_ban(none).reason, "");
        EXPECT_TRUE(read_ban(none).by_hand);
    }
    for (const char* text : {"SQL injection, INC-7", "2", "{", "{}", "[1]", R"({"reason":"x"})",
                             R"({"reason":1,"by":2})", R"("quoted")"}) {
        EXPECT_EQ(read_ban(text).reason, text);
        EXPECT_TRUE(read_ban(text).by_hand);
    }
}

TEST(BanKey, NamesAreTextThatCanBeShown) {
    for (const std::string& name :
         {std::string("42"), std::string("a/b ../%2f?c#\xC3\xBC"), std::string(512, 'a')}) {
        EXPECT_TRUE(is_called(name)) << name;
    }
    for (const std::string& name :
         {std::string(), std::string("a\nb"), std::string("a\0b", 3), std::string("a\x7F"),
          std::string("M\xFCller"), std::string(513, 'a')}) {
        EXPECT_FALSE(is_called(name)) << name;
    }
}

TEST(BanNote, ReadsTimesInBothForms) {
    const auto since = [](std::string_view time) {
        return read_ban(R"({"by":"x","since":)" + std::string(time) + "}").since;
    };
    EXPECT_EQ(since(R"("2026-11-23T12:30:00Z")"), kNow);
    EXPECT_EQ(since(R"("2026-11-23T12:30:00.5Z")"), kNow + 500ms);
    EXPECT_EQ(since("1795437000"), kNow);
    EXPECT_EQ(since("1795437000250"), kNow + 250ms);
    for (const char* bad :
         {R"("2026-02-30T00:00:00Z")", R"("2026-11-23T24:00:00Z")", R"("2026-11-23T12:30:00")",
          R"("2026-11-23 12:30:00Z")", R"("2026-11-23T12:30:00.Z")", R"("9999-01-01T00:00:00Z")",
          R"("")", R"("Z")", "-1", "9223372036854775807", "18446744073709551615", "1e300",
          "null"}) {
        EXPECT_EQ(since(bad), std::nullopt) << bad;
    }
}

TEST(Bans, NobodyIsBannedAtFirst) {
    const Bans bans(kSeed);
    EXPECT_EQ(reason(bans, "1.2.3.4"), "not banned");
    EXPECT_FALSE(bans.by_user("u", kNow));
    EXPECT_FALSE(bans.by_tenant("", kNow));
}

TEST(Bans, TheRunbooksBanHitsEveryFormOfTheAddress) {
    BanWriter writer(kSeed);
    EXPECT_TRUE(set(writer, "ip:203.0.113.7", "1", kNow + 3600s));
    const Bans bans = writer.commit();
    for (const char* address : {"203.0.113.7", "::ffff:203.0.113.7", "64:ff9b::203.0.113.7"}) {
        EXPECT_EQ(reason(bans, address), "") << address;
        EXPECT_EQ(reason(bans, address, kNow + 3600s), "not banned") << address;
    }
    EXPECT_EQ(reason(bans, "203.0.113.8"), "not banned");
    EXPECT_EQ(reason(bans, "::cb00:7107"), "not banned");  // compatible, not mapped
    const auto ban = bans.by_address(*IpAddress::parse("203.0.113.7"), kNow);
    EXPECT_EQ(ban->until, kNow + 3600s);
    EXPECT_TRUE(ban->by_hand);
}

TEST(Bans, TheSmallestBlockInForceDecides) {
    BanWriter writer(kSeed);
    set(writer, "ip:10.0.0.0/8", "eight");
    set(writer, "ip:10.1.0.0/16", "sixteen", kNow + 10s);
    set(writer, "ip:10.1.2.3", "one", kNow + 5s);
    set(writer, "ip:0.0.0.0/0", "all");
    set(writer, "ip:2001:db8::/32", "six");
    set(writer, "ip:2001:db8:0:1::/64", "sixtyfour");
    const Bans bans = writer.commit();
    EXPECT_EQ(reason(bans, "10.1.2.3"), "one");
    EXPECT_EQ(reason(bans, "10.1.2.3", kNow + 5s), "sixteen");
    EXPECT_EQ(reason(bans, "10.1.2.3", kNow + 10s), "eight");
    EXPECT_EQ(reason(bans, "10.2.0.0"), "eight");
    EXPECT_EQ(reason(bans, "11.0.0.0"), "all");
    EXPECT_EQ(reason(bans, "2001:db8:0:1::9"), "sixtyfour");
    EXPECT_EQ(reason(bans, "2001:db8:0:2::9"), "six");
    EXPECT_EQ(reason(bans, "2001:db9::"), "not banned");
}

TEST(Bans, OnlyLengthsThatAreBannedAreSearched) {
    BanWriter writer(kSeed);
    for (const char* rest : {"ip:10.0.0.0/8", "ip:11.0.0.0/8", "ip:10.1.0.0/16", "ip:10.1.2.3"}) {
        set(writer, rest, "1", kNow);
    }
    set(writer, "ip:::ffff:10.1.2.3", "1", kNow + 1s);
    set(writer, "ip:2001:db8::/32");
    EXPECT_EQ(writer.commit().searches_most(), 3U);
    writer.erase("ip:10.0.0.0/8");
    EXPECT_EQ(writer.commit().searches_most(), 3U);
    writer.erase("ip:11.0.0.0/8");
    EXPECT_EQ(writer.commit().searches_most(), 2U);
    writer.drop_expired(kNow);
    EXPECT_EQ(writer.commit().searches_most(), 1U);
    EXPECT_EQ(reason(writer.commit(), "10.1.2.3"), "");
    writer.erase("ip:::ffff:10.1.2.3");
    writer.erase("ip:2001:db8::/32");
    EXPECT_EQ(writer.commit().searches_most(), 0U);
}

TEST(Bans, ABlockAroundTheNat64PrefixHoldsItsAddresses) {
    BanWriter writer(kSeed);
    set(writer, "ip:64:ff9b::/64", "wide");
    EXPECT_EQ(reason(writer.commit(), "64:ff9b::1.2.3.4"), "wide");
    EXPECT_EQ(reason(writer.commit(), "1.2.3.4"), "not banned");
    set(writer, "ip:1.2.3.4", "narrow");
    EXPECT_EQ(reason(writer.commit(), "64:ff9b::1.2.3.4"), "narrow");
}

TEST(Bans, UsersAndTenantsAreWhatIsWritten) {
    BanWriter writer(kSeed);
    set(writer, "user:a:b*\r\n", "odd");
    set(writer, "tenant:t", write_ban({.reason = "unpaid", .by = "ops"}));
    const Bans bans = writer.commit();
    EXPECT_EQ(bans.by_user("a:b*\r\n", kNow)->reason, "odd");
    EXPECT_TRUE(bans.by_user("a:b*\r\n", kNow)->by_hand);
    EXPECT_FALSE(bans.by_user("a:b", kNow));
    EXPECT_FALSE(bans.by_user("t", kNow));
    EXPECT_EQ(bans.by_tenant("t", kNow)->reason, "unpaid");
    EXPECT_FALSE(bans.by_tenant("t", kNow)->by_hand);
}

TEST(Bans, ABanBySeveralSpellingsHoldsUntilTheLastIsGone) {
    BanWriter writer(kSeed);
    set(writer, "ip:1.2.3.4", "one", kNow + 10s);
    EXPECT_TRUE(set(writer, "ip:::ffff:1.2.3.4", "two", kNow + 20s));
    EXPECT_FALSE(set(writer, "ip:1.2.3.004", "three", kNow + 5s));
    EXPECT_EQ(reason(writer.commit(), "1.2.3.4"), "two");
    EXPECT_TRUE(writer.erase("ip:::ffff:1.2.3.4"));
    EXPECT_EQ(reason(writer.commit(), "1.2.3.4"), "one");
    EXPECT_FALSE(writer.erase("ip:::ffff:1.2.3.4"));
    EXPECT_TRUE(writer.erase("ip:1.2.3.4"));
    EXPECT_EQ(reason(writer.commit(), "1.2.3.4"), "three");
    EXPECT_FALSE(writer.erase("ip:1.2.3.4"));
    EXPECT_TRUE(writer.erase("ip:1.2.3.004"));
    EXPECT_EQ(reason(writer.commit(), "1.2.3.4"), "not banned");
    EXPECT_EQ(writer.commit().size(), 0U);
}

TEST(Bans, OtherSpellingsOfABlockAreFound) {
    using Keys = std::vector<std::string>;
    BanWriter writer(kSeed);
    const Cidr address = *parse_banned_block("1.2.3.4");
    set(writer, "ip:1.2.3.4");
    set(writer, "ip:1.2.3.0/24");
    EXPECT_EQ(writer.other_spellings(address), Keys{});
    set(writer, "ip:::ffff:1.2.3.4");
    set(writer, "ip:1.2.3.004");
    EXPECT_EQ(writer.other_spellings(address),
              (Keys{"banned:ip:1.2.3.004", "banned:ip:::ffff:1.2.3.4"}));
    writer.erase("ip:1.2.3.004");
    EXPECT_EQ(writer.other_spellings(address), Keys{"banned:ip:::ffff:1.2.3.4"});
    EXPECT_EQ(writer.other_spellings(*parse_banned_block("1.2.3.0/24")), Keys{});
}

TEST(Bans, KeysAreListedAsTheyWereWritten) {
    BanWriter writer(kSeed);
    const std::map<std::string, std::string> keys = {
        {"banned:ip:1.2.3.4", "a"},    {"banned:ip:::ffff:1.2.3.4", "b"},
        {"banned:ip:10.1.2.3/8", "c"}, {"banned:ip:2001:db8::/32", "d"},
        {"banned:user:u", "1"},        {"banned:tenant:t", R"({"reason":"r","by":"b"})"}};
    for (const auto& [key, value] : keys) {
        set(writer, std::string_view(key).substr(BanWriter::kPrefix.size()), value);
    }
    for (const bool committed : {false, true}) {
        std::map<std::string, std::string> seen;
        writer.for_each([&](const KnownEntry& entry) { seen.emplace(entry.key, entry.value); });
        EXPECT_EQ(seen, keys) << committed;
        writer.commit();
    }
}

TEST(Bans, WhatNamesNobodyIsComplainedOf) {
    BanWriter writer(kSeed);
    for (const char* rest : {"ip:", "ip:localhost", "ip:1.2.3.4:80", "user:", "tenant:", "users:x",
                             "", "ip", "1.2.3.4"}) {
        const Taken taken = writer.set(rest, "1", {});
        EXPECT_FALSE(taken.changed) << rest;
        EXPECT_STRNE(taken.complaint, "") << rest;
        EXPECT_FALSE(writer.erase(rest)) << rest;
    }
    EXPECT_EQ(writer.commit().size(), 0U);
}

TEST(Bans, ALongReasonIsCutAtACharacter) {
    BanWriter writer(kSeed);
    std::string text(kReasonMax - 1, 'a');
    text += "\xC3\xA9 and more";
    set(writer, "user:u", text);
    EXPECT_EQ(writer.commit().by_user("u", kNow)->reason, std::string(kReasonMax - 1, 'a'));
    set(writer, "user:u", std::string(2 * kReasonMax, '\x80'));
    EXPECT_LE(writer.commit().by_user("u", kNow)->reason.size(), kReasonMax);
}

TEST(Bans, OperatorsSeeWhoBannedWhomAndWhatHasNoEnd) {
    BanWriter writer(kSeed);
    set(writer, "ip:1.2.3.4", "1");
    set(writer, "user:u",
        write_ban({.reason = "r", .by = "ops", .since = kNow, .until = kNow + 99h}), kNow + 1h);
    set(writer, "tenant:over", "1", kNow);
    const BanList list = writer.list(kNow, 10);
    EXPECT_EQ(list.total, 2U);
    EXPECT_EQ(list.endless, 1U);
    EXPECT_EQ(list.by_hand, 1U);
    ASSERT_EQ(list.bans.size(), 2U);
    EXPECT_EQ(list.bans[0].key, "banned:ip:1.2.3.4");
    EXPECT_TRUE(list.bans[0].note.by_hand);
    EXPECT_STRNE(list.bans[0].warning, "");
    EXPECT_EQ(list.bans[1].note.by, "ops");
    EXPECT_EQ(list.bans[1].note.since, kNow);
    EXPECT_EQ(list.bans[1].note.until, kNow + 1h);  // what the key says
    EXPECT_STREQ(list.bans[1].warning, "");
    EXPECT_EQ(writer.list(kNow, 1).bans.size(), 1U);
    EXPECT_EQ(writer.list(kNow, 1).total, 2U);
}

// Blocks at random in few addresses, so that they overlap, by several spellings, against a list
// that is searched from end to end.
class BansModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(BansModel, SayWhatAListSays) {
    struct Entry {
        Cidr block;
        std::optional<WallTime> expires;
    };
    Random random(GetParam());
    BanWriter writer(random.next());
    std::map<std::string, Entry> model;
    WallTime now = kNow;
    const auto address = [&random] {
        const auto byte = static_cast<std::uint8_t>(random.below(4) * 64 + random.below(3));
        if (random.below(2) == 0) {
            return IpAddress::v4({10, 0, static_cast<std::uint8_t>(random.below(3)), byte});
        }
        std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0D, 0xB8};
        bytes[8] = static_cast<std::uint8_t>(random.below(2) * 128);
        bytes[15] = byte;
        return IpAddress::v6(bytes);
    };
    const auto spell = [&random](const IpAddress& base, unsigned bits) {
        const unsigned width = base.is_v4() ? 32 : 128;
        std::string text = base.to_string();
        switch (random.below(base.is_v4() ? 4 : 2)) {
            case 1:
                text = "[" + text + "]";
                break;
            case 2:
                text = "::ffff:" + text;
                bits += 96;
                break;
            case 3:
                text = "64:ff9b::" + text;
                bits += 96;
                break;
            default:
                break;
        }
        return bits % 32 == 0 && bits >= width && random.below(2) == 0
                   ? text
                   : text + "/" + std::to_string(bits);
    };
    for (int round = 0; round < 400; ++round) {
        for (std::uint64_t i = random.below(8) + 1; i > 0; --i) {
            if (random.below(3) == 0 && !model.empty()) {
                auto victim = model.begin();
                std::advance(victim, random.below(model.size()));
                writer.erase("ip:" + victim->first);
                model.erase(victim);
                continue;
            }
            const IpAddress base = address();
            const unsigned width = base.is_v4() ? 32 : 128;
            const unsigned bits = width - static_cast<unsigned>(random.below(12));
            const std::string text = spell(base, bits);
            Entry entry{parse_banned_block(text).value(), {}};
            ASSERT_EQ(entry.block.bits, bits) << text;
            if (random.below(3) > 0) {
                entry.expires = now + std::chrono::seconds(random.below(30));
            }
            set(writer, "ip:" + text, "1", entry.expires);
            model.insert_or_assign(text, entry);
        }
        if (random.below(20) == 0) {
            writer.drop_expired(now);
            std::erase_if(model, [now](const auto& entry) {
                return entry.second.expires && *entry.second.expires <= now;
            });
        }
        const Bans bans = writer.commit();
        for (int i = 0; i < 60; ++i) {
            const IpAddress asked = address();
            const bool expected = std::ranges::any_of(model, [&](const auto& entry) {
                return entry.second.block.contains(asked) &&
                       (!entry.second.expires || *entry.second.expires > now);
            });
            ASSERT_EQ(bans.by_address(asked, now).has_value(), expected)
                << asked.to_string() << " in round " << round;
        }
        std::map<std::string, int> keys;
        writer.for_each([&](const KnownEntry& entry) { ++keys[entry.key]; });
        ASSERT_EQ(keys.size(), model.size());
        for (const auto& [text, entry] : model) {
            ASSERT_EQ(keys.count("banned:ip:" + text), 1U) << text;
        }
        now += std::chrono::seconds(random.below(4));
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, BansModel, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace gw::state
