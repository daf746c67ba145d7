#include "state/known_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "base/random.hpp"

namespace gw::state {
namespace {

using namespace std::chrono_literals;

constexpr WallTime kStart = WallTime(1'795'437'000s);

class KnownStateTest : public testing::Test {
  protected:
    void known(std::string key, std::string value = "1", std::optional<WallTime> expires = {}) {
        state_.known({std::move(key), std::move(value), expires});
    }
    bool banned(std::string_view address) {
        state_.publish_if_changed();
        return state_.current()
            ->bans.by_address(IpAddress::parse(address).value(), clock_.wall)
            .has_value();
    }
    std::map<std::string, std::string> everything() {
        std::map<std::string, std::string> all;
        for (const KnownEntry& entry : state_.everything()) {
            EXPECT_TRUE(all.emplace(entry.key, entry.value).second) << entry.key;
        }
        return all;
    }

    Clock clock_{.now = {}, .wall = kStart};
    std::vector<std::shared_ptr<const Known>> published_;
    int asked_ = 0;
    std::vector<std::string> complaints_;
    std::vector<bool> backends_;
    KnownState state_{
        clock_,
        41,
        {.published =
             [this](std::shared_ptr<const Known> k) { published_.push_back(std::move(k)); },
         .changed = [this] { ++asked_; },
         .complained = [this](std::string_view key, const char*) { complaints_.emplace_back(key); },
         .backend_changed = [this](bool available,
                                   const char*) { backends_.push_back(available); }}};
};

TEST(Maintenance, ReadsTheModesAsPeopleWriteThem) {
    for (const char* text : {"read-only", "readonly", "READ_ONLY", " read only\n"}) {
        EXPECT_EQ(parse_maintenance(text), Maintenance::read_only) << text;
    }
    EXPECT_EQ(parse_maintenance("Down"), Maintenance::down);
    EXPECT_EQ(parse_maintenance("off"), Maintenance::off);
    EXPECT_EQ(parse_maintenance(""), Maintenance::off);
    for (const char* text : {"1", "on", "true", "download", "read-only!"}) {
        EXPECT_EQ(parse_maintenance(text), std::nullopt) << text;
    }
}

TEST(Maintenance, ABannerIsFitForAHeaderField) {
    EXPECT_EQ(banner_text(" Back at 14:00\r\nX-Evil: 1\n"), "Back at 14:00  X-Evil: 1");
    EXPECT_EQ(banner_text(std::string_view("a\0b\x7F", 4)), "a b");
    EXPECT_EQ(banner_text(std::string(kBannerMax - 1, 'a') + "\xC3\xA9"),
              std::string(kBannerMax - 1, 'a'));
    EXPECT_LE(banner_text(std::string(2 * kBannerMax, '\x80')).size(), kBannerMax);
}

TEST_F(KnownStateTest, KnobsAreKnownUntilTheyEndOrAreGone) {
    known("knob:limit:general", "500", kStart + 10s);
    known("knob:log-level", "DEBUG");
    EXPECT_TRUE(state_.publish_if_changed());
    ASSERT_TRUE(state_.current()->knobs());
    EXPECT_EQ(2U, state_.current()->knobs()->size());
    EXPECT_EQ("500", state_.current()->knobs()->at("limit:general").value);
    EXPECT_EQ(kStart + 10s, state_.next_expiry());
    const auto before = state_.current()->knobs();
    known("knob:log-level", "DEBUG");
    EXPECT_FALSE(state_.publish_if_changed());
    known("banned:user:x");
    state_.publish_if_changed();
    EXPECT_EQ(before, state_.current()->knobs()) << "of all versions since one changed";
    EXPECT_EQ("500", everything().at("knob:limit:general"));
    clock_.wall += 10s;
    state_.drop_expired(clock_.wall);
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_EQ(1U, state_.current()->knobs()->size());
    state_.gone("knob:log-level");
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_EQ(nullptr, state_.current()->knobs());
}

TEST_F(KnownStateTest, KnobsAreBoundedAndWhatIsToBeForgottenIsNotKept) {
    for (std::size_t i = 0; i <= KnownState::kKnobsMax; ++i) {
        known("knob:limit:" + std::to_string(i), "1");
    }
    state_.publish_if_changed();
    EXPECT_EQ(KnownState::kKnobsMax, state_.current()->knobs()->size());
    EXPECT_EQ(1U, complaints_.size());
    const std::size_t known_before = everything().size();
    known("ratelimit:forget:general:u=42", "1", kStart + 60s);
    EXPECT_EQ(known_before, everything().size());
}

TEST_F(KnownStateTest, KnowsNothingAtFirstAndPublishesNothing) {
    ASSERT_TRUE(state_.current());
    EXPECT_EQ(state_.current()->version, 0U);
    EXPECT_FALSE(state_.publish_if_changed());
    EXPECT_TRUE(published_.empty());
    EXPECT_EQ(state_.next_expiry(), WallTime::max());
}

TEST_F(KnownStateTest, ManyChangesMakeOneVersion) {
    known("banned:ip:1.2.3.4");
    known("revoked:user:u", "1795437000");
    known("maintenance:mode", "down");
    EXPECT_EQ(asked_, 1);
    EXPECT_TRUE(published_.empty());
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_FALSE(state_.publish_if_changed());
    ASSERT_EQ(published_.size(), 1U);
    const Known& now = *published_[0];
    EXPECT_EQ(now.version, 1U);
    EXPECT_TRUE(now.bans.by_address(*IpAddress::parse("1.2.3.4"), kStart));
    EXPECT_EQ(now.revocations.check("", "u", "", kStart, kStart), RevokedBy::user);
    EXPECT_EQ(now.maintenance(kStart), Maintenance::down);
    state_.gone("banned:ip:1.2.3.4");
    EXPECT_EQ(asked_, 2);
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_TRUE(now.bans.by_address(*IpAddress::parse("1.2.3.4"), kStart)) << "an old version";
    EXPECT_FALSE(banned("1.2.3.4"));
}

TEST_F(KnownStateTest, WhatIsToldAgainIsNoChange) {
    const std::vector<KnownEntry> entries = {{"banned:ip:::ffff:1.2.3.4", "x", kStart + 1h},
                                             {"banned:user:u", "x", {}},
                                             {"revoked:all", "rubbish", {}},
                                             {"revoked:jti:j", "1", kStart + 1h},
                                             {"maintenance:mode", "read-only", {}},
                                             {"maintenance:banner", "hello", {}}};
    for (const KnownEntry& entry : entries) {
        state_.known(entry);
    }
    EXPECT_TRUE(state_.publish_if_changed());
    clock_.wall += 1s;
    state_.listing_began();
    for (const KnownEntry& entry : entries) {
        state_.known(entry);
    }
    state_.listing_ended();
    state_.gone("banned:ip:9.9.9.9");
    state_.gone("maintenance:nothing");
    EXPECT_FALSE(state_.publish_if_changed());
    EXPECT_EQ(complaints_.size(), 1U);
}

TEST_F(KnownStateTest, MaintenanceOfAServiceIsItsOwn) {
    known("maintenance:mode:payment-service", "down", kStart + 10s);
    known("maintenance:mode:event-service", "read-only");
    state_.publish_if_changed();
    const Known& now = *state_.current();
    EXPECT_TRUE(now.maintains_services());
    EXPECT_EQ(now.maintenance(kStart), Maintenance::off);
    EXPECT_EQ(now.maintenance_of("payment-service", kStart).mode, Maintenance::down);
    EXPECT_EQ(now.maintenance_of("payment-service", kStart).until, kStart + 10s);
    EXPECT_EQ(now.maintenance_of("payment-service", kStart + 10s).mode, Maintenance::off);
    EXPECT_EQ(now.maintenance_of("venue-service", kStart).mode, Maintenance::off);
    ASSERT_EQ(now.services_in_maintenance(kStart).size(), 2U);
    EXPECT_EQ(now.services_in_maintenance(kStart)[0].service, "event-service");
    EXPECT_EQ(state_.next_expiry(), kStart + 10s);
    state_.drop_expired(kStart + 10s);
    state_.gone("maintenance:mode:event-service");
    state_.publish_if_changed();
    EXPECT_FALSE(state_.current()->maintains_services());
}

TEST_F(KnownStateTest, MaintenanceOfWhatIsNoServiceIsComplainedOf) {
    known("maintenance:mode:", "down");
    known("maintenance:mode:No Service", "down");
    known("maintenance:mode:payment-service", "perhaps");
    state_.publish_if_changed();
    EXPECT_TRUE(state_.current()->services_in_maintenance(kStart).empty());
    EXPECT_EQ(complaints_.size(), 3U);
}

TEST_F(KnownStateTest, MaintenanceHoldsUntilItsKeyEnds) {
    known("maintenance:mode", "read-only", kStart + 10s);
    known("maintenance:banner", "Back\r\nsoon", kStart + 20s);
    state_.publish_if_changed();
    const Known& now = *state_.current();
    EXPECT_EQ(now.maintenance(kStart), Maintenance::read_only);
    EXPECT_EQ(now.maintenance(kStart + 10s), Maintenance::off);
    EXPECT_EQ(now.banner(kStart + 10s), "Back  soon");
    EXPECT_EQ(now.banner(kStart + 20s), "");
    EXPECT_EQ(state_.next_expiry(), kStart + 10s);
    state_.drop_expired(kStart + 20s);
    state_.publish_if_changed();
    EXPECT_EQ(state_.current()->banner(kStart), "");
    EXPECT_EQ(state_.next_expiry(), WallTime::max());
}

TEST_F(KnownStateTest, AnUnknownModeLeavesTheOneBeforeInForceAndIsComplainedOf) {
    known("maintenance:mode", "yes");
    known("maintenance:mode:payment-service", "perhaps");
    EXPECT_FALSE(state_.publish_if_changed());
    known("maintenance:mode", "down", kStart + 10s);
    known("maintenance:mode:payment-service", "read-only");
    EXPECT_TRUE(state_.publish_if_changed());
    known("maintenance:mode", "DOWN please");
    known("maintenance:mode:payment-service", "of");
    EXPECT_FALSE(state_.publish_if_changed());
    EXPECT_EQ(complaints_.size(), 4U);
    const Known& now = *state_.current();
    EXPECT_EQ(now.maintenance(kStart), Maintenance::down);
    EXPECT_EQ(now.maintenance(kStart + 10s), Maintenance::off) << "when it would have ended";
    EXPECT_EQ(now.maintenance_of("payment-service", kStart).mode, Maintenance::read_only);
    EXPECT_EQ(everything().at("maintenance:mode"), "down");
    state_.gone("maintenance:mode");
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_EQ(state_.current()->maintenance(kStart), Maintenance::off);
}

TEST_F(KnownStateTest, AKeyIsComplainedOfOnceForEachValue) {
    for (int i = 0; i < 3; ++i) {
        known("banned:ip:localhost");
        known("revoked:nobody");
        known("maintenance:window");
        known("banned:user:" + std::string(KnownState::kKeyMax, 'x'));
    }
    EXPECT_EQ(complaints_.size(), 4U);
    known("banned:ip:localhost", "2");
    EXPECT_EQ(complaints_.size(), 5U);
    state_.gone("banned:ip:localhost");
    known("banned:ip:localhost", "2");
    EXPECT_EQ(complaints_.size(), 6U);
    EXPECT_FALSE(state_.publish_if_changed());
}

TEST_F(KnownStateTest, WhatIsNoTextHasNoEffectAndIsComplainedOfOnce) {
    known("banned:user:x");
    EXPECT_TRUE(state_.publish_if_changed());
    state_.no_text("banned:user:x");
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_TRUE(everything().empty());
    for (int listing = 0; listing < 2; ++listing) {
        state_.listing_began();
        state_.no_text("banned:user:x");
        state_.listing_ended();
    }
    EXPECT_EQ(complaints_, std::vector<std::string>{"banned:user:x"});
    EXPECT_FALSE(state_.publish_if_changed());
    state_.gone("banned:user:x");
    state_.no_text("banned:user:x");
    EXPECT_EQ(complaints_.size(), 2U) << "somebody has done it again";
}

TEST_F(KnownStateTest, ComplaintsAreBounded) {
    for (int i = 0; i < 5'000; ++i) {
        known("banned:ip:host" + std::to_string(i));
    }
    EXPECT_EQ(complaints_.size(), 1'000U);
}

TEST_F(KnownStateTest, AListingRemovesWhatItDoesNotNameAtItsEnd) {
    known("banned:ip:1.1.1.1");
    known("banned:ip:2.2.2.2");
    known("banned:ip:::ffff:2.2.2.2");
    known("revoked:jti:j");
    known("maintenance:mode", "down");
    state_.listing_began();
    known("banned:ip:2.2.2.2");
    known("banned:ip:3.3.3.3");
    EXPECT_TRUE(banned("1.1.1.1"));
    EXPECT_TRUE(banned("3.3.3.3")) << "in force at once";
    state_.listing_ended();
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_FALSE(banned("1.1.1.1"));
    EXPECT_TRUE(banned("2.2.2.2"));
    EXPECT_FALSE(state_.current()->revocations.check("j", "", "", kStart, kStart));
    EXPECT_EQ(state_.current()->maintenance(kStart), Maintenance::off);
    EXPECT_EQ(everything(), (std::map<std::string, std::string>{{"banned:ip:2.2.2.2", "1"},
                                                                {"banned:ip:3.3.3.3", "1"}}));
}

TEST_F(KnownStateTest, ChangesDuringAListingCount) {
    known("banned:ip:1.1.1.1");
    state_.listing_began();
    known("banned:ip:1.1.1.1");
    known("banned:ip:2.2.2.2");
    state_.gone("banned:ip:1.1.1.1");
    EXPECT_FALSE(banned("1.1.1.1")) << "gone at once";
    known("banned:ip:4.4.4.4");
    state_.gone("banned:ip:2.2.2.2");
    known("banned:ip:2.2.2.2");
    state_.listing_ended();
    EXPECT_FALSE(banned("1.1.1.1"));
    EXPECT_TRUE(banned("2.2.2.2"));
    EXPECT_TRUE(banned("4.4.4.4"));
}

TEST_F(KnownStateTest, AListingThatBeginsAgainForgetsWhatItNamed) {
    known("banned:ip:1.1.1.1");
    state_.listing_began();
    known("banned:ip:1.1.1.1");
    state_.backend_changed(false, "closed");
    state_.listing_began();
    state_.listing_ended();
    EXPECT_FALSE(banned("1.1.1.1"));
    state_.listing_ended();  // without a beginning: nothing is gone
    known("banned:ip:1.1.1.1");
    state_.listing_ended();
    EXPECT_TRUE(banned("1.1.1.1"));
}

TEST_F(KnownStateTest, WithoutItsBackendEverythingStaysInForce) {
    known("banned:ip:1.1.1.1");
    state_.backend_changed(false, "refused");
    EXPECT_TRUE(banned("1.1.1.1"));
    EXPECT_EQ(everything().size(), 1U);
    state_.backend_changed(true, "");
    EXPECT_EQ(backends_, (std::vector<bool>{false, true}));
}

TEST_F(KnownStateTest, EverythingLeavesOutWhatHasEnded) {
    known("banned:ip:1.1.1.1", "a", kStart + 1s);
    known("banned:ip:2.2.2.2", "b", kStart + 2s);
    known("maintenance:banner", "c", kStart + 1s);
    clock_.wall += 1s;
    EXPECT_EQ(everything(), (std::map<std::string, std::string>{{"banned:ip:2.2.2.2", "b"}}));
}

TEST_F(KnownStateTest, ListsRevocationsInForceByKeyAndNoMoreThanAskedFor) {
    known("revoked:user:b", "1795437000");
    known("revoked:jti:a", "1", kStart + 60s);
    known("revoked:tenant:c", "1795437000", kStart);
    known("banned:user:d");
    const std::vector<KnownEntry> all = state_.list_revocations(kStart, 10);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].key, "revoked:jti:a");
    EXPECT_EQ(all[0].expires, kStart + 60s);
    EXPECT_EQ(all[1].key, "revoked:user:b");
    EXPECT_EQ(all[1].value, "1795437000");
    EXPECT_EQ(state_.list_revocations(kStart, 1).size(), 1U);
}

TEST_F(KnownStateTest, WhatHasEndedGivesItsMemoryBack) {
    for (int i = 0; i < 1'000; ++i) {
        known("revoked:jti:" + std::to_string(i), "1", kStart + 1min);
        known("banned:user:" + std::to_string(i), "1", kStart + 1min);
    }
    state_.publish_if_changed();
    const std::size_t before =
        state_.current()->bans.memory_bytes() + state_.current()->revocations.memory_bytes();
    EXPECT_EQ(state_.next_expiry(), kStart + 1min);
    state_.drop_expired(kStart + 1min);
    EXPECT_TRUE(state_.publish_if_changed());
    EXPECT_EQ(state_.current()->bans.size() + state_.current()->revocations.size(), 0U);
    EXPECT_LT(state_.current()->bans.memory_bytes() + state_.current()->revocations.memory_bytes(),
              before / 50);
    // Not at once again: what is left is copied each time.
    known("revoked:jti:x", "1", kStart + 1min + 1ms);
    EXPECT_EQ(state_.next_expiry(), kStart + 1min + 1s);
}

// A store that changes at random, lists itself over several turns while it changes, and loses
// calls between two listings, as a connection does: after each listing the keys are the store's.
class KnownStateModel : public testing::TestWithParam<std::uint64_t> {};

TEST_P(KnownStateModel, IsTheStoreAfterEachListing) {
    Random random(GetParam());
    Clock clock{.now = {}, .wall = kStart};
    KnownState state(clock, random.next(), {});
    std::map<std::string, KnownEntry> store;
    const auto some_key = [&random] {
        constexpr std::array<std::string_view, 8> kKinds = {
            "banned:ip:10.0.0.", "banned:ip:::ffff:10.0.0.",
            "banned:user:",      "banned:tenant:",
            "revoked:jti:",      "revoked:user:",
            "revoked:tenant:",   "banned:ip:2001:db8::"};
        switch (random.below(30)) {
            case 0:
                return std::string("revoked:all");
            case 1:
                return std::string("maintenance:mode");
            case 2:
                return std::string("maintenance:banner");
            default:
                return std::string(kKinds[random.below(kKinds.size())]) +
                       std::to_string(random.below(20));
        }
    };
    const auto change = [&](bool told) {
        const std::string key = some_key();
        if (random.below(3) == 0) {
            store.erase(key);
            if (told) {
                state.gone(key);
            }
            return;
        }
        // Of the mode, what is no mode leaves the one before: that is tried apart.
        const bool word = random.below(2) == 0 || key == "maintenance:mode";
        KnownEntry entry{key, word ? "down" : "1795437000", {}};
        if (random.below(2) == 0) {
            entry.expires = clock.wall + std::chrono::seconds(1 + random.below(60));
        }
        store.insert_or_assign(key, entry);
        if (told) {
            state.known(entry);
        }
    };
    const auto expire = [&] {
        std::erase_if(store, [&](const auto& entry) {
            return entry.second.expires && *entry.second.expires <= clock.wall;
        });
    };
    const auto expect_same = [&] {
        std::map<std::string, std::pair<std::string, std::optional<WallTime>>> told;
        std::map<std::string, std::pair<std::string, std::optional<WallTime>>> expected;
        for (const KnownEntry& entry : state.everything()) {
            EXPECT_TRUE(told.emplace(entry.key, std::pair{entry.value, entry.expires}).second);
        }
        for (const auto& [key, entry] : store) {
            expected.emplace(key, std::pair{entry.value, entry.expires});
        }
        ASSERT_TRUE(told == expected);
    };
    for (int round = 0; round < 150; ++round) {
        for (std::uint64_t i = random.below(40); i > 0; --i) {
            change(true);
        }
        ASSERT_NO_FATAL_FAILURE(expect_same());
        for (std::uint64_t i = random.below(20); i > 0; --i) {
            change(false);
        }
        clock.wall += std::chrono::seconds(random.below(5));
        expire();
        if (random.below(5) == 0 && state.next_expiry() <= clock.wall) {
            state.drop_expired(clock.wall);
        }
        state.listing_began();
        std::vector<std::string> keys;
        for (const auto& [key, entry] : store) {
            keys.push_back(key);
        }
        for (const std::string& key : keys) {
            if (random.below(4) == 0) {
                change(true);
            }
            if (const auto there = store.find(key); there != store.end()) {
                state.known(there->second);
            }
            if (random.below(10) == 0) {
                state.publish_if_changed();
            }
        }
        state.listing_ended();
        ASSERT_NO_FATAL_FAILURE(expect_same());
        state.publish_if_changed();
        for (int i = 0; i < 20; ++i) {
            const std::string number = std::to_string(i);
            const bool by_address = store.contains("banned:ip:10.0.0." + number) ||
                                    store.contains("banned:ip:::ffff:10.0.0." + number);
            const auto address = IpAddress::parse("10.0.0." + number);
            ASSERT_EQ(state.current()->bans.by_address(*address, clock.wall).has_value(),
                      by_address);
            ASSERT_EQ(state.current()->bans.by_user(number, clock.wall).has_value(),
                      store.contains("banned:user:" + number));
        }
    }
}
INSTANTIATE_TEST_SUITE_P(Seeds, KnownStateModel, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace gw::state
