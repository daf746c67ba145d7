#include "control/knobs.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

using limits::PolicyOverride;
using upstream::BreakerState;
using namespace std::chrono_literals;

class KnobsTest : public testing::Test {
  protected:
    void keys(std::initializer_list<std::pair<const char*, const char*>> texts,
              std::optional<WallTime> expires = {}) {
        auto all = std::make_shared<state::KnobTexts>();
        for (const auto& [name, value] : texts) {
            all->emplace(name, state::KnobText{value, expires});
        }
        knobs_.adopt(all);
    }
    KnobValue here(KnobSetting setting, std::optional<Millis> lasts = {}) {
        const WallTime now = loop_.clock().wall;
        return {std::move(setting),
                {"operator:ana", "incident 7", now,
                 lasts ? std::optional(now + *lasts) : std::nullopt}};
    }
    std::vector<std::string> decisions() const {
        std::vector<std::string> out;
        for (const gateway::SecurityEvent& event : kept_) {
            out.push_back(std::string(event.decision) + " " + event.resource);
        }
        return out;
    }

    net::Loop loop_;
    observe::LogSink sink_{-1};
    observe::Log log_{sink_, observe::LogLevel::error};
    std::map<std::string, PolicyOverride> limits_;
    std::map<std::string, std::optional<BreakerState>> breakers_;
    std::optional<observe::LogLevel> level_;
    int limit_changes_ = 0;
    std::string missing_ = "none";  // a policy that is not there
    std::vector<gateway::SecurityEvent> kept_;
    std::vector<std::optional<observe::LogLevel>> levels_told_at_;  // in force when each was kept
    Knobs knobs_{
        loop_,
        log_,
        {.check = [this](std::string_view name, const KnobSetting&) -> std::optional<config::Flaw> {
             return name.ends_with(missing_)
                        ? std::optional(config::Flaw{"is not there", "leave it out"})
                        : std::nullopt;
         },
         .limits =
             [this](const std::map<std::string, PolicyOverride>& limits) {
                 limits_ = limits;
                 ++limit_changes_;
             },
         .breaker = [this](const std::string& service, std::optional<BreakerState> state,
                           WallTime) { breakers_[service] = state; },
         .log_level = [this](std::optional<observe::LogLevel> level) { level_ = level; },
         .keep =
             [this](const gateway::SecurityEvent& event) {
                 kept_.push_back(event);
                 levels_told_at_.push_back(level_);
             }}};
};

TEST_F(KnobsTest, WhatKeysSayActsAndGoesBackWhenTheyAreGone) {
    keys({{"limit:general", "500"}, {"breaker:venue", "open"}, {"log-level", "DEBUG"}});
    EXPECT_EQ(500U, limits_.at("general").requests);
    EXPECT_EQ(BreakerState::open, breakers_.at("venue"));
    EXPECT_EQ(observe::LogLevel::debug, level_);
    EXPECT_EQ(3U, knobs_.json().size());
    knobs_.adopt(nullptr);
    EXPECT_TRUE(limits_.empty());
    EXPECT_EQ(std::nullopt, breakers_.at("venue"));
    EXPECT_EQ(std::nullopt, level_);
    EXPECT_EQ(6U, kept_.size());
}

TEST_F(KnobsTest, NothingIsToldTwice) {
    keys({{"limit:general", "500"}});
    keys({{"limit:general", "500"}});
    knobs_.reloaded();
    EXPECT_EQ(1, limit_changes_);
    EXPECT_EQ((std::vector<std::string>{"set knob limit:general"}), decisions());
}

TEST_F(KnobsTest, OneOfThisGatewayWinsWhileItIsThere) {
    keys({{"breaker:venue", "open"}});
    knobs_.set_here("breaker:venue", here(BreakerState::closed, Millis{60'000}));
    EXPECT_EQ(BreakerState::closed, breakers_.at("venue"));
    EXPECT_TRUE(knobs_.lift_here("breaker:venue"));
    EXPECT_EQ(BreakerState::open, breakers_.at("venue"));
    EXPECT_FALSE(knobs_.lift_here("breaker:venue"));
    EXPECT_EQ(BreakerState::open, breakers_.at("venue"));
}

TEST_F(KnobsTest, WhatIsOverActsNoMoreWhoeverSetIt) {
    keys({{"limit:general", "500"}}, loop_.clock().wall - 1s);
    EXPECT_EQ(0, limit_changes_);
    knobs_.set_here("log-level", here(observe::LogLevel::debug, Millis{-1}));
    EXPECT_EQ(std::nullopt, level_);
    EXPECT_TRUE(knobs_.json().empty());
    // The value may say an end that is nearer than its key's.
    keys({{"limit:general", R"({"requests":5,"by":"ana","until":"2001-01-01T00:00:00Z"})"}});
    EXPECT_EQ(0, limit_changes_);
}

TEST_F(KnobsTest, WhatCannotBeHasNoEffectUntilTheConfigurationHasIt) {
    keys({{"limit:none", "500"}, {"limit:other", "0"}, {"speed", "5"}});
    EXPECT_TRUE(limits_.empty());
    missing_ = "nobody";
    knobs_.reloaded();
    EXPECT_EQ(1U, limits_.count("none"));
    missing_ = "none";
    knobs_.reloaded();
    EXPECT_TRUE(limits_.empty());
    // Nobody has lifted it: its key is there yet.
    EXPECT_EQ("500 requests, reloaded", kept_.back().detail);
    keys({{"limit:some", "500"}});
    keys({});
    EXPECT_EQ("500 requests, lifted", kept_.back().detail);
}

TEST_F(KnobsTest, ALogLevelIsToldOfWhereItLeavesNothingOut) {
    knobs_.set_here("log-level", here(observe::LogLevel::error));
    knobs_.lift_here("log-level");
    ASSERT_EQ(2U, kept_.size());
    EXPECT_EQ((std::vector<std::optional<observe::LogLevel>>{std::nullopt, std::nullopt}),
              levels_told_at_);
}

TEST_F(KnobsTest, OneUntilTheReloadEndsWithIt) {
    knobs_.set_here("log-level", here(observe::LogLevel::debug), true);
    EXPECT_EQ(observe::LogLevel::debug, level_);
    knobs_.reloaded();
    EXPECT_EQ(std::nullopt, level_);
    knobs_.set_here("log-level", here(observe::LogLevel::debug, Millis{60'000}));
    knobs_.reloaded();
    EXPECT_EQ(observe::LogLevel::debug, level_);
}

}  // namespace
}  // namespace gw::control
