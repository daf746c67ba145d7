#include "http/h1_body.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw::http {
namespace {

// What came of a body: its data, its trailers, and how it ended.
struct Outcome {
    std::string data;
    std::string trailers;
    std::string detail;        // of the refusal
    std::size_t consumed = 0;  // of a body that was not refused
    bool done = false;
    bool refused = false;

    bool operator==(const Outcome&) const = default;
};

// Feeds `text` in pieces that end at the given cuts, as a caller with a buffer does: what was not
// consumed comes again in front of the next piece.
Outcome feed(const std::string& text, Framing framing, std::uint64_t length,
             const std::vector<std::size_t>& cuts) {
    H1Body body(framing, length);
    Outcome outcome;
    outcome.done = body.done();
    for (const std::size_t end : cuts) {
        while (!outcome.done && !outcome.refused) {
            const std::string piece = text.substr(outcome.consumed, end - outcome.consumed);
            const H1Body::Step step = body.next(piece);
            EXPECT_LE(step.consumed, piece.size());
            EXPECT_EQ(step.end, body.done());
            outcome.data += step.data;
            outcome.consumed += step.consumed;
            outcome.done = step.end;
            outcome.refused = step.refused;
            outcome.detail = step.refusal.detail;
            if (step.consumed == 0) {
                break;
            }
        }
    }
    outcome.consumed = outcome.refused ? 0 : outcome.consumed;
    if (body.trailers() != nullptr) {
        for (const Field& field : *body.trailers()) {
            outcome.trailers += std::string(field.name) + "=" + std::string(field.value) + ";";
        }
    }
    return outcome;
}

// Whole, byte by byte, and with each cut in two: always the same.
Outcome feed_every_way(const std::string& text, Framing framing, std::uint64_t length) {
    const Outcome whole = feed(text, framing, length, {text.size()});
    std::vector<std::size_t> bytes;
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        bytes.push_back(cut);
        const Outcome halves = feed(text, framing, length, {cut, text.size()});
        EXPECT_EQ(halves, whole) << "cut at " << cut << " of " << text;
    }
    EXPECT_EQ(feed(text, framing, length, bytes), whole) << "byte by byte: " << text;
    return whole;
}

Outcome chunked(const std::string& text) {
    return feed_every_way(text, Framing::chunked, 0);
}

TEST(H1Body, NoBodyIsAtItsEndAtOnce) {
    EXPECT_TRUE(H1Body().done());
    EXPECT_TRUE(H1Body(Framing::none, 0).done());
    EXPECT_TRUE(H1Body(Framing::none, 7).done());  // the length of an answer to HEAD
    H1Body body(Framing::length, 0);
    EXPECT_TRUE(body.done());
    const H1Body::Step step = body.next("GET / HTTP/1.1\r\n");
    EXPECT_EQ(step.consumed, 0U);
    EXPECT_TRUE(step.end);
    EXPECT_EQ(body.trailers(), nullptr);
}

TEST(H1Body, ALengthIsCountedAndWhatFollowsIsLeft) {
    const Outcome outcome = feed_every_way("hello, worldGET /", Framing::length, 12);
    EXPECT_EQ(outcome.data, "hello, world");
    EXPECT_EQ(outcome.consumed, 12U);
    EXPECT_TRUE(outcome.done);
}

TEST(H1Body, TheLastDataSaysThatItIsTheLast) {
    H1Body counted(Framing::length, 5);
    EXPECT_TRUE(counted.next("hello").end);
    H1Body body(Framing::chunked, 0);
    const H1Body::Step step = body.next("5\r\nhello\r\n0\r\n\r\nGET");
    EXPECT_EQ(step.data, "hello");
    EXPECT_TRUE(step.end);
    EXPECT_EQ(step.consumed, 15U);
}

TEST(H1Body, ABodyUntilCloseEndsOnlyThere) {
    H1Body body(Framing::until_close, 0);
    EXPECT_EQ(body.next("abc").data, "abc");
    EXPECT_FALSE(body.done());
    EXPECT_TRUE(body.finish_at_close());
    EXPECT_TRUE(body.done());
}

TEST(H1Body, OtherBodiesAreCutShortByAClose) {
    H1Body counted(Framing::length, 5);
    EXPECT_EQ(counted.next("hell").data, "hell");
    EXPECT_FALSE(counted.finish_at_close());
    EXPECT_FALSE(counted.done());
    H1Body body(Framing::chunked, 0);
    EXPECT_EQ(body.next("4\r\nhell\r\n0\r\n").data, "hell");
    EXPECT_FALSE(body.finish_at_close());
    H1Body complete(Framing::length, 1);
    EXPECT_TRUE(complete.next("x").end);
    EXPECT_TRUE(complete.finish_at_close());
}

TEST(H1Body, ChunksAreJoined) {
    const Outcome outcome = chunked("5\r\nhello\r\n00A\r\n, world...\r\n1\r\n!\r\n0\r\n\r\nrest");
    EXPECT_EQ(outcome.data, "hello, world...!");
    EXPECT_TRUE(outcome.done);
    EXPECT_EQ(outcome.consumed, 38U);
}

TEST(H1Body, ARunClosesTheFramingBetweenChunks) {
    std::string text = "5\r\nhello\r\n2;x\r\n, \r\n5\r\nwo";
    std::string_view pending = text;
    H1Body body(Framing::chunked, 0);
    H1Body::Step run = take_run(body, pending);
    EXPECT_EQ(run.data, "hello, wo");
    EXPECT_FALSE(run.end);
    EXPECT_TRUE(pending.empty());
    text = "rld\r\n1\r\n!\r\n0\r\n\r\nGET";
    pending = text;
    run = take_run(body, pending);
    EXPECT_EQ(run.data, "rld!");
    EXPECT_TRUE(run.end);
    EXPECT_EQ(pending, "GET");
}

TEST(H1Body, ARunBeforeAMistakeIsHandedOverFirst) {
    std::string text = "5\r\nhello\r\n1\r\n!\r\nX";
    std::string_view pending = text;
    H1Body body(Framing::chunked, 0);
    H1Body::Step run = take_run(body, pending);
    EXPECT_EQ(run.data, "hello!");
    EXPECT_FALSE(run.refused);
    EXPECT_FALSE(pending.empty());
    EXPECT_TRUE(take_run(body, pending).refused);
}

TEST(H1Body, AnEmptyChunkedBodyIsComplete) {
    for (const char* text :
         {"0\r\n\r\n", "000\r\n\r\n", "0000000000000000\r\n\r\n", "0;ext\r\n\r\n"}) {
        const Outcome outcome = chunked(text);
        EXPECT_TRUE(outcome.done) << text;
        EXPECT_EQ(outcome.data, "");
    }
}

TEST(H1Body, ChunkSizesAreHexDigitsOnly) {
    for (const char* size : {"0x5", "+5", "-1", "5_", "", " 5", "5 ", "5\t", "5,", "g", "5h",
                             "\"5\"", ";x", "00000000000000005", "10000000000000000"}) {
        const Outcome outcome = chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n");
        EXPECT_TRUE(outcome.refused) << size;
        EXPECT_EQ(outcome.data, "") << size;
        EXPECT_NE(outcome.detail, "");
    }
}

TEST(H1Body, ALargeChunkSizeIsNotWrappedAround) {
    EXPECT_EQ(chunked("7fffffffffffffff\r\nabc").data, "abc");
    for (const char* size : {"8000000000000000", "ffffffffffffffff"}) {
        EXPECT_TRUE(chunked(std::string(size) + "\r\nabc").refused) << size;
    }
}

TEST(H1Body, LinesOfChunksEndWithBothBytes) {
    for (const char* text :
         {"5\nhello\r\n0\r\n\r\n", "5\rhello\r\n0\r\n\r\n", "5\r\r\nhello\r\n0\r\n\r\n",
          "5\r\r\n;x\r\nhello", "5;\nfoo\r\nhello", "5;a\rb\r\nhello\r\n0\r\n\r\n"}) {
        const Outcome outcome = chunked(text);
        EXPECT_TRUE(outcome.refused) << text;
        EXPECT_EQ(outcome.data, "") << text;
    }
    for (const char* text :
         {"5\r\nhelloXX", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\rX", "5\r\nhello0\r\n\r\n"}) {
        const Outcome outcome = chunked(text);
        EXPECT_TRUE(outcome.refused) << text;
        EXPECT_EQ(outcome.data, "hello") << text;
    }
    EXPECT_TRUE(chunked("0\r\n\n").refused);
    EXPECT_TRUE(chunked("0\r\n\rX").refused);
}

TEST(H1Body, WhatIsRefusedIsNotConsumed) {
    for (const char* text :
         {"5\r\nhelloX", "5\r\nhello\r\nX", "5\r\nhello\r\n0\r\nX Y: z\r\n\r\n"}) {
        H1Body body(Framing::chunked, 0);
        H1Body::Step step = body.next(text);
        EXPECT_EQ(step.data, "hello");
        EXPECT_FALSE(step.refused);
        const std::string_view rest = std::string_view(text).substr(step.consumed);
        ASSERT_FALSE(rest.empty()) << "the caller would wait for more: " << text;
        step = body.next(rest);
        EXPECT_TRUE(step.refused);
        EXPECT_TRUE(body.next(rest).refused) << "and again";
    }
}

TEST(H1Body, TheNextRequestNeverBeginsEarly) {
    const Outcome outcome = chunked("5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_TRUE(outcome.refused);  // a trailer line with a space in its name
    EXPECT_FALSE(chunked("5\r\nhello\r\n0\r\n").done);
    EXPECT_FALSE(chunked("5\r\nhello\r\n0\r\n\r").done);
}

TEST(H1Body, ExtensionsArePassedOver) {
    for (const char* extension :
         {";a", ";a=b", "; a = b ;c", ";a=\"x;y\\\"\t\xC3\xA9\"", ";", ";;", ";a=\"\""}) {
        const Outcome outcome =
            chunked("5" + std::string(extension) + "\r\nhello\r\n0" + extension + "\r\n\r\n");
        EXPECT_EQ(outcome.data, "hello") << extension;
        EXPECT_TRUE(outcome.done) << extension;
    }
    for (const char* extension :
         {";a=\"", ";a=\"\r\n\"", ";a=\"\\\r\n\"", ";a\x01", ";a\x7F", ";\xC3\xA9"}) {
        EXPECT_TRUE(chunked("5" + std::string(extension) + "\r\nhello\r\n0\r\n\r\n").refused)
            << extension;
    }
}

TEST(H1Body, AnExtensionHasALimit) {
    const auto refused = [](std::size_t bytes) {
        const std::string text = "5;" + std::string(bytes, 'x') + "\r\nhello\r\n0\r\n\r\n";
        return feed(text, Framing::chunked, 0, {text.size()}).refused;
    };
    EXPECT_FALSE(refused(H1Body::kChunkLineMax - 2));
    EXPECT_TRUE(refused(H1Body::kChunkLineMax));
}

TEST(H1Body, ExtensionsOfAllChunksHaveALimit) {
    std::string text;
    std::size_t refused_after = 0;
    H1Body body(Framing::chunked, 0);
    while (refused_after < 10 * H1Body::kChunkOverheadMax) {
        text = "1;" + std::string(4'000, 'x') + "\r\nh\r\n";
        refused_after += text.size();
        H1Body::Step step = body.next(text);
        if (!step.refused && step.consumed < text.size()) {
            step = body.next(std::string_view(text).substr(step.consumed));
        }
        if (step.refused) {
            break;
        }
    }
    EXPECT_LT(refused_after, H1Body::kChunkOverheadMax + 8'000);
}

TEST(H1Body, DataEarnsItsExtensions) {
    H1Body body(Framing::chunked, 0);
    const std::string text =
        "1000;chunk-signature=" + std::string(64, 'f') + "\r\n" + std::string(4096, 'd') + "\r\n";
    for (int i = 0; i < 5'000; ++i) {
        std::string_view rest = text;
        while (!rest.empty()) {
            const H1Body::Step step = body.next(rest);
            ASSERT_FALSE(step.refused) << i;
            rest.remove_prefix(step.consumed);
        }
    }
}

TEST(H1Body, TrailersAreKeptAndFiltered) {
    const Outcome outcome = chunked(
        "2\r\nhi\r\n0\r\nX-Checksum:  abc \r\nContent-Length: 7\r\nHost: evil\r\nx_user_id: 1\r\n"
        "Authorization: x\r\nServer-Timing:\r\nX-Forwarded-For: 1\r\nSet-Cookie: a\r\n\r\nGET");
    EXPECT_TRUE(outcome.done);
    EXPECT_EQ(outcome.data, "hi");
    EXPECT_EQ(outcome.trailers, "X-Checksum=abc;Server-Timing=;");
}

TEST(H1Body, TrailersThatWereAllDroppedAreNone) {
    const std::string text = "0\r\nHost: evil\r\n\r\n";
    H1Body body(Framing::chunked, 0);
    EXPECT_TRUE(body.next(text).end);
    EXPECT_EQ(body.trailers(), nullptr);
}

TEST(H1Body, TrailersKeepTheRulesOfFields) {
    for (const char* line : {"X : y\r\n", "X: y\n", "X: a\x01\r\n", "nocolon\r\n", ": x\r\n",
                             "X: a\rb\r\n", "X: a\r\n b\r\n", " X: a\r\n", "[x]: a\r\n"}) {
        EXPECT_TRUE(chunked("0\r\n" + std::string(line) + "\r\n").refused) << line;
    }
}

TEST(H1Body, TrailersHaveALimit) {
    const auto refused = [](std::size_t bytes) {
        const std::string text = "0\r\nX:" + std::string(bytes - 6, 'x') + "\r\n\r\n";
        return feed(text, Framing::chunked, 0, {text.size() / 2, text.size()}).refused;
    };
    EXPECT_FALSE(refused(H1Body::kTrailersMax));
    EXPECT_TRUE(refused(H1Body::kTrailersMax + 1));
    std::string many = "0\r\n";
    for (std::size_t i = 0; i <= Headers::kFieldsMax; ++i) {
        many += "x:y\r\n";
    }
    EXPECT_TRUE(feed(many + "\r\n", Framing::chunked, 0, {many.size() + 2}).refused);
}

TEST(H1Body, TrailersOutliveTheBytesAndMoveWithTheBody) {
    H1Body body(Framing::chunked, 0);
    {
        const std::string text = "0\r\nX-Checksum: abc\r\n\r\n";
        EXPECT_TRUE(body.next(text).end);
    }
    const H1Body moved = std::move(body);
    ASSERT_NE(moved.trailers(), nullptr);
    EXPECT_EQ(moved.trailers()->begin()->value, "abc");
}

}  // namespace
}  // namespace gw::http
