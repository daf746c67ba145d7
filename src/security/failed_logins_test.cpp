#include "security/failed_logins.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "base/random.hpp"

namespace gw::security {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

IpAddress address(std::string_view text) {
    return IpAddress::parse(text).value();
}

const Instant kBegin{std::chrono::hours(1'000)};

// The same rules in the plainest form: every failure is kept.
class Model {
  public:
    Model(std::size_t threshold, Millis window) : threshold_(threshold), window_(window) {}

    bool failed(std::uint64_t key, Instant now) {
        auto& [failures, told] = keys_[key];
        failures.push_back(now);
        std::erase_if(failures, [&](Instant at) { return now - at >= window_; });
        const bool detected = failures.size() >= threshold_ && (!told || now - *told >= window_);
        if (detected) {
            told = now;
        }
        return detected;
    }
    void succeeded(std::uint64_t key) {
        if (const auto found = keys_.find(key); found != keys_.end()) {
            found->second.first.clear();
        }
    }

  private:
    std::size_t threshold_;
    Millis window_;
    std::map<std::uint64_t, std::pair<std::deque<Instant>, std::optional<Instant>>> keys_;
};

TEST(FailedLogins, AgreesWithAnExactModelOnRandomSchedules) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        Random random(seed);
        FailedLoginsOptions options;
        options.address_failures = static_cast<std::uint32_t>(1 + random.below(12));
        options.account_failures = static_cast<std::uint32_t>(1 + random.below(6));
        FailedLogins logins(options);
        Model addresses(options.address_failures, options.address_window);
        Model accounts(options.account_failures, options.account_window);
        Instant now = kBegin;
        const std::uint64_t pace = 1 + random.below(90'000);
        for (int step = 0; step < 3'000; ++step) {
            now += Millis(static_cast<std::int64_t>(random.below(pace)));
            const auto host = static_cast<std::uint8_t>(random.below(6));
            const std::uint64_t account = random.below(8);
            if (random.below(20) == 0) {
                logins.succeeded(account);
                accounts.succeeded(account);
                continue;
            }
            const bool named = random.below(4) != 0;
            const auto verdict =
                logins.failed(IpAddress::v4({203, 0, 113, host}),
                              named ? std::optional(account) : std::nullopt, false, now);
            ASSERT_EQ(verdict.address.has_value(), addresses.failed(host, now)) << seed;
            ASSERT_EQ(verdict.account.has_value(), named && accounts.failed(account, now)) << seed;
        }
    }
}

TEST(FailedLogins, IsToldOnceAWindow) {
    FailedLogins logins({});
    Instant now = kBegin;
    std::vector<int> told;
    for (int i = 1; i <= 60; ++i) {
        now += seconds(10);
        if (logins.failed(address("203.0.113.7"), std::nullopt, false, now).address) {
            told.push_back(i);
        }
    }
    EXPECT_EQ(told, (std::vector<int>{10, 40}));
}

TEST(FailedLogins, TakesTheWholeOfA64AsOneAddress) {
    FailedLogins logins({});
    std::optional<BruteForce> found;
    for (int i = 0; i < 10; ++i) {
        const IpAddress from = address("2001:db8:1:2::" + std::to_string(i));
        found = logins.failed(from, std::nullopt, false, kBegin).address;
    }
    ASSERT_TRUE(found);
    EXPECT_EQ(found->address, address("2001:db8:1:2::"));
    EXPECT_EQ(found->failures, 10U);
    EXPECT_FALSE(logins.failed(address("2001:db8:1:3::1"), std::nullopt, false, kBegin).address);
}

TEST(FailedLogins, BansGrowAndStartOverAfterAQuietDay) {
    FailedLoginsOptions options;
    options.address_failures = 1;
    FailedLogins logins(options);
    Instant now = kBegin;
    const auto ban = [&] {
        return logins.failed(address("203.0.113.7"), {}, true, now).address->ban;
    };
    for (const seconds length :
         {seconds(300), seconds(900), seconds(3'600), seconds(86'400), seconds(86'400)}) {
        EXPECT_EQ(ban(), length);
        now += minutes(6);
    }
    now += std::chrono::hours(24);
    EXPECT_EQ(ban(), seconds(300));
}

TEST(FailedLogins, WhatWasOnlyToldOfKeepsNoBanOff) {
    FailedLogins logins({});
    const auto failed = [&](bool bans, Instant now) {
        return logins.failed(address("203.0.113.7"), {}, bans, now).address;
    };
    for (int i = 0; i < 9; ++i) {
        EXPECT_FALSE(failed(false, kBegin));
    }
    const auto told = failed(false, kBegin);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->ban, seconds(0));
    EXPECT_FALSE(failed(false, kBegin + seconds(1)));
    const auto banned = failed(true, kBegin + seconds(2));
    ASSERT_TRUE(banned);
    EXPECT_EQ(banned->ban, minutes(5));
    EXPECT_FALSE(failed(true, kBegin + seconds(3)));
}

TEST(FailedLogins, ABanThatCouldNotBeHadIsAskedForAgain) {
    FailedLoginsOptions options;
    options.address_failures = 1;
    FailedLogins logins(options);
    const auto ban = [&](Instant now) {
        const auto found = logins.failed(address("203.0.113.7"), {}, true, now).address;
        return found ? found->ban : seconds(0);
    };
    EXPECT_EQ(ban(kBegin), minutes(5));
    EXPECT_EQ(ban(kBegin + seconds(1)), seconds(0));
    logins.not_banned(address("203.0.113.7"), kBegin + seconds(1));
    EXPECT_EQ(ban(kBegin + seconds(10)), seconds(0));
    EXPECT_EQ(ban(kBegin + seconds(11)), minutes(5));
}

TEST(FailedLogins, WhoGoesOnWhenTheBanEndsIsBannedForLonger) {
    FailedLoginsOptions options;
    options.address_failures = 1;
    options.address_window = std::chrono::hours(1);
    FailedLogins logins(options);
    const auto found = [&](Instant now) {
        return logins.failed(address("203.0.113.7"), {}, true, now).address;
    };
    EXPECT_EQ(found(kBegin)->ban, minutes(5));
    EXPECT_FALSE(found(kBegin + seconds(9)));
    EXPECT_EQ(found(kBegin + minutes(5))->ban, minutes(15));
}

TEST(FailedLogins, WhoseBanIsLiftedBeginsAnew) {
    FailedLoginsOptions options;
    options.address_window = std::chrono::hours(1);
    FailedLogins logins(options);
    const auto failed = [&](Instant now) {
        return logins.failed(address("203.0.113.7"), {}, true, now).address;
    };
    for (int i = 0; i < 9; ++i) {
        EXPECT_FALSE(failed(kBegin));
    }
    ASSERT_TRUE(failed(kBegin));
    for (int i = 1; i < 10; ++i) {  // on their way when the ban was set
        EXPECT_FALSE(failed(kBegin + seconds(i)));
    }
    for (int i = 0; i < 9; ++i) {  // lifted; one mistake is none yet
        EXPECT_FALSE(failed(kBegin + seconds(60 + i)));
    }
    const auto again = failed(kBegin + seconds(70));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->ban, minutes(15));
    EXPECT_FALSE(failed(kBegin + seconds(71)));
}

TEST(FailedLogins, ForgetsTheLongestUnchangedWhenFull) {
    FailedLoginsOptions options;
    options.keys_max = 100;
    FailedLogins logins(options);
    for (int i = 0; i < 9; ++i) {
        logins.failed(address("203.0.113.7"), std::nullopt, false, kBegin);
    }
    for (std::uint8_t i = 0; i < 99; ++i) {
        logins.failed(IpAddress::v4({10, 0, 0, i}), std::nullopt, false, kBegin);
    }
    EXPECT_TRUE(logins.failed(address("203.0.113.7"), std::nullopt, false, kBegin).address);
    for (std::uint8_t i = 0; i < 200; ++i) {
        logins.failed(IpAddress::v4({10, 1, 0, i}), std::nullopt, false, kBegin);
    }
    EXPECT_EQ(logins.keys(), 100U);
    EXPECT_FALSE(logins.failed(address("203.0.113.7"), std::nullopt, false, kBegin).address);
}

}  // namespace
}  // namespace gw::security
