#include "state/redis_reply.hpp"

#include <gtest/gtest.h>

#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

TEST(RedisReply, IsReadInAnyPieces) {
    const std::string bytes =
        "*4\r\n+OK\r\n:-7\r\n*2\r\n$3\r\na\r\n\r\n$-1\r\n-ERR no\r\n$0\r\n\r\n";
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        RedisReplyReader reader;
        std::string written;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            ASSERT_TRUE(reader.feed(std::string_view(bytes).substr(at, piece)));
            while (true) {
                const auto reply = reader.next();
                ASSERT_TRUE(reply);
                if (!*reply) {
                    break;
                }
                append_reply(written, **reply);
            }
        }
        EXPECT_EQ(written, bytes);
    }
}

TEST(RedisReply, OtherBytesAreNoReply) {
    for (const char* bad : {"HTTP/1.1 400 Bad Request\r\n", "*x\r\n", "$x\r\n", ":x\r\n"}) {
        RedisReplyReader reader;
        ASSERT_TRUE(reader.feed(bad));
        EXPECT_FALSE(reader.next()) << bad;
    }
}

TEST(RedisReply, IsBounded) {
    RedisReplyReader reader;
    ASSERT_TRUE(reader.feed("$100000000\r\n"));
    const std::string much(1024UL * 1024, 'x');
    bool refused = false;
    for (int i = 0; i < 65 && !refused; ++i) {
        refused = !reader.feed(much) || !reader.next();
    }
    EXPECT_TRUE(refused);
}

TEST(RedisReply, CommandsHoldAnyBytes) {
    std::string out;
    append_command(out, {"SET", std::string("a\r\n\0b", 5), ""});
    EXPECT_EQ(out, std::string("*3\r\n$3\r\nSET\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n", 30));
}

TEST(RedisComplaint, KnowsWhatRedisMeans) {
    EXPECT_EQ(complaint_of("NOAUTH Authentication required."), Complaint::password);
    EXPECT_EQ(complaint_of("READONLY You can't write against a read only replica."),
              Complaint::replica);
    EXPECT_EQ(complaint_of("LOADING Redis is loading"), Complaint::not_ready);
    EXPECT_EQ(complaint_of("OOM command not allowed"), Complaint::no_writes);
    EXPECT_EQ(complaint_of("ERR something"), Complaint::other);
    const auto moved = redirection_of("MOVED 3999 127.0.0.1:6381");
    ASSERT_TRUE(moved);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(moved->host, (RedisHost{"127.0.0.1", 6381}));
    for (const char* bad : {"MOVED", "MOVED 1", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h:0",
                            "MOVED 1 h:65536", "MOVED 1 h"}) {
        EXPECT_FALSE(redirection_of(bad)) << bad;
    }
}

}  // namespace
}  // namespace gw::state
