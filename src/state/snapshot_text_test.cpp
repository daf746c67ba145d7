#include "state/snapshot_text.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

using namespace std::chrono_literals;

std::string written(const std::vector<KnownEntry>& entries) {
    SnapshotWriter writer;
    std::string text;
    for (const KnownEntry& entry : entries) {
        writer.add(entry.key, entry.value, entry.expires);
        text += writer.take();
    }
    writer.end();
    return text + writer.take();
}

const std::vector<KnownEntry>& some() {
    static const std::vector<KnownEntry> entries{
        {"banned:ip:203.0.113.7", "1", WallTime(1'795'437'000'123ms)},
        {"banned:user:a b", std::string("\0\r\nend 1 x\n", 11), std::nullopt},
        {"revoked:all", "", WallTime(0ms)},
    };
    return entries;
}

TEST(SnapshotText, IsReadAsItWasWritten) {
    const auto read = read_snapshot(written(some()));
    ASSERT_TRUE(read) << read.error().what;
    ASSERT_EQ(read->size(), some().size());
    for (std::size_t i = 0; i < some().size(); ++i) {
        EXPECT_EQ((*read)[i].key, some()[i].key);
        EXPECT_EQ((*read)[i].value, some()[i].value);
        EXPECT_EQ((*read)[i].expires, some()[i].expires);
    }
    EXPECT_TRUE(read_snapshot(written({}))->empty());
}

TEST(SnapshotText, LooksTheSameForever) {
    EXPECT_EQ(written({{"revoked:jti:a", "1", WallTime(1'795'437'000'000ms)}}),
              "api-gateway state 1\n"
              "1795437000000 13 1\nrevoked:jti:a1\n"
              "end 1 37f62cbf7f3a7ddd68e56045ee3a505bf178b51f2d34eaf616ee31057f9fc8f5\n");
}

TEST(SnapshotText, IsRefusedWhereverItIsCut) {
    const std::string text = written(some());
    for (std::size_t size = 0; size < text.size(); ++size) {
        const auto read = read_snapshot(std::string_view(text).substr(0, size));
        ASSERT_FALSE(read) << size;
        EXPECT_LE(read.error().offset, size);
    }
    EXPECT_FALSE(read_snapshot(text + "\n"));
}

TEST(SnapshotText, IsRefusedWhereverABitIsWrong) {
    const std::string text = written(some());
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (const char bit : {'\x01', '\x02', '\x10', '\x20'}) {
            std::string bad = text;
            bad[at] = static_cast<char>(bad[at] ^ bit);
            EXPECT_FALSE(read_snapshot(bad)) << at;
        }
    }
}

TEST(SnapshotText, NamesThePlaceOfTheDamage) {
    struct Case {
        std::string text;
        std::size_t offset;
        const char* what;
    };
    const std::string good = written({{"revoked:jti:a", "1", std::nullopt}});
    const std::string head = "api-gateway state 1\n";
    for (const Case& c : std::initializer_list<Case>{
             {"", 0, "this is no snapshot of the gateway's state"},
             {"REDIS0009", 0, "this is no snapshot of the gateway's state"},
             {"api-gateway state 2\n", 0, "this is a snapshot of another version"},
             {head, 20, "the file has no end"},
             {head + "- 1 1\nab", 20, "this is no whole entry"},
             {head + "- 1 18446744073709551615\nab\n", 20, "this is no whole entry"},
             {head + "9223372036855 1 1\nab\n", 20, "this is no whole entry"},
             {head + "-1 1 1\nab\n", 20, "this is no whole entry"},
             {head + "- 1 1 \nab\n", 20, "this is no whole entry"},
             {good.substr(0, good.size() - 3) + "x\n", 42,
              "the end does not fit what stands before it"},
         }) {
        const auto read = read_snapshot(c.text);
        ASSERT_FALSE(read) << c.text;
        EXPECT_EQ(read.error().offset, c.offset) << c.text;
        EXPECT_STREQ(read.error().what, c.what) << c.text;
    }
}

}  // namespace
}  // namespace gw::state
