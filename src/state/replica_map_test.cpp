#include "state/replica_map.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.hpp"

namespace gw::state {
namespace {

using namespace std::chrono_literals;
using Set = ReplicaWriter::Set;

constexpr std::uint64_t kSeed = 17;
constexpr WallTime kStart = WallTime(1'800'000'000s);

std::string found(const ReplicaMap& map, std::string_view key, WallTime now = kStart) {
    const auto value = map.find(key, now);
    return value ? std::string(value->value) : "nothing";
}

// 36 bytes, as a uuid.
std::string key_of(std::size_t number) {
    std::string key = "00000000-0000-4000-8000-000000000000";
    const std::string digits = std::to_string(number);
    key.replace(key.size() - digits.size(), digits.size(), digits);
    return key;
}

TEST(ReplicaMap, IsEmptyAtFirst) {
    const ReplicaMap map(kSeed);
    EXPECT_TRUE(map.empty());
    EXPECT_EQ(found(map, ""), "nothing");
    EXPECT_EQ(found(map, "a"), "nothing");
    EXPECT_EQ(map.earliest_end(), WallTime::max());
}

TEST(ReplicaMap, FindsWhatWasSetAndNotWhatWasErased) {
    ReplicaWriter writer(kSeed);
    EXPECT_EQ(writer.set("a", "1", {}), Set::added);
    EXPECT_EQ(writer.set("a", "1", {}), Set::same);
    EXPECT_EQ(writer.set("a", "2", {}), Set::changed);
    EXPECT_EQ(writer.set("b", "", {}), Set::added);
    EXPECT_EQ(writer.size(), 2U);
    EXPECT_EQ(found(writer.commit(), "a"), "2");
    EXPECT_EQ(found(writer.commit(), "b"), "");
    EXPECT_TRUE(writer.erase("a"));
    EXPECT_FALSE(writer.erase("a"));
    EXPECT_FALSE(writer.known("a"));
    EXPECT_EQ(found(writer.commit(), "a"), "nothing");
    EXPECT_EQ(writer.commit().size(), 1U);
}

TEST(ReplicaMap, KeysAndValuesAreAnyBytes) {
    ReplicaWriter writer(kSeed);
    const std::string zeros(40, '\0');
    for (std::size_t size = 0; size <= zeros.size(); ++size) {
        writer.set(std::string_view(zeros).substr(0, size), std::to_string(size), {});
    }
    const ReplicaMap& map = writer.commit();
    for (std::size_t size = 0; size <= zeros.size(); ++size) {
        EXPECT_EQ(found(map, std::string_view(zeros).substr(0, size)), std::to_string(size));
    }
}

TEST(ReplicaMap, AVersionStaysAsItIs) {
    ReplicaWriter writer(kSeed);
    writer.set("a", "1", {});
    const ReplicaMap first = writer.commit();
    writer.set("a", "2", {});
    writer.erase("a");
    writer.set("b", "3", {});
    EXPECT_EQ(found(first, "a"), "1");
    const ReplicaMap second = writer.commit();
    EXPECT_EQ(found(first, "a"), "1");
    EXPECT_EQ(found(first, "b"), "nothing");
    EXPECT_EQ(found(second, "a"), "nothing");
    EXPECT_EQ(found(second, "b"), "3");
}

TEST(ReplicaMap, AnEntryEndsWithoutBeingRemoved) {
    ReplicaWriter writer(kSeed);
    writer.set("a", "1", kStart + 1s);
    const ReplicaMap& map = writer.commit();
    EXPECT_EQ(found(map, "a", kStart + 1s - 1ns), "1");
    EXPECT_EQ(found(map, "a", kStart + 1s), "nothing");
    EXPECT_TRUE(map.known("a"));
    EXPECT_EQ(map.earliest_end(), kStart + 1s);
}

TEST(ReplicaMap, AnEndedEntryDoesNotUncoverAnOlderOne) {
    ReplicaWriter writer(kSeed);
    for (std::size_t i = 0; i < 1000; ++i) {
        writer.set(key_of(i), "old", {});
    }
    writer.commit();
    writer.set(key_of(5), "new", kStart);
    EXPECT_EQ(found(writer.commit(), key_of(5)), "nothing");
    EXPECT_EQ(writer.drop_expired(kStart), 1U);
    EXPECT_FALSE(writer.commit().known(key_of(5)));
}

TEST(ReplicaMap, AnEndThatMovesALittleIsNoChange) {
    ReplicaWriter writer(kSeed);
    writer.set("a", "1", kStart);
    EXPECT_EQ(writer.set("a", "1", kStart + ReplicaWriter::kSameEnd), Set::same);
    EXPECT_EQ(writer.set("a", "1", kStart - ReplicaWriter::kSameEnd), Set::same);
    EXPECT_EQ(writer.set("a", "1", kStart + ReplicaWriter::kSameEnd + 1ms), Set::changed);
    EXPECT_EQ(writer.set("a", "1", {}), Set::changed);
    EXPECT_EQ(writer.set("a", "1", kStart), Set::changed);
}

TEST(ReplicaMap, DroppingGivesMemoryBack) {
    ReplicaWriter writer(kSeed);
    for (std::size_t i = 0; i < 10'000; ++i) {
        writer.set(key_of(i), "1", kStart + (i % 100 == 0 ? 10s : 1s));
    }
    const std::size_t before = writer.commit().memory_bytes();
    EXPECT_EQ(writer.drop_expired(kStart), 0U);
    EXPECT_EQ(writer.drop_expired(kStart + 1s), 9'900U);
    EXPECT_EQ(writer.size(), 100U);
    EXPECT_EQ(writer.earliest_end(), kStart + 10s);
    EXPECT_LT(writer.commit().memory_bytes(), before / 50);
    EXPECT_EQ(found(writer.commit(), key_of(100), kStart + 1s), "1");
}

TEST(ReplicaMap, ErasingGivesMemoryBack) {
    ReplicaWriter writer(kSeed);
    for (std::size_t i = 0; i < 10'000; ++i) {
        writer.set(key_of(i), "1", {});
    }
    writer.commit();
    for (std::size_t i = 0; i < 10'000; ++i) {
        writer.erase(key_of(i));
        if (i % 7 == 0) {
            writer.commit();
        }
    }
    EXPECT_EQ(writer.commit().size(), 0U);
    EXPECT_LT(writer.commit().memory_bytes(), 4'000U);
}

TEST(ReplicaMap, SettingOneKeyAgainAndAgainKeepsNothingOfIt) {
    ReplicaWriter writer(kSeed);
    for (int i = 0; i < 10'000; ++i) {
        writer.set("a", std::string(100, static_cast<char>('a' + i % 2)), {});
        if (i % 1000 == 0) {
            writer.commit();
        }
    }
    EXPECT_LT(writer.commit().memory_bytes(), 4'000U);
}

TEST(ReplicaMap, AMillionEntriesTakeLessThanAHundredBytesEach) {
    constexpr std::size_t kEntries = 1'000'000;
    ReplicaWriter writer(kSeed);
    for (std::size_t i = 0; i < kEntries; ++i) {
        writer.set(key_of(i), "1", kStart + 1h);
    }
    const std::size_t bytes = writer.commit().memory_bytes();
    EXPECT_EQ(writer.commit().size(), kEntries);
    RecordProperty("bytes_per_entry", std::to_string(bytes / kEntries));
    EXPECT_LT(bytes / kEntries, 100U);
    EXPECT_GT(bytes / kEntries, key_of(0).size());
    // A change takes little besides.
    writer.set("one more", "1", {});
    EXPECT_LT(writer.commit().memory_bytes(), bytes + 1'000);
}

// Versions against std::map, with sets, erasures, ends and versions at random, and the clock going
// on.
class ReplicaMapModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(ReplicaMapModel, SaysWhatAMapSays) {
    struct Entry {
        std::string value;
        std::optional<WallTime> expires;
        bool operator==(const Entry&) const = default;
    };
    using Model = std::map<std::string, Entry>;
    Random random(GetParam());
    const std::uint64_t keys = 1 + random.below(GetParam() % 2 == 0 ? 40'000 : 300);
    ReplicaWriter writer(random.next());
    Model model;
    WallTime now = kStart;
    ReplicaMap old_map = writer.commit();
    Model old_model;
    const auto agree = [&](const ReplicaMap& map, const Model& expected) {
        ASSERT_EQ(map.size(), expected.size());
        Model all;
        map.for_each([&](std::string_view key, const ReplicaValue& value) {
            const bool added =
                all.try_emplace(std::string(key), std::string(value.value), value.expires).second;
            EXPECT_TRUE(added) << key;
        });
        EXPECT_TRUE(all == expected);
        for (int i = 0; i < 200; ++i) {
            const std::string key = key_of(random.below(keys));
            const auto there = expected.find(key);
            const bool in_force =
                there != expected.end() && (!there->second.expires || *there->second.expires > now);
            EXPECT_EQ(found(map, key, now), in_force ? there->second.value : "nothing");
        }
    };
    for (int round = 0; round < 50; ++round) {
        const std::uint64_t changes = random.below(random.below(8) == 0 ? keys : 40) + 1;
        for (std::uint64_t i = 0; i < changes; ++i) {
            const std::string key = key_of(random.below(keys));
            if (random.below(3) == 0) {
                EXPECT_EQ(writer.erase(key), model.erase(key) == 1);
                continue;
            }
            Entry entry{std::to_string(random.below(3)), {}};
            if (random.below(2) == 0) {
                entry.expires = now + std::chrono::seconds(random.below(100));
            }
            const auto before = model.find(key);
            const Set expected = before == model.end()     ? Set::added
                                 : before->second == entry ? Set::same
                                                           : Set::changed;
            EXPECT_EQ(writer.set(key, entry.value, entry.expires), expected);
            model.insert_or_assign(key, entry);
        }
        ASSERT_EQ(writer.size(), model.size());
        if (random.below(4) != 0) {
            agree(writer.commit(), model);
            agree(old_map, old_model);
            old_map = writer.commit();
            old_model = model;
        }
        now += std::chrono::seconds(random.below(10));
        if (random.below(10) == 0) {
            const std::size_t dropped = std::erase_if(model, [now](const auto& entry) {
                return entry.second.expires && *entry.second.expires <= now;
            });
            EXPECT_EQ(writer.drop_expired(now), dropped);
            agree(writer.commit(), model);
        }
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, ReplicaMapModel, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace gw::state
