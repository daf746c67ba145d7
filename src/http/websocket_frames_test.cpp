#include "http/websocket_frames.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

using namespace std::string_literals;

std::string frame(char first, std::size_t size, bool masked = false) {
    std::string out(1, first);
    const char mask = masked ? '\x80' : '\0';
    if (size < 126) {
        out += static_cast<char>(size | static_cast<unsigned char>(mask));
    } else if (size < 65'536) {
        out += static_cast<char>(126 | static_cast<unsigned char>(mask));
        out += static_cast<char>(size >> 8);
        out += static_cast<char>(size & 0xFF);
    } else {
        out += static_cast<char>(127 | static_cast<unsigned char>(mask));
        for (int shift = 56; shift >= 0; shift -= 8) {
            out += static_cast<char>((size >> shift) & 0xFF);
        }
    }
    out += masked ? "mask"s : ""s;
    return out + std::string(size, '\x88');
}

TEST(WebSocketFrames, AFrameOfEverySizeEndsWhereItEnds) {
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65'535U, 65'536U, 200'000U}) {
        for (const bool masked : {false, true}) {
            const std::string bytes = frame('\x82', size, masked);
            WebSocketFrames frames;
            EXPECT_TRUE(frames.at_boundary());
            EXPECT_EQ(frames.take(std::string_view(bytes).substr(0, bytes.size() - 1)), 0U);
            EXPECT_FALSE(frames.at_boundary());
            EXPECT_EQ(frames.take(std::string_view(bytes).substr(bytes.size() - 1)), 1U);
            EXPECT_TRUE(frames.at_boundary());
            EXPECT_FALSE(frames.closing());
        }
    }
}

TEST(WebSocketFrames, HowTheBytesAreCutMakesNoDifference) {
    const std::string bytes = frame('\x01', 3) + frame('\x00', 300) + frame('\x89', 0) +
                              frame('\x80', 70'000, true) + "\x81"s;
    for (const std::size_t piece : {1U, 2U, 3U, 7U, 1'000U, 100'000U}) {
        WebSocketFrames frames;
        std::size_t end = 0;
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            const std::size_t got = frames.take(std::string_view(bytes).substr(at, piece));
            end = got != 0 ? at + got : end;
        }
        EXPECT_EQ(end, bytes.size() - 1);
        EXPECT_FALSE(frames.at_boundary());
    }
}

TEST(WebSocketFrames, TheLastOfSeveralEndsIsToldOfOnePiece) {
    const std::string two = frame('\x81', 5) + frame('\x81', 6);
    WebSocketFrames frames;
    EXPECT_EQ(frames.take(two + "\x81\x7e"s), two.size());
    EXPECT_FALSE(frames.at_boundary());
}

TEST(WebSocketFrames, ACloseFrameIsSeenOnceItsHeadIsThere) {
    WebSocketFrames frames;
    frames.take("\x88"s);
    EXPECT_FALSE(frames.closing());
    frames.take("\x02"s);
    EXPECT_TRUE(frames.closing());
    EXPECT_FALSE(frames.at_boundary());
    frames.take("\x03\xe8"s);
    EXPECT_TRUE(frames.at_boundary());
}

TEST(WebSocketFrames, BehindALengthOfMoreThan63BitsNobodyKnowsWhereAFrameEnds) {
    WebSocketFrames good;
    good.take("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"s);
    good.take(std::string(1'000, '\0'));
    EXPECT_FALSE(good.at_boundary());
    WebSocketFrames bad;
    EXPECT_EQ(bad.take("\x82\x7f\x80\0\0\0\0\0\0\0"s), 0U);
    EXPECT_EQ(bad.take(frame('\x81', 1)), 0U);
    EXPECT_FALSE(bad.at_boundary());
}

TEST(WebSocketFrames, OurOwnCloseFrameIsOne) {
    const std::string close = websocket_close(kPolicyViolation, "bye");
    EXPECT_EQ(close, "\x88\x05\x03\xf0"s + "bye");
    WebSocketFrames frames;
    EXPECT_EQ(frames.take(close), close.size());
    EXPECT_TRUE(frames.closing());
}

}  // namespace
}  // namespace gw::http
