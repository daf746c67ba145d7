#include "control/store_pace.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

struct StorePaceTest : testing::Test {
    // A second with so many answers of each kind. True: it has changed something.
    bool second(int prompt, int late) {
        for (int i = 0; i < prompt; ++i) {
            pace.answered(Millis{2});
        }
        for (int i = 0; i < late; ++i) {
            pace.answered(Millis{50});
        }
        return pace.second_over();
    }
    StorePace pace{Millis{50}};
};

TEST_F(StorePaceTest, CallsNobodySlowForAMoment) {
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(second(0, 3));
        EXPECT_FALSE(second(1, 9));
        EXPECT_FALSE(second(9, 1));
    }
    EXPECT_FALSE(pace.slow());
}

TEST_F(StorePaceTest, IsToldOnceWhenItGoesOnAndOnceWhenItIsOver) {
    EXPECT_FALSE(second(0, 3));
    EXPECT_FALSE(second(1, 1));
    EXPECT_TRUE(second(0, 1));
    EXPECT_TRUE(pace.slow());
    for (int i = 0; i < 10; ++i) {
        EXPECT_FALSE(second(0, 1));
    }
    for (int i = 1; i < StorePace::kPromptAfter; ++i) {
        EXPECT_FALSE(second(1, 0));
    }
    EXPECT_TRUE(pace.slow());
    EXPECT_TRUE(second(1, 0));
    EXPECT_FALSE(pace.slow());
    EXPECT_FALSE(second(1, 0));
}

TEST_F(StorePaceTest, TakesSilenceForALateAnswer) {
    EXPECT_FALSE(second(0, 0));
    EXPECT_FALSE(second(0, 0));
    EXPECT_TRUE(second(0, 0));
    EXPECT_TRUE(pace.slow());
}

TEST_F(StorePaceTest, BeginsAnewWithAStoreThatIsBack) {
    EXPECT_FALSE(second(0, 3));
    EXPECT_FALSE(second(0, 3));
    pace.answered(Millis{900});
    pace.begin_anew();
    EXPECT_FALSE(second(1, 0));
    EXPECT_FALSE(second(0, 3));
    EXPECT_FALSE(second(0, 3));
    EXPECT_FALSE(pace.slow());
}

}  // namespace
}  // namespace gw::control
