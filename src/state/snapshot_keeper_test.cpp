#include "state/snapshot_keeper.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "state/redis_server_test_support.hpp"

namespace gw::state {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kPrefixes{"banned:", "revoked:", "maintenance:"};
constexpr SnapshotPace kQuick{
    .soon = Millis{1}, .every = Millis{10}, .retry_every = Millis{20}, .slice = 100};
// Nothing is written but at the end.
constexpr SnapshotPace kNotNow{.soon = Millis{100'000}};

// A gateway's part in it: a store and its keeper.
struct Kept {
    Kept(const std::string& path, SnapshotPace pace)
        : store(turning.loop),
          keeper(turning.loop, store, path, kPrefixes,
                 {.failed = [this](const char* why) { told.emplace_back(why); },
                  .works_again = [this] { told.emplace_back("works again"); },
                  .left_out = [this] { told.emplace_back("left out"); }},
                 pace),
          load(keeper.load()) {}
    net::Task<void> stop() {
        co_await keeper.stop();
        co_await store.stop();
    }
    bool put(std::string_view key, std::string_view value,
             std::optional<WallTime> expires = std::nullopt) {
        return store.put(key, {std::string(value), expires});
    }

    void run(net::Task<void> body) { turning.run(std::move(body)); }

    TestLoop turning;
    std::vector<std::string> told;
    EmbeddedStore store;
    SnapshotKeeper keeper;
    SnapshotLoad load;
};

class SnapshotKeeperTest : public testing::Test {
  protected:
    SnapshotKeeperTest() {
        std::string pattern = testing::TempDir() + "gw-snapshot-XXXXXX";
        ensure(::mkdtemp(pattern.data()) != nullptr, "a folder");
        folder_ = pattern;
        path_ = folder_ / "state";
    }
    ~SnapshotKeeperTest() override { std::filesystem::remove_all(folder_); }

    std::map<std::string, KnownEntry> in_file() const {
        std::ifstream file(path_, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), {}};
        std::map<std::string, KnownEntry> found;
        for (const KnownEntry& entry : read_snapshot(text).value_or(std::vector<KnownEntry>{})) {
            found.emplace(entry.key, entry);
        }
        return found;
    }
    void write_file(std::string_view text) const { std::ofstream(path_, std::ios::binary) << text; }
    std::size_t files() const {
        return static_cast<std::size_t>(
            std::distance(std::filesystem::directory_iterator(folder_), {}));
    }
    std::unique_ptr<Kept> kept(SnapshotPace pace = kQuick) {
        return std::make_unique<Kept>(path_, pace);
    }

    net::Task<void> end_of(Kept& gateway) { co_await gateway.stop(); }
    net::Task<void> delete_after_first_write(Kept& gateway) {
        EXPECT_TRUE(co_await gateway.turning.until([this] { return in_file().size() == 2; }));
        gateway.store.remove("banned:user:a");
        EXPECT_TRUE(co_await gateway.turning.until([this] { return in_file().size() == 1; }));
        co_await gateway.stop();
    }
    net::Task<void> make_folder_after_failures(Kept& gateway) {
        EXPECT_TRUE(co_await gateway.turning.until([&gateway] { return !gateway.told.empty(); }));
        EXPECT_TRUE(gateway.put("banned:user:b", "1"));
        net::Pause pause(gateway.turning.loop);
        co_await pause.until(gateway.turning.loop.now() + 3 * kQuick.retry_every);
        std::filesystem::create_directory(path_.parent_path());
        EXPECT_TRUE(
            co_await gateway.turning.until([&gateway] { return gateway.told.size() == 2; }));
        co_await gateway.stop();
    }
    net::Task<void> flush_while_writing(Kept& gateway) {
        bool flushed = false;
        gateway.turning.loop.between_turns([this, &gateway, &flushed] {
            if (!flushed && files() == 1) {
                flushed = true;
                EXPECT_TRUE(in_file().empty());
                EXPECT_TRUE(gateway.put("banned:user:last", "1"));
                gateway.keeper.flush();
                EXPECT_EQ(in_file().size(), 5'001U);
            }
        });
        EXPECT_TRUE(co_await gateway.turning.until([&flushed] { return flushed; }));
        gateway.turning.loop.between_turns({});
        co_await gateway.stop();
    }
    net::Task<void> write_beside_a_successor(Kept& gateway) {
        bool began = false;
        bool ended = false;
        gateway.turning.loop.between_turns([&] {
            began = began || files() == 2;
            ended = began && files() == 1;
        });
        EXPECT_TRUE(gateway.put("banned:user:late", "1"));
        EXPECT_TRUE(co_await gateway.turning.until([&ended] { return ended; }));
        gateway.turning.loop.between_turns({});
        EXPECT_TRUE(in_file().contains("banned:user:second"));
        EXPECT_TRUE(gateway.put("banned:user:later", "1"));
        gateway.keeper.flush();
        EXPECT_TRUE(in_file().contains("banned:user:second"));
        co_await gateway.stop();
    }
    net::Task<void> until_written_and_end(Kept& gateway, std::size_t entries) {
        const bool there =
            co_await gateway.turning.until([this, entries] { return in_file().size() == entries; });
        EXPECT_TRUE(there) << in_file().size();
        co_await gateway.stop();
    }

    std::filesystem::path folder_;
    std::filesystem::path path_;
};

TEST_F(SnapshotKeeperTest, BansOutliveTheProcess) {
    const WallTime end = std::chrono::floor<Millis>(net::system_clocks().wall) + 1h;
    const auto first = kept();
    EXPECT_EQ(first->load.entries, 0U);
    EXPECT_STREQ(first->load.refused, "");
    ASSERT_TRUE(first->put("banned:ip:203.0.113.7", "scanner", end));
    ASSERT_TRUE(first->put("revoked:all", "1795437000"));
    ASSERT_TRUE(first->put("cache:x", "may be lost"));
    first->run(until_written_and_end(*first, 2));
    EXPECT_EQ(first->told, std::vector<std::string>{});
    EXPECT_EQ(files(), 1U);
    EXPECT_EQ(std::filesystem::status(path_).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);

    const auto second = kept();
    EXPECT_EQ(second->load.entries, 2U);
    const EmbeddedStore::Value* const ban = second->store.find("banned:ip:203.0.113.7");
    ASSERT_NE(ban, nullptr);
    EXPECT_EQ(ban->text, "scanner");
    EXPECT_EQ(ban->expires, end);
    EXPECT_FALSE(second->store.find("revoked:all")->expires);
    second->run(end_of(*second));
}

TEST_F(SnapshotKeeperTest, WhatIsDeletedIsGone) {
    const auto first = kept();
    ASSERT_TRUE(first->put("banned:user:a", "1"));
    ASSERT_TRUE(first->put("banned:user:b", "1"));
    first->run(delete_after_first_write(*first));
    EXPECT_EQ(in_file().size(), 1U);
}

TEST_F(SnapshotKeeperTest, WhatChangedLastIsWrittenAtTheEnd) {
    const auto first = kept(kNotNow);
    ASSERT_TRUE(first->put("banned:user:a", "1"));
    first->run(end_of(*first));
    EXPECT_EQ(in_file().size(), 1U);
}

TEST_F(SnapshotKeeperTest, WithoutAChangeNothingIsWritten) {
    const auto first = kept();
    ASSERT_TRUE(first->put("ratelimit:x", "1"));
    first->run(end_of(*first));
    EXPECT_EQ(files(), 0U);
}

TEST_F(SnapshotKeeperTest, WhatHasEndedIsNotReadAgain) {
    SnapshotWriter writer;
    writer.add("banned:user:a", "1", net::system_clocks().wall - 1ms);
    writer.add("banned:user:b", "1", net::system_clocks().wall + 1h);
    writer.end();
    write_file(writer.take());
    const auto first = kept();
    EXPECT_EQ(first->load.entries, 1U);
    EXPECT_EQ(first->load.ended, 1U);
    EXPECT_EQ(first->store.find("banned:user:a"), nullptr);
    first->run(end_of(*first));
}

TEST_F(SnapshotKeeperTest, AFileThatMakesNoSenseIsMovedAside) {
    write_file("api-gateway state 1\nnonsense\n");
    const auto first = kept();
    EXPECT_STREQ(first->load.refused, "this is no whole entry");
    EXPECT_EQ(first->load.offset, 20U);
    EXPECT_EQ(first->load.moved_to, path_.string() + ".bad");
    EXPECT_TRUE(std::filesystem::exists(path_.string() + ".bad"));
    ASSERT_TRUE(first->put("banned:user:a", "1"));
    first->run(until_written_and_end(*first, 1));
    EXPECT_EQ(files(), 2U);
}

TEST_F(SnapshotKeeperTest, WhatIsNoFileIsLeftAlone) {
    std::filesystem::create_directory(path_);
    const auto first = kept();
    EXPECT_FALSE(first->load.kept);
    EXPECT_STREQ(first->load.refused, "this is no file");
    ASSERT_TRUE(first->put("banned:user:a", "1"));
    first->run(end_of(*first));
    EXPECT_TRUE(std::filesystem::is_directory(path_));
    EXPECT_EQ(files(), 1U);
}

TEST_F(SnapshotKeeperTest, TroubleIsToldOnceAndEnds) {
    path_ = folder_ / "not-yet" / "state";
    const auto first = kept();
    ASSERT_TRUE(first->put("banned:user:a", "1"));
    first->run(make_folder_after_failures(*first));
    EXPECT_EQ(first->told, (std::vector<std::string>{"its folder is not there", "works again"}));
    EXPECT_EQ(in_file().size(), 2U);
}

TEST_F(SnapshotKeeperTest, IsWrittenInSlices) {
    const auto first = kept();
    constexpr std::size_t kEntries = 5'000;
    for (std::size_t i = 0; i < kEntries; ++i) {
        ASSERT_TRUE(first->put("banned:user:" + std::to_string(i), "1"));
    }
    std::size_t turns = 0;
    first->turning.loop.between_turns([&turns] { ++turns; });
    first->run(until_written_and_end(*first, kEntries));
    first->turning.loop.between_turns({});
    EXPECT_GE(turns, kEntries / kQuick.slice);
}

TEST_F(SnapshotKeeperTest, WhatIsBeingWrittenIsOvertakenByWhatIsWrittenAtOnce) {
    const auto first = kept();
    for (std::size_t i = 0; i < 5'000; ++i) {
        ASSERT_TRUE(first->put("banned:user:" + std::to_string(i), "1"));
    }
    first->run(flush_while_writing(*first));
    EXPECT_EQ(in_file().size(), 5'001U);
    EXPECT_EQ(first->told, std::vector<std::string>{});
    EXPECT_EQ(files(), 1U);
}

TEST_F(SnapshotKeeperTest, TheLastOneIsASuccessors) {
    const auto first = kept(kNotNow);
    const auto second = kept();
    ASSERT_TRUE(first->put("banned:user:first", "1"));
    ASSERT_TRUE(second->put("banned:user:second", "1"));
    second->run(until_written_and_end(*second, 1));
    first->run(end_of(*first));
    EXPECT_EQ(in_file().size(), 1U);
    EXPECT_TRUE(in_file().contains("banned:user:second"));
}

TEST_F(SnapshotKeeperTest, WhatASuccessorHasWrittenIsNotReplaced) {
    const auto first = kept();
    ASSERT_TRUE(first->put("banned:user:first", "1"));
    first->keeper.flush();
    const auto second = kept();
    ASSERT_TRUE(second->put("banned:user:second", "1"));
    second->run(until_written_and_end(*second, 2));
    EXPECT_EQ(first->told, std::vector<std::string>{});
    first->run(write_beside_a_successor(*first));
    EXPECT_TRUE(in_file().contains("banned:user:second"));
    EXPECT_EQ(first->told, std::vector<std::string>{"left out"}) << "once for all of them";
}

TEST_F(SnapshotKeeperTest, WhereASuccessorHasEndedTheFileIsOursWithWhatThatOneLeft) {
    const auto first = kept();
    ASSERT_TRUE(first->put("banned:user:first", "1"));
    ASSERT_TRUE(first->put("banned:user:lifted", "1"));
    first->keeper.flush();
    const auto second = kept();
    first->store.remove("banned:user:lifted");
    ASSERT_TRUE(second->put("banned:user:second", "1"));
    ASSERT_TRUE(second->put("banned:user:first", "of the second"));
    second->run(until_written_and_end(*second, 3));
    ASSERT_TRUE(first->put("banned:user:late", "1"));
    ASSERT_TRUE(first->put("banned:user:later", "1"));
    first->keeper.expect_nobody();
    EXPECT_EQ(first->store.find("banned:user:lifted"), nullptr);
    ASSERT_NE(first->store.find("banned:user:second"), nullptr);
    first->run(until_written_and_end(*first, 4));
    EXPECT_EQ(in_file().at("banned:user:first").value, "1");
    EXPECT_TRUE(in_file().contains("banned:user:late"));
}

TEST_F(SnapshotKeeperTest, OnlyAFileOfItsSizeIsRead) {
    EXPECT_FALSE(load_file(path_, 10).value());
    write_file("0123456789a");
    EXPECT_EQ(load_file(path_, 10).error().code, Errc::too_large);
    EXPECT_EQ(load_file(path_, 11).value()->text, "0123456789a");
    EXPECT_EQ(load_file("/dev/null", 11).error().code, Errc::refused);
}

}  // namespace
}  // namespace gw::state
