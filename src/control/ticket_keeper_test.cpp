// Keepers of several gateways on one store, with the loop's own clock.
#include "control/ticket_keeper.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "state/embedded_store.hpp"

namespace gw::control {
namespace {

const std::string kSecret(48, 's');
constexpr Millis kRotation{std::chrono::hours{12}};

// A store that can be away.
class MoodyStore final : public state::Store {
  public:
    explicit MoodyStore(net::Loop& loop) : inner(loop) {}
    [[nodiscard]] std::string_view backend() const override { return "redis"; }
    [[nodiscard]] bool available() const override { return there; }
    [[nodiscard]] bool told_all() const override { return true; }
    [[nodiscard]] Millis lag() const override { return inner.lag(); }
    net::Task<Result<bool>> set(std::string key, std::string value,
                                state::SetOptions options) override {
        if (!there) {
            co_return fail(Errc::unreachable, Fault::store, "away");
        }
        co_return co_await inner.set(std::move(key), std::move(value), options);
    }
    net::Task<Result<std::optional<state::KnownEntry>>> get(std::string key) override {
        if (!there) {
            co_return fail(Errc::unreachable, Fault::store, "away");
        }
        co_return co_await inner.get(std::move(key));
    }
    net::Task<Result<bool>> replace(std::string key, std::string expected,
                                    std::optional<std::string> value,
                                    std::optional<Millis> ttl) override {
        return inner.replace(std::move(key), std::move(expected), std::move(value), ttl);
    }
    net::Task<Result<std::int64_t>> erase(std::vector<std::string> keys) override {
        return inner.erase(std::move(keys));
    }
    net::Task<Result<state::RedisReply>> run_script(std::string_view script, std::string key,
                                                    std::vector<std::string> arguments) override {
        return inner.run_script(script, std::move(key), std::move(arguments));
    }
    net::Task<Result<state::RedisReply>> run_own(state::RedisCommand command) override {
        return inner.run_own(std::move(command));
    }
    void follow(std::vector<std::string> prefixes, state::Follower& follower) override {
        inner.follow(std::move(prefixes), follower);
    }
    net::Task<std::string> run_command(std::vector<std::string> arguments) override {
        return inner.run_command(std::move(arguments));
    }
    net::Task<void> stop() override { return inner.stop(); }

    state::EmbeddedStore inner;
    bool there = true;
};

class Keepers : public testing::Test {
  protected:
    struct Gateway {
        Gateway(net::Loop& loop, observe::Log& log)
            : keeper(loop, log, [this](auto keys) { published = std::move(keys); }) {}
        [[nodiscard]] std::string issues_with() const {
            return std::string(published->keys.front().bytes());
        }
        [[nodiscard]] bool takes(const std::string& key) const {
            return std::ranges::any_of(published->keys,
                                       [&](const auto& each) { return each.bytes() == key; });
        }
        std::shared_ptr<const net::TicketKeys> published;
        TicketKeeper keeper;
    };
    // Plays a story on the loop, to its end and that of the keepers.
    void play(net::Task<void> story) {
        scope_.spawn(to_the_end(std::move(story)));
        loop_.run();
    }
    net::Task<void> to_the_end(net::Task<void> story) {
        co_await std::move(story);
        for (Gateway* const gateway : {&a_, &b_}) {
            gateway->keeper.stop();
            co_await gateway->keeper.all_done();
        }
        loop_.stop();
    }
    net::Task<bool> until(std::function<bool()> holds) {
        const Instant latest = loop_.now() + Millis{5'000};
        while (!holds() && loop_.now() < latest) {
            co_await pause_.until(loop_.now() + Millis{1});
        }
        co_return holds();
    }
    void start(Gateway& gateway, const std::string& secret) {
        gateway.keeper.configure(kRotation, secret);
        gateway.keeper.start(store_);
    }
    net::Task<bool> agree() {
        return until([this] { return a_.issues_with() == b_.issues_with(); });
    }
    net::Task<bool> kept() {
        return until([this] { return stored().contains("tls:ticket:"); });
    }
    std::string stored() {
        std::string all;
        store_.inner.visit_from(0, 1'000, [&](const std::string& key, const auto& value) {
            all += key + "=" + value.text + "\n";
        });
        return all;
    }

    net::Loop loop_;
    observe::LogSink sink_{STDOUT_FILENO};
    observe::Log log_{sink_, observe::LogLevel::error};
    MoodyStore store_{loop_};
    Gateway a_{loop_, log_};
    Gateway b_{loop_, log_};
    net::Pause pause_{loop_};
    net::Scope scope_;

  public:
    net::Task<void> agree_on_one_key();
    net::Task<void> keep_to_themselves();
    net::Task<void> share_later();
    net::Task<void> give_it_again();
    net::Task<void> use_their_own();
    net::Task<void> change_the_secret();
};

net::Task<void> Keepers::agree_on_one_key() {
    start(a_, kSecret);
    EXPECT_TRUE(co_await kept());
    start(b_, kSecret);
    EXPECT_TRUE(co_await agree());
    EXPECT_FALSE(stored().contains(a_.issues_with().substr(0, 8)));
}
TEST_F(Keepers, WithOneSecretAgreeOnOneKey) {
    play(agree_on_one_key());
}

net::Task<void> Keepers::keep_to_themselves() {
    start(a_, "");
    start(b_, "");
    a_.keeper.store_changed();
    co_await pause_.until(loop_.now() + Millis{20});  // time enough to do what they should not
    EXPECT_NE(a_.issues_with(), b_.issues_with());
    EXPECT_EQ(stored(), "");
}
TEST_F(Keepers, WithoutASecretKeepTheirKeysToThemselves) {
    play(keep_to_themselves());
}

net::Task<void> Keepers::share_later() {
    store_.there = false;
    start(a_, kSecret);
    start(b_, kSecret);
    EXPECT_TRUE(a_.published != nullptr && b_.published != nullptr);
    const std::string before = b_.issues_with();
    EXPECT_NE(a_.issues_with(), before);
    store_.there = true;
    a_.keeper.store_changed();
    EXPECT_TRUE(co_await kept());
    b_.keeper.store_changed();
    EXPECT_TRUE(co_await agree());
    EXPECT_TRUE(b_.takes(before));  // what it issued meanwhile
}
TEST_F(Keepers, HaveAKeyAtOnceWhileTheStoreIsAwayAndShareItLater) {
    play(share_later());
}

net::Task<void> Keepers::give_it_again() {
    start(a_, kSecret);
    EXPECT_TRUE(co_await kept());
    const std::string key = a_.issues_with();
    store_.inner.clear();
    a_.keeper.store_changed();
    EXPECT_TRUE(co_await kept());
    start(b_, kSecret);
    EXPECT_TRUE(co_await agree());
    EXPECT_EQ(b_.issues_with(), key);
}
TEST_F(Keepers, GiveAStoreThatHasForgottenTheSameKeyAgain) {
    play(give_it_again());
}

net::Task<void> Keepers::use_their_own() {
    start(a_, kSecret);
    EXPECT_TRUE(co_await kept());
    // The period that runs and the one that follows: each has its key, and all are written over.
    std::vector<std::string> places;
    store_.inner.visit_from(0, 1'000,
                            [&](const std::string& key, const auto&) { places.push_back(key); });
    for (const std::string& place : places) {
        EXPECT_TRUE(store_.inner.put(place, {.text = std::string(144, 'A'), .expires = {}}));
    }
    start(b_, kSecret);
    a_.keeper.store_changed();
    co_await pause_.until(loop_.now() + Millis{20});  // time enough to believe it
    EXPECT_NE(b_.issues_with(), a_.issues_with());
}
TEST_F(Keepers, UseTheirOwnWhereSomebodyHasWrittenIntoTheStore) {
    play(use_their_own());
}

net::Task<void> Keepers::change_the_secret() {
    start(a_, kSecret);
    EXPECT_TRUE(co_await kept());
    const std::string before = a_.issues_with();
    a_.keeper.configure(kRotation, kSecret + "x");
    EXPECT_TRUE(co_await until([this] { return std::ranges::count(stored(), '\n') > 1; }));
    EXPECT_TRUE(a_.takes(before));
}
TEST_F(Keepers, LoseNoTicketWhenTheSecretChanges) {
    play(change_the_secret());
}

}  // namespace
}  // namespace gw::control
