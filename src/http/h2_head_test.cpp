#include "http/h2_head.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gw::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

const Fields kGet{
    {":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/x?y=1"}};

Fields operator+(Fields a, const Fields& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

Fields without(Fields fields, std::string_view name) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
    return fields;
}

// The same request with another value for one field.
Fields with(Fields fields, std::string_view name, std::string value) {
    for (auto& [known, old] : fields) {
        if (known == name) {
            old = value;
        }
    }
    return fields;
}

struct Read {
    explicit Read(const Fields& fields, bool last = true, H1Limits limits = {},
                  bool extended_connect = false) {
        H2HeadReader reader(limits, text, cookies, head);
        if (extended_connect) {
            reader.allow_extended_connect();
        }
        for (const auto& [name, value] : fields) {
            reader.take(name, value);
        }
        reader.end(last);
        malformed = reader.malformed();
        if (reader.defect() != nullptr) {
            status = reader.defect()->status;
            detail = reader.defect()->detail;
        }
        decoded = reader.decoded_bytes();
    }
    std::array<char, 16UL * 1024> text{};
    std::string cookies;
    RequestHead head;
    bool malformed = false;
    int status = 0;
    std::string detail;
    std::size_t decoded = 0;
};

TEST(H2Head, ReadsARequestAsHttp11Would) {
    const Read read(kGet + Fields{{"accept", "*/*"}, {"authorization", "Bearer x"}});
    EXPECT_EQ(read.status, 0) << read.detail;
    EXPECT_EQ(read.head.method, Method::get);
    EXPECT_EQ(read.head.method_text, "GET");
    EXPECT_EQ(read.head.path, "/x");
    EXPECT_EQ(read.head.query, "y=1");
    EXPECT_TRUE(read.head.has_query);
    EXPECT_EQ(read.head.authority, "a");
    EXPECT_EQ(read.head.framing, Framing::none);
    EXPECT_EQ(read.head.headers.value(Known::authorization), "Bearer x");
    EXPECT_EQ(read.head.headers.size(), 2U);
}

const Fields kExtended{{":method", "CONNECT"}, {":protocol", "websocket"},
                       {":scheme", "https"},   {":authority", "a"},
                       {":path", "/chat?x=1"}, {"sec-websocket-version", "13"}};

Read offered(const Fields& fields, bool last = false) {
    return Read(fields, last, {}, true);
}

TEST(H2Head, AnExtendedConnectIsARequestForAWebSocketWhereItWasOffered) {
    const Read read = offered(kExtended);
    EXPECT_EQ(read.status, 0) << read.detail;
    EXPECT_EQ(read.head.method, Method::connect);
    EXPECT_EQ(read.head.path, "/chat");
    EXPECT_EQ(read.head.query, "x=1");
    EXPECT_EQ(read.head.authority, "a");
    EXPECT_EQ(read.head.framing, Framing::none);  // what follows is no body
    EXPECT_EQ(offered(without(kExtended, ":protocol") + Fields{}).status, 400);
    EXPECT_TRUE(Read(kExtended).malformed);  // RFC 8441, 3
}

TEST(H2Head, AnExtendedConnectIsJudgedByItsOwnRules) {
    for (const char* name : {":scheme", ":path", ":authority"}) {
        EXPECT_TRUE(offered(without(kExtended, name)).malformed) << name;
    }
    EXPECT_TRUE(offered(with(kExtended, ":method", "GET")).malformed);
    EXPECT_TRUE(offered(with(kExtended, ":protocol", "web socket")).malformed);
    EXPECT_TRUE(offered(with(kExtended, ":protocol", "")).malformed);
    EXPECT_TRUE(offered(Fields{{":protocol", "websocket"}} + kExtended).malformed);
    EXPECT_EQ(offered(with(kExtended, ":protocol", "connect-udp")).status, 501);
    EXPECT_EQ(offered(with(kExtended, ":protocol", "WebSocket")).status, 0);
    EXPECT_EQ(offered(kExtended + Fields{{"content-length", "3"}}).status, 400);
}

TEST(H2Head, APlainConnectNamesAnAuthorityAndNothingElse) {
    const Fields plain{{":method", "CONNECT"}, {":authority", "a:443"}};
    for (const bool extended : {false, true}) {
        EXPECT_EQ(Read(plain, false, {}, extended).status, 405);
        EXPECT_FALSE(Read(plain, false, {}, extended).malformed);
        for (const auto& [name, value] : Fields{{":path", "/"}, {":scheme", "https"}}) {
            EXPECT_TRUE(Read(plain + Fields{{name, value}}, false, {}, extended).malformed) << name;
        }
        EXPECT_TRUE(Read(without(plain, ":authority"), false, {}, extended).malformed);
    }
}

TEST(H2Head, KnowsTheBodyByItsLengthOrByItsStream) {
    EXPECT_EQ(Read(kGet, false).head.framing, Framing::chunked);
    const Read sized(kGet + Fields{{"content-length", "5"}}, false);
    EXPECT_EQ(sized.head.framing, Framing::length);
    EXPECT_EQ(sized.head.content_length, 5U);
    EXPECT_EQ(Read(kGet + Fields{{"content-length", "0"}}).status, 0);
    EXPECT_TRUE(Read(kGet + Fields{{"content-length", "5"}}).malformed);
}

TEST(H2Head, JoinsTheCrumbsOfACookie) {
    const Read read(kGet + Fields{{"cookie", "a=1"}, {"accept", "x"}, {"cookie", "b=2"}});
    EXPECT_EQ(read.head.headers.value(Known::cookie), "a=1; b=2");
    EXPECT_EQ(read.head.headers.size(), 2U);
}

TEST(H2Head, IsMalformedWithoutItsPseudoHeaders) {
    for (const std::string_view name : {":method", ":scheme", ":path"}) {
        EXPECT_TRUE(Read(without(kGet, name)).malformed) << name;
    }
}

TEST(H2Head, NeedsAnAuthorityOrAHostAndNoTwoThatDiffer) {
    const Fields without_authority = without(kGet, ":authority");
    EXPECT_EQ(Read(without_authority).status, 400);
    EXPECT_EQ(Read(without_authority + Fields{{"host", "b"}}).head.authority, "b");
    EXPECT_EQ(Read(kGet + Fields{{"host", "A:80"}}).status, 0);
    EXPECT_TRUE(Read(kGet + Fields{{"host", "b"}}).malformed);
    EXPECT_TRUE(Read(kGet + Fields{{"host", "a:8080"}}).malformed);
    EXPECT_TRUE(Read(kGet + Fields{{"host", "a"}, {"host", "a"}}).malformed);
    for (const char* value : {"", "user@a", "a/b", "a b", "a:0", "a:99999", "a,b"}) {
        EXPECT_TRUE(Read(with(kGet, ":authority", value)).malformed) << value;
    }
}

TEST(H2Head, RefusesPseudoHeadersThatAreRepeatedLateUnknownOrOfResponses) {
    for (const auto& field : kGet) {
        EXPECT_TRUE(Read(kGet + Fields{field}).malformed) << field.first;
    }
    EXPECT_TRUE(Read(without(kGet, ":path") + Fields{{"accept", "x"}, {":path", "/"}}).malformed);
    EXPECT_TRUE(Read(kGet + Fields{{":status", "200"}}).malformed);
    EXPECT_TRUE(Read(kGet + Fields{{":protocol", "websocket"}}).malformed);
    EXPECT_TRUE(Read(kGet + Fields{{":", "x"}}).malformed);
}

TEST(H2Head, RefusesMethodsSchemesAndPathsOutsideTheirGrammar) {
    for (const char* value : {"", "GET / HTTP/1.1\r\nX:", "G ET", "G\tT", "G\"T"}) {
        EXPECT_TRUE(Read(with(kGet, ":method", value)).malformed) << value;
    }
    for (const char* value : {"", "http://x/", "1http", "ht tp", "http\r\n"}) {
        EXPECT_TRUE(Read(with(kGet, ":scheme", value)).malformed) << value;
    }
    for (const char* value :
         {"", "x", "http://a/", "/a b", "/a#b", "/\r\n", "/\x7f", "/\xc3\xbc", "*"}) {
        EXPECT_TRUE(Read(with(kGet, ":path", value)).malformed) << value;
    }
    EXPECT_EQ(Read(with(kGet, ":scheme", "ftp")).status, 400);
    EXPECT_EQ(Read(with(with(kGet, ":path", "*"), ":method", "OPTIONS")).head.path, "*");
}

TEST(H2Head, RefusesFieldsThatHttp11WouldReadDifferently) {
    const Fields bad{{"Accept", "x"},
                     {"a b", "x"},
                     {"a:", "x"},
                     {"", "x"},
                     {"a", "x\r\ny: z"},
                     {"a", "x\ny"},
                     {"a", std::string(1, 0)},
                     {"a", " x"},
                     {"a", "x\t"},
                     {"connection", "close"},
                     {"keep-alive", "1"},
                     {"proxy-connection", "x"},
                     {"upgrade", "h2c"},
                     {"transfer-encoding", "chunked"},
                     {"te", "gzip"},
                     {"te", "trailers, deflate"},
                     {"content-length", "x"},
                     {"content-length", "-1"}};
    for (const auto& field : bad) {
        EXPECT_TRUE(Read(kGet + Fields{field}, false).malformed) << field.first;
    }
    EXPECT_TRUE(
        Read(kGet + Fields{{"content-length", "1"}, {"content-length", "1"}}, false).malformed);
    EXPECT_EQ(Read(kGet + Fields{{"te", "trailers"}}).status, 0);
}

TEST(H2Head, AnswersWhatHttp11AnswersWithTheSameStatus) {
    EXPECT_EQ(Read(kGet + Fields{{"x_user_id", "1"}}).status, 400);
    EXPECT_EQ(Read(kGet + Fields{{"content_length", "1"}}).status, 400);
    EXPECT_EQ(Read(kGet + Fields{{"authorization", "a"}, {"authorization", "b"}}).status, 400);
    EXPECT_EQ(Read(kGet + Fields{{"content-type", "a/b"}, {"content-type", "c/d"}}).status, 400);
    EXPECT_EQ(Read(kGet + Fields{{"expect", "x"}}).status, 417);
    EXPECT_EQ(Read(with(kGet, ":method", "TRACE")).status, 405);
    EXPECT_EQ(Read(Fields{{":method", "CONNECT"}, {":authority", "a:1"}}).status, 405);
    EXPECT_EQ(Read(with(kGet, ":method", std::string(33, 'A'))).status, 501);
    EXPECT_EQ(Read(with(kGet, ":path", "/" + std::string(9'000, 'a'))).status, 414);
    EXPECT_EQ(Read(with(kGet, ":path", "/" + std::string(64'000, 'a'))).status, 414);
    EXPECT_FALSE(Read(kGet + Fields{{"x_user_id", "1"}}).malformed);
}

TEST(H2Head, CountsDecodedBytesBeyondItsLimitToo) {
    const Fields field{{"a", std::string(8'000, 'x')}};
    const Read read(kGet + field + field + field);
    EXPECT_EQ(read.status, 431);
    EXPECT_FALSE(read.malformed);
    EXPECT_GT(read.decoded, 24'000U);
    Fields many = kGet;
    for (int i = 0; i < 129; ++i) {
        many.emplace_back("a", "b");
    }
    EXPECT_EQ(Read(many).status, 431);
}

TEST(H2Head, BreakingTheProtocolOutweighsARefusal) {
    EXPECT_TRUE(Read(kGet + Fields{{"x_user_id", "1"}, {"connection", "x"}}).malformed);
}

TEST(H2Trailers, AreReadByTheSameRulesAndLeaveOutWhatHarms) {
    H2Trailers trailers;
    trailers.take("x-sum", "1");
    trailers.take("authorization", "x");
    trailers.take("content-length", "3");
    ASSERT_EQ(trailers.defect(), nullptr);
    ASSERT_EQ(trailers.fields().size(), 1U);
    EXPECT_EQ(trailers.fields().begin()->value, "1");
    for (const auto& [name, value] :
         Fields{{":path", "/"}, {"X", "y"}, {"a", "x\r\n"}, {"a", std::string(5'000, 'x')}}) {
        H2Trailers bad;
        bad.take(name, value);
        EXPECT_NE(bad.defect(), nullptr) << name;
    }
}

}  // namespace
}  // namespace gw::http
