#include "state/region_union.hpp"

#include <gtest/gtest.h>

#include <map>

namespace gw::state {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kStart = WallTime(1'795'437'000s);

class Behind final : public Follower {
  public:
    void known(const KnownEntry& entry) override { entries.insert_or_assign(entry.key, entry); }
    void gone(std::string_view key) override { entries.erase(std::string(key)); }
    void no_text(std::string_view key) override { no_texts.emplace_back(key); }
    void listing_began() override { FAIL() << "the union tells changes"; }
    void listing_ended() override { FAIL() << "the union tells changes"; }
    void backend_changed(bool now, const char*) override { available = now; }
    void refuses(std::string_view what) override { refused = what; }
    std::vector<KnownEntry> everything() override { return {}; }

    std::map<std::string, KnownEntry> entries;
    std::vector<std::string> no_texts;
    bool available = true;
    std::string refused;
};

class RegionUnionTest : public testing::Test {
  protected:
    [[nodiscard]] bool knows(const std::string& key) const { return behind_.entries.contains(key); }
    static void list(Follower& follower, const std::vector<std::string>& keys) {
        follower.listing_began();
        for (const std::string& key : keys) {
            follower.known({key, "1", std::nullopt});
        }
        follower.listing_ended();
    }

    Clock clock_{.now = {}, .wall = kStart};
    Behind behind_;
    std::map<std::size_t, bool> peers_up_;
    RegionUnion union_{clock_, behind_, 2, [this](std::size_t peer, bool available, const char*) {
                           peers_up_[peer] = available;
                       }};
};

TEST_F(RegionUnionTest, ABanOfAnyRegionIsInForce) {
    union_.own().known({"banned:ip:192.0.2.1", "1", std::nullopt});
    union_.peer(0).known({"banned:ip:192.0.2.2", "1", std::nullopt});
    union_.peer(1).known({"banned:ip:192.0.2.3", "1", std::nullopt});
    EXPECT_EQ(behind_.entries.size(), 3U);
}

TEST_F(RegionUnionTest, WhatIsNoTextHereDoesNotEndABanOfAnotherRegion) {
    const std::string key = "banned:user:mallory";
    union_.peer(0).known({key, "1", std::nullopt});
    union_.own().no_text(key);
    EXPECT_TRUE(knows(key));
    EXPECT_TRUE(behind_.no_texts.empty());
    union_.peer(0).no_text(key);
    EXPECT_FALSE(knows(key));
    EXPECT_TRUE(behind_.no_texts.empty()) << "its own gateways tell of it";
    union_.own().no_text(key);
    EXPECT_EQ(behind_.no_texts, std::vector{key});
}

TEST_F(RegionUnionTest, ABanEndsWhenTheLastRegionLetsItGo) {
    const std::string key = "banned:user:mallory";
    union_.own().known({key, "1", std::nullopt});
    union_.peer(0).known({key, "scans", std::nullopt});
    union_.own().gone(key);
    EXPECT_TRUE(knows(key));
    EXPECT_EQ(behind_.entries.at(key).value, "scans");
    union_.peer(0).gone(key);
    EXPECT_FALSE(knows(key));
}

TEST_F(RegionUnionTest, TheLaterEndCounts) {
    const std::string key = "banned:ip:192.0.2.1";
    union_.own().known({key, "1", kStart + 10s});
    union_.peer(0).known({key, "1", kStart + 60s});
    EXPECT_EQ(behind_.entries.at(key).expires, kStart + 60s);
    union_.peer(1).known({key, "1", std::nullopt});
    EXPECT_EQ(behind_.entries.at(key).expires, std::nullopt);
}

TEST_F(RegionUnionTest, TheLaterRevocationCounts) {
    const std::string key = "revoked:user:alice";
    union_.peer(0).known({key, "1795437000", kStart + 10s});
    union_.own().known({key, "1695437000", kStart + 60s});
    EXPECT_EQ(behind_.entries.at(key).value, "1795437000");
    EXPECT_EQ(behind_.entries.at(key).expires, kStart + 60s);
}

TEST_F(RegionUnionTest, TheLaterRevocationCountsWhateverItsUnit) {
    const std::string key = "revoked:user:alice";
    union_.own().known({key, "1695437000000", std::nullopt});  // 2023, in ms
    union_.peer(0).known({key, "1795437000", std::nullopt});
    EXPECT_EQ(behind_.entries.at(key).value, "1795437000");
    union_.peer(1).known({key, "1795437001000000", std::nullopt});  // a second later, in µs
    EXPECT_EQ(behind_.entries.at(key).value, "1795437001000000");
}

TEST_F(RegionUnionTest, ARevocationThatIsNoTimeCountsFromWhenItWasSeen) {
    const std::string key = "revoked:user:alice";
    union_.own().known({key, "yes", std::nullopt});
    union_.peer(0).known({key, "1795436999", std::nullopt});
    EXPECT_EQ(behind_.entries.at(key).value, "yes");
    clock_.wall = kStart + 60s;
    union_.own().known({key, "yes", std::nullopt});  // listed again
    union_.peer(1).known({key, "1795437001", std::nullopt});
    EXPECT_EQ(behind_.entries.at(key).value, "1795437001");
}

TEST_F(RegionUnionTest, WhatHasEndedInOneRegionDoesNotHideAnother) {
    const std::string key = "banned:ip:192.0.2.1";
    union_.own().known({key, "ours", kStart + 10s});
    clock_.wall = kStart + 11s;
    union_.peer(0).known({key, "theirs", std::nullopt});
    EXPECT_EQ(behind_.entries.at(key).value, "theirs");
}

TEST_F(RegionUnionTest, AListingEndsOnlyWhatItsOwnRegionNoLongerNames) {
    list(union_.own(), {"banned:ip:192.0.2.1", "banned:ip:192.0.2.2"});
    list(union_.peer(0), {"banned:ip:192.0.2.2", "banned:ip:192.0.2.3"});
    list(union_.own(), {});
    EXPECT_FALSE(knows("banned:ip:192.0.2.1"));
    EXPECT_TRUE(knows("banned:ip:192.0.2.2"));
    list(union_.peer(0), {"banned:ip:192.0.2.3"});
    EXPECT_FALSE(knows("banned:ip:192.0.2.2"));
    EXPECT_TRUE(knows("banned:ip:192.0.2.3"));
}

TEST_F(RegionUnionTest, LosingAPeerChangesNothingButWhatIsToldOfIt) {
    union_.peer(1).known({"banned:ip:192.0.2.3", "1", std::nullopt});
    union_.peer(1).backend_changed(false, "gone");
    EXPECT_TRUE(knows("banned:ip:192.0.2.3"));
    EXPECT_TRUE(behind_.available);
    EXPECT_EQ(peers_up_, (std::map<std::size_t, bool>{{1, false}}));
    union_.own().backend_changed(false, "gone");
    EXPECT_FALSE(behind_.available);
}

TEST_F(RegionUnionTest, APeerThatLetsUsReadOnlySomeCountsAsAwayUntilItLetsUsReadAll) {
    union_.peer(1).refuses("");
    EXPECT_TRUE(peers_up_.empty()) << "nothing was refused";
    union_.peer(1).refuses("GETRANGE revoked:*");
    EXPECT_EQ(peers_up_, (std::map<std::size_t, bool>{{1, false}}));
    EXPECT_EQ(behind_.refused, "");
    union_.peer(1).refuses("");
    EXPECT_EQ(peers_up_, (std::map<std::size_t, bool>{{1, true}}));
    union_.own().refuses("SET idempotency:*");
    EXPECT_EQ(behind_.refused, "SET idempotency:*");
}

TEST_F(RegionUnionTest, OnlyWhatIsOursIsWrittenBackToOurStore) {
    union_.own().known({"banned:ip:192.0.2.1", "1", std::nullopt});
    union_.own().known({"banned:ip:192.0.2.9", "1", kStart});
    union_.peer(0).known({"banned:ip:192.0.2.2", "1", std::nullopt});
    const std::vector<KnownEntry> ours = union_.own().everything();
    ASSERT_EQ(ours.size(), 1U);
    EXPECT_EQ(ours.front().key, "banned:ip:192.0.2.1");
    EXPECT_TRUE(union_.peer(0).everything().empty());
}

}  // namespace
}  // namespace gw::state
