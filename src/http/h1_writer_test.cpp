#include "http/h1_writer.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "http/h1_body.hpp"
#include "http/h1_parser.hpp"

namespace gw::http {
namespace {

std::string written(const RequestHead& head) {
    std::array<char, 4096> memory;
    HeadBuffer out(memory);
    write_request_head(out, head);
    EXPECT_FALSE(out.overflowed());
    return std::string(out.view());
}

std::string written(const ResponseHead& head, const ResponseContext& context = {}) {
    std::array<char, 4096> memory;
    HeadBuffer out(memory);
    write_response_head(out, head, context);
    EXPECT_FALSE(out.overflowed());
    return std::string(out.view());
}

RequestHead get() {
    RequestHead head;
    head.method = Method::get;
    head.method_text = "GET";
    head.path = "/";
    head.authority = "a";
    return head;
}

ResponseHead answer(int status, Framing framing = Framing::none, std::uint64_t length = 0) {
    ResponseHead head;
    head.status = status;
    head.framing = framing;
    head.content_length = length;
    return head;
}

TEST(HeadBuffer, WritesUpToTheLastByteAndRemembersWhatDidNotFit) {
    std::array<char, 8> memory{};
    HeadBuffer out(memory);
    out.append("12345");
    out.append("678");
    EXPECT_EQ(out.view(), "12345678");
    EXPECT_FALSE(out.overflowed());
    out.append("");
    EXPECT_FALSE(out.overflowed());
    out.append('9');
    EXPECT_TRUE(out.overflowed());
    EXPECT_EQ(out.view(), "12345678");
}

TEST(HeadBuffer, NothingIsWrittenBehindAnOverflow) {
    std::array<char, 8> memory{};
    HeadBuffer out(memory);
    out.append_field("Name", "value");
    EXPECT_TRUE(out.overflowed());
    out.append("x");
    EXPECT_EQ(out.view(), "");
}

TEST(HeadBuffer, CopiesTextsOfEveryLength) {
    std::array<char, 600> memory;
    for (std::size_t size = 0; size < 200; ++size) {
        std::string name;
        for (std::size_t i = 0; i < size; ++i) {
            name += static_cast<char>('a' + i % 26);
        }
        HeadBuffer out({memory.data(), 2 * size + 4});
        out.append_field(name, name);
        EXPECT_FALSE(out.overflowed());
        EXPECT_EQ(out.view(), name + ": " + name + "\r\n");
    }
}

TEST(HeadBuffer, WritesNumbers) {
    std::array<char, 100> memory;
    HeadBuffer out(memory);
    out.append_decimal(0);
    out.append(' ');
    out.append_decimal(UINT64_MAX);
    out.append(' ');
    out.append_chunk_size(0x1aF);
    out.append_chunk_size(UINT64_MAX);
    EXPECT_EQ(out.view(), "0 18446744073709551615 1af\r\nffffffffffffffff\r\n");
}

TEST(H1Writer, WritesARequestWithItsFramingOnly) {
    RequestHead head = get();
    head.method = Method::post;
    head.method_text = "POST";
    head.path = "/x";
    head.query = "a=%20";
    head.has_query = true;
    head.framing = Framing::length;
    head.content_length = 10;
    ASSERT_TRUE(head.headers.add("X-One", "1"));
    ASSERT_TRUE(head.headers.add("content-length", "010"));
    ASSERT_TRUE(head.headers.add("transfer-encoding", "x"));
    ASSERT_TRUE(head.headers.add("Connection", "close"));
    EXPECT_EQ(written(head),
              "POST /x?a=%20 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nContent-Length: 10\r\n\r\n");
    head.framing = Framing::chunked;
    EXPECT_EQ(
        written(head),
        "POST /x?a=%20 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

TEST(H1Writer, ARequestHasOneHost) {
    RequestHead head = get();
    EXPECT_EQ(written(head), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(head.headers.add("Host", "b:1"));
    EXPECT_EQ(written(head), "GET / HTTP/1.1\r\nHost: b:1\r\n\r\n");
}

TEST(H1Writer, MethodsThatUsuallyHaveABodySayThatThereIsNone) {
    RequestHead head = get();
    head.method = Method::put;
    head.method_text = "PUT";
    EXPECT_EQ(written(head), "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    head.method = Method::delete_;
    head.method_text = "DELETE";
    EXPECT_EQ(written(head), "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(H1Writer, AnEmptyQueryIsNotNoQuery) {
    RequestHead head = get();
    head.has_query = true;
    EXPECT_EQ(written(head), "GET /? HTTP/1.1\r\nHost: a\r\n\r\n");
}

TEST(H1Writer, WritesAResponse) {
    ResponseHead head = answer(200, Framing::length, 3);
    ASSERT_TRUE(head.headers.add("Content-Type", "text/plain"));
    ASSERT_TRUE(head.headers.add("Connection", "keep-alive"));
    EXPECT_EQ(written(head),
              "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n");
    head.reason = "Fine";
    EXPECT_EQ(written(head, {.close = true}),
              "HTTP/1.1 200 Fine\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
              "Connection: close\r\n\r\n");
}

TEST(H1Writer, AStatusWithoutAReasonKeepsItsSpace) {
    EXPECT_EQ(written(answer(418)), "HTTP/1.1 418 \r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(written(answer(404)), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

TEST(H1Writer, AResponseWithoutLengthIsChunkedWhereChunksAreKnown) {
    for (const Framing framing : {Framing::chunked, Framing::until_close}) {
        EXPECT_EQ(written(answer(200, framing)),
                  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        EXPECT_EQ(written(answer(200, framing), {.request_version_minor = 0, .close = true}),
                  "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    }
}

TEST(H1Writer, AnHttp10ClientHearsThatItsConnectionStays) {
    EXPECT_EQ(written(answer(200), {.request_version_minor = 0}),
              "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(H1Writer, BodylessAnswersSayTheLengthOnlyWhenOneIsKnown) {
    const ResponseContext to_head{.request_method = Method::head};
    EXPECT_EQ(written(answer(200), to_head), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(written(answer(200, Framing::length, 7), to_head),
              "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
    EXPECT_EQ(written(answer(200, Framing::chunked), to_head), "HTTP/1.1 200 OK\r\n\r\n");
    EXPECT_EQ(written(answer(304)), "HTTP/1.1 304 Not Modified\r\n\r\n");
    ResponseHead given = answer(304);
    ASSERT_TRUE(given.headers.add("Content-Length", "0"));
    EXPECT_EQ(written(given), "HTTP/1.1 304 Not Modified\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(written(answer(304, Framing::none, 9)),
              "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
}

TEST(H1Writer, SomeStatusesHaveNoFramingAtAll) {
    EXPECT_EQ(written(answer(204, Framing::length, 5)), "HTTP/1.1 204 No Content\r\n\r\n");
    EXPECT_EQ(written(answer(103), {.request_version_minor = 1, .close = true}),
              "HTTP/1.1 103 Early Hints\r\n\r\n");
}

TEST(H1Writer, AChunkHeaderIsReadBack) {
    for (const std::uint64_t size : {1ULL, 15ULL, 16ULL, 65'536ULL, 0x7FFF'FFFF'FFFF'FFFFULL}) {
        char header[kChunkHeaderMax];
        const std::string text(header, write_chunk_header(header, size));
        H1Body body(Framing::chunked, 0);
        EXPECT_EQ(body.next(text).consumed, text.size());
        EXPECT_EQ(body.next("x").data, "x");
        EXPECT_FALSE(body.next("").refused);
    }
}

TEST(H1Writer, WhatIsWrittenIsReadBackTheSame) {
    const std::string text =
        "POST /a/b?c HTTP/1.1\r\nX-A: 1\r\nHost: h:1\r\nX-B:\r\nTransfer-Encoding: chunked\r\n\r\n";
    RequestHead first;
    ASSERT_EQ(parse_request(text, {}, first).state, H1Parse::State::complete);
    const std::string again = written(first);
    RequestHead second;
    ASSERT_EQ(parse_request(again, {}, second).state, H1Parse::State::complete);
    EXPECT_EQ(second.path, first.path);
    EXPECT_EQ(second.query, first.query);
    EXPECT_EQ(second.authority, first.authority);
    EXPECT_EQ(second.framing, first.framing);
    EXPECT_EQ(second.headers.size(), first.headers.size());
    EXPECT_EQ(written(second), again);
}

TEST(H1Writer, AnUpgradeIsNamedInConnection) {
    RequestHead head = get();
    ASSERT_TRUE(head.headers.add(Known::upgrade, "websocket"));
    std::array<char, 4096> memory;
    HeadBuffer out(memory);
    write_request_head(out, head);
    EXPECT_EQ(out.view(),
              "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");

    ResponseHead agreed = answer(101);
    ASSERT_TRUE(agreed.headers.add(Known::upgrade, "websocket"));
    EXPECT_EQ(
        written(agreed),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    ResponseHead required = answer(426);
    ASSERT_TRUE(required.headers.add(Known::upgrade, "websocket"));
    EXPECT_EQ(written(required, {.close = true}),
              "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"
              "Connection: close, Upgrade\r\n\r\n");
}

}  // namespace
}  // namespace gw::http
