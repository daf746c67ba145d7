#include "gateway/rate_limits.hpp"

#include <gtest/gtest.h>

#include "gateway/forwarded_head.hpp"
#include "gateway/limit_question.hpp"

namespace gw::gateway {
namespace {

using limits::Mode;
using limits::Policy;
using limits::Quota;
using limits::StoreAnswer;
using limits::StoreAsk;
using std::chrono::hours;
using std::chrono::seconds;
using Waited = RateLimits::Waited;

const Instant kBegin{hours(1'000)};
constexpr Millis kMinute{60'000};

// Keeps questions until the test answers them.
class HeldStore final : public LimitStore {
  public:
    struct Question {
        std::string key;
        StoreAsk ask;
        Answered answered;
    };

    [[nodiscard]] bool shared() const override { return is_shared; }
    [[nodiscard]] bool available() const override { return is_available; }
    [[nodiscard]] std::uint32_t gateways() const override { return 1; }
    void ask(std::string key, const Quota&, const StoreAsk& what, std::uint32_t,
             Answered answered) override {
        questions.push_back({std::move(key), what, std::move(answered)});
    }
    void post(std::move_only_function<void()> job) override { job(); }

    std::vector<Question> take() { return std::exchange(questions, {}); }

    bool is_shared = true;
    bool is_available = true;
    std::vector<Question> questions;
};

struct RateLimitsTest : testing::Test {
    HeldStore store;
    RateLimits limits{1 << 20, 7, store};
};

StoreAnswer granted(limits::PermitId id) {
    StoreAnswer answer;
    answer.granted = 1;
    answer.remaining = 1;
    answer.id = id;
    return answer;
}

TEST_F(RateLimitsTest, LeavesLeasesToThemselvesWhileTheStoreIsAway) {
    limits::PolicyOptions options;
    const Policy leased("leased", options);
    options.mode = Mode::exact;
    const Policy exact("exact", options);
    EXPECT_EQ(limits.mode_of(leased), Mode::leased);
    EXPECT_EQ(limits.mode_of(exact), Mode::exact);
    store.is_available = false;
    EXPECT_EQ(limits.mode_of(leased), Mode::leased);
    EXPECT_EQ(limits.mode_of(exact), Mode::local);
    store.is_shared = false;
    EXPECT_EQ(limits.mode_of(leased), Mode::local);
}

TEST_F(RateLimitsTest, GivesALeasedKeyItsLimitOnceWhereTheStoreStalls) {
    const Quota quota(100, kMinute);
    std::uint32_t left = 100;
    std::uint32_t admitted = 0;
    for (int i = 0; i < 300; ++i) {
        const Instant now = kBegin + Millis{i};
        store.is_available = i < 120;
        auto taken = limits.take_leased("k", quota, Waited::no, now);
        for (auto& question : store.take()) {
            StoreAnswer answer = granted(i);
            answer.granted = std::min(question.ask.permits, left);
            left -= answer.granted;
            answer.remaining = left;
            question.answered(store.is_available ? std::optional(answer) : std::nullopt, now);
        }
        if (taken.is == limits::Lease::Is::waiting) {
            taken = limits.take_leased("k", quota, Waited::and_was_woken, now);
        }
        ASSERT_NE(taken.is, limits::Lease::Is::waiting);
        admitted += taken.outcome.admitted ? 1 : 0;
    }
    EXPECT_LE(admitted, 101U);
    EXPECT_GE(admitted, 95U);
}

TEST_F(RateLimitsTest, KnowsAloneWhatTheStoreHasGranted) {
    const Quota quota(3, kMinute);
    EXPECT_TRUE(limits.note_alone("k", quota, granted(1), kBegin));
    EXPECT_TRUE(limits.note_alone("k", quota, granted(2), kBegin));
    EXPECT_TRUE(limits.take_alone("k", quota, true, kBegin + seconds(1)).admitted);
    EXPECT_FALSE(limits.take_alone("k", quota, true, kBegin + seconds(1)).admitted);
    EXPECT_FALSE(limits.note_alone("k", quota, granted(3), kBegin + seconds(2)));
    EXPECT_TRUE(limits.take_alone("other", quota, true, kBegin + seconds(1)).admitted);
}

TEST_F(RateLimitsTest, KnowsAloneWhomTheStoreHasBlocked) {
    const Quota quota(3, kMinute, seconds(300));
    StoreAnswer blocked;
    blocked.blocked = true;
    blocked.retry_after = seconds(200);
    EXPECT_FALSE(limits.note_alone("k", quota, blocked, kBegin));
    EXPECT_TRUE(limits.take_alone("k", quota, true, kBegin + seconds(199)).blocked);
    EXPECT_TRUE(limits.take_alone("k", quota, true, kBegin + seconds(201)).admitted);
}

TEST_F(RateLimitsTest, SendsAgainWhatItCouldNotGiveBack) {
    const Quota quota(5, Millis(hours(1)));
    limits.give_back("k", quota, 17, kBegin);
    auto sent = store.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].ask.permits, 0U);
    EXPECT_EQ(sent[0].ask.back_id, 17);
    EXPECT_EQ(sent[0].ask.back, 1U);
    store.is_available = false;
    sent[0].answered(std::nullopt, kBegin);
    limits.give_back("k", quota, 18, kBegin);
    limits.tidy(kBegin + seconds(1));
    EXPECT_TRUE(store.take().empty()) << "it is not reached";
    store.is_available = true;
    limits.tidy(kBegin + seconds(2));
    sent = store.take();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0].key, "k");
    EXPECT_EQ(sent[0].ask.back_id, 17);
    EXPECT_EQ(sent[1].ask.back_id, 18);
    sent[0].answered(StoreAnswer{}, kBegin + seconds(2));
    sent[1].answered(std::nullopt, kBegin + seconds(2));
    limits.tidy(kBegin + hours(1));
    EXPECT_TRUE(store.take().empty()) << "it counts no longer";
}

TEST_F(RateLimitsTest, SendsNothingTwiceWhereTheStoreCountsInGroups) {
    const Quota quota(limits::kExactGroups + 1, kMinute);
    limits.give_back("k", quota, 17, kBegin);
    auto sent = store.take();
    ASSERT_EQ(sent.size(), 1U);
    sent[0].answered(std::nullopt, kBegin);
    store.is_available = false;
    limits.give_back("k", quota, 18, kBegin);  // that was never sent
    store.is_available = true;
    limits.tidy(kBegin + seconds(1));
    sent = store.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].ask.back_id, 18);
}

TEST_F(RateLimitsTest, GivesBackWhatIsGrantedTooLate) {
    const Quota quota(5, kMinute);
    LimitQuestion question;
    question.give_back(limits, "k", quota, kBegin);
    EXPECT_TRUE(store.take().empty());
    question.answered(limits, granted(17), kBegin);
    const auto sent = store.take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].ask.back_id, 17);

    LimitQuestion kept;
    kept.answered(limits, granted(18), kBegin);
    EXPECT_TRUE(store.take().empty());
    kept.give_back(limits, "k", quota, kBegin);
    EXPECT_EQ(store.take().size(), 1U);

    LimitQuestion refused;
    refused.give_back(limits, "k", quota, kBegin);
    refused.answered(limits, StoreAnswer{}, kBegin);
    LimitQuestion lost;
    lost.give_back(limits, "k", quota, kBegin);
    lost.answered(limits, std::nullopt, kBegin);
    EXPECT_TRUE(store.take().empty());
}

// A block that is shorter than the window is over before there is room: who came then was blocked
// anew, each time that he came when he was told to.
TEST_F(RateLimitsTest, TellsNobodyToComeBackBeforeThereIsRoom) {
    limits::PolicyOptions options;
    options.requests = 1;
    options.window = Millis{10'000};
    options.block = Millis{3'000};
    options.mode = Mode::local;
    const Policy policy("p", options);
    const Quota& quota = policy.quota("");
    EXPECT_TRUE(limits.take_alone("k", quota, false, kBegin).admitted);
    const Instant now = kBegin + seconds(1);
    const limits::Outcome refused = limits.take_alone("k", quota, false, now);
    ASSERT_TRUE(refused.blocked);
    const std::int64_t told = limit_seconds(policy, refused);
    EXPECT_GE(told, 9);
    EXPECT_LE(told, 10);
    EXPECT_TRUE(limits.take_alone("k", quota, false, now + seconds(told)).admitted);
}

// Whoever comes after the seconds that he was told is admitted.
TEST_F(RateLimitsTest, TellsSecondsAfterWhichThereIsRoom) {
    for (const Millis window :
         {Millis{1'000}, Millis{60'000}, Millis(hours(1)), Quota::kWindowMax}) {
        for (const Millis block : {Millis{0}, Millis{60'000}}) {
            for (std::int64_t part = 0; part < 10; ++part) {
                const Quota quota(1, window, block);
                const std::string key = std::to_string(part);
                const Instant now = kBegin + part * window / 10;
                EXPECT_TRUE(limits.take_alone(key, quota, false, kBegin).admitted);
                const auto refused = limits.take_alone(key, quota, false, now);
                ASSERT_FALSE(refused.admitted);
                const auto told = std::chrono::ceil<seconds>(refused.retry_after);
                EXPECT_TRUE(limits.take_alone(key, quota, false, now + told).admitted)
                    << window.count() << " " << block.count() << " " << part;
            }
        }
    }
}

}  // namespace
}  // namespace gw::gateway
