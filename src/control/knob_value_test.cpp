#include "control/knob_value.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

using limits::Enforcement;
using limits::PolicyOverride;
using upstream::BreakerState;

TEST(KnobValue, ReadsWhatPeopleWriteByHand) {
    EXPECT_EQ(500U,
              std::get<PolicyOverride>(read_knob("limit:general", "500/60s")->setting).requests);
    EXPECT_EQ(Enforcement::off,
              std::get<PolicyOverride>(read_knob("limit:general", "off\n")->setting).enforcement);
    EXPECT_EQ(BreakerState::open, std::get<BreakerState>(read_knob("breaker:x", "open")->setting));
    EXPECT_EQ(observe::LogLevel::debug,
              std::get<observe::LogLevel>(read_knob("log-level", "debug")->setting));
    EXPECT_EQ("", read_knob("limit:general", "5")->note.by);
}

TEST(KnobValue, WhatIsWrittenIsReadAgain) {
    const WallTime now{std::chrono::seconds(1'800'000'000)};
    PolicyOverride over;
    over.requests = 7;
    over.window = Millis(60'000);
    over.block = Millis(0);
    over.enforcement = Enforcement::dry_run;
    over.tiers["gold"] = 70;
    for (const KnobSetting& setting : {KnobSetting(over), KnobSetting(BreakerState::closed),
                                       KnobSetting(observe::LogLevel::warn)}) {
        const KnobValue value{setting, {"operator:ana", "a \"sale\"\n", now, now + Millis(90'000)}};
        const std::string name = setting.index() == 0   ? "limit:general"
                                 : setting.index() == 1 ? "breaker:x"
                                                        : "log-level";
        const auto found = read_knob(name, write_knob(value));
        ASSERT_TRUE(found.has_value()) << write_knob(value);
        EXPECT_EQ(value, *found) << write_knob(value);
    }
}

TEST(KnobValue, RefusesWhatHasNoMeaningWithARemedy) {
    for (const auto& [name, text] : std::initializer_list<std::pair<const char*, const char*>>{
             {"limit:general", ""},
             {"limit:general", "{}"},
             {"limit:general", "{"},
             {"limit:general", R"({"requests":-1})"},
             {"limit:general", R"({"requests":1e3})"},
             {"limit:general", R"({"requests":99999999999})"},
             {"limit:general", R"({"requests":"5"})"},
             {"limit:general", R"({"enforcement":"maybe"})"},
             {"limit:general", R"({"tiers":[]})"},
             {"limit:general", R"({"tiers":{"gold":null}})"},
             {"breaker:x", "half_open"},
             {"breaker:x", R"({"state":1})"},
             {"log-level", "loud"},
             {"speed", "5"},
             {"", "5"}}) {
        const auto found = read_knob(name, text);
        ASSERT_FALSE(found.has_value()) << name << " " << text;
        EXPECT_FALSE(found.error().remedy.empty());
    }
}

}  // namespace
}  // namespace gw::control
