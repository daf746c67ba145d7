// The link on an embedded store with little room, with the loop's own clock.
#include "control/idempotency_link.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include "gateway/idempotency_record.hpp"
#include "state/embedded_store.hpp"

namespace gw::control {
namespace {

using gateway::ClaimKind;
using gateway::ClaimPlace;
using gateway::Unclaimed;
using Answer = std::expected<gateway::IdempotencyStore::Claimed, Unclaimed>;

constexpr Millis kTtl{60'000};

class IdempotencyLinkTest : public testing::Test {
  protected:
    IdempotencyLinkTest() { link_.use_store(store_); }
    // Plays a story on the loop, to its end and that of the link.
    void play(net::Task<void> story) {
        scope_.spawn(to_the_end(std::move(story)));
        loop_.run();
    }
    net::Task<void> to_the_end(net::Task<void> story) {
        co_await std::move(story);
        link_.stop();
        co_await link_.all_done();
        loop_.stop();
    }
    net::Task<Answer> ask(ClaimPlace place, std::string claim = gateway::write_running("r", "1")) {
        net::Pause pause(loop_);
        std::optional<Answer> answer;
        link_.claim(std::move(place), std::move(claim), kTtl, loop_.now() + Millis{1'000},
                    [&](Answer told) {
                        answer = std::move(told);
                        pause.wake();
                    });
        co_await pause.until(loop_.now() + Millis{10'000});
        co_return answer.value_or(std::unexpected(Unclaimed::late));
    }
    static ClaimPlace key(const std::string& name, const std::string& tenant) {
        return {.key = "idempotency:" + tenant + name, .tenant = tenant};
    }
    static ClaimPlace webhook(const std::string& name) {
        return {.key = "webhook:" + name, .kind = ClaimKind::webhook, .tenant = "payments"};
    }
    void keep(const ClaimPlace& place, std::size_t bytes) {
        gateway::StoredAnswer answer;
        answer.status = 201;
        answer.body = std::make_shared<const std::string>(bytes, 'x');
        link_.keep(place, gateway::write_running("r", "1"), gateway::write_answered("r", answer),
                   kTtl);
    }
    // How many new keys the tenant is given.
    net::Task<int> fill(std::string tenant) {
        int taken = 0;
        while ((co_await ask(key(std::to_string(taken), tenant))).has_value()) {
            ++taken;
        }
        co_return taken;
    }

    net::Loop loop_;
    observe::LogSink sink_{STDOUT_FILENO};
    observe::Log log_{sink_, observe::LogLevel::error};
    state::EmbeddedStore store_{loop_};
    IdempotencyLink link_{loop_, log_, {.keys_max = 10'000, .webhooks_max = 3'000}};
    net::Scope scope_;

  public:
    net::Task<void> fill_it_up();
    net::Task<void> keep_too_much();
    net::Task<void> give_back();
};

net::Task<void> IdempotencyLinkTest::fill_it_up() {
    EXPECT_GT(co_await fill("greedy"), 5);
    const Answer refused = co_await ask(key("new", "greedy"));
    EXPECT_TRUE(!refused && refused.error() == Unclaimed::full);
    const Answer known = co_await ask(key("0", "greedy"), gateway::write_running("r", "2"));
    EXPECT_TRUE(known && !known->mine && known->value == gateway::write_running("r", "1"))
        << "what is known needs no room";
    const Answer other = co_await ask(key("0", "other"));
    EXPECT_TRUE(other && other->mine) << "one tenant does not take all";
    const Answer hook = co_await ask(webhook("a"), "nonce");
    EXPECT_TRUE(hook && hook->mine) << "webhooks have a room of their own";
    const Answer again = co_await ask(webhook("a"), "other");
    EXPECT_TRUE(again && !again->mine);
}

TEST_F(IdempotencyLinkTest, AFullRoomIsNobodyElses) {
    play(fill_it_up());
}

net::Task<void> IdempotencyLinkTest::keep_too_much() {
    const ClaimPlace victim = key("v", "small");
    EXPECT_TRUE(co_await ask(victim));
    keep(victim, 100);
    for (const char* name : {"a", "b", "c"}) {
        EXPECT_TRUE(co_await ask(key(name, "greedy")));
        keep(key(name, "greedy"), 3'000);
    }
    using Is = gateway::IdempotencyRecord::Is;
    int dropped = 0;
    for (const char* name : {"a", "b", "c"}) {
        const Answer known = co_await ask(key(name, "greedy"), gateway::write_running("r", "2"));
        const auto record = known ? gateway::read_idempotency(known->value) : std::nullopt;
        EXPECT_TRUE(record && record->request == "r") << "it is never free again";
        dropped += record && record->is == Is::too_large ? 1 : 0;
    }
    EXPECT_EQ(dropped, 1);
    const Answer known = co_await ask(victim, gateway::write_running("r", "2"));
    const auto record = known ? gateway::read_idempotency(known->value) : std::nullopt;
    EXPECT_TRUE(record && record->is == Is::answered && record->answer.body->size() == 100U);
}

TEST_F(IdempotencyLinkTest, WhereAnswersDoNotFitTheirKeysStayUsedUp) {
    play(keep_too_much());
}

net::Task<void> IdempotencyLinkTest::give_back() {
    const int first = co_await fill("a");
    for (int i = 0; i < first; ++i) {
        link_.release(key(std::to_string(i), "a"), gateway::write_running("r", "1"));
    }
    EXPECT_EQ(co_await fill("a"), first);
    const Answer mine = co_await ask(key("0", "a"));
    EXPECT_TRUE(mine && mine->mine) << "its own claim, whose reply did not arrive";
}

TEST_F(IdempotencyLinkTest, WhatIsReleasedMakesRoom) {
    play(give_back());
}

}  // namespace
}  // namespace gw::control
