#include "security/websocket_key.hpp"

#include <gtest/gtest.h>

namespace gw::security {
namespace {

TEST(WebSocketKey, TheAnswerIsThatOfTheStandardsExample) {
    // RFC 6455, 1.3.
    EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST(WebSocketKey, OneOfOursIsAKeyAndNotTheNextOne) {
    EXPECT_TRUE(is_websocket_key(make_websocket_key(0, 0)));
    EXPECT_TRUE(is_websocket_key(make_websocket_key(UINT64_MAX, UINT64_MAX)));
    EXPECT_NE(make_websocket_key(1, 2), make_websocket_key(2, 1));
}

TEST(WebSocketKey, OnlySixteenBytesInOneSpellingAreAKey) {
    EXPECT_TRUE(is_websocket_key("dGhlIHNhbXBsZSBub25jZQ=="));
    EXPECT_TRUE(is_websocket_key("AAAAAAAAAAAAAAAAAAAAAA=="));
    for (const char* bad :
         {"", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=A", "dGhlIHNhbXBsZSBub25jZR==",
          "dGhlIHNhbXBsZSBub25j Q==", "dGhlIHNhbXBsZSBub25jZQ==AAAA", "dGhlIHNhbXBsZSBub2-jZQ=="}) {
        EXPECT_FALSE(is_websocket_key(bad)) << bad;
    }
}

}  // namespace
}  // namespace gw::security
