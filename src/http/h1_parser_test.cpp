#include "http/h1_parser.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/text.hpp"

namespace gw::http {
namespace {

using State = H1Parse::State;

const H1Limits kLimits;

bool same(const H1Parse& a, const H1Parse& b) {
    return a.state == b.state && a.consumed == b.consumed && a.refusal.status == b.refusal.status &&
           a.refusal.detail == b.refusal.detail;
}

// Parses `text` as it would arrive in any pieces: every prefix. What is complete or refused stays
// so, with the same result, however much follows, and nothing is complete before its last byte.
template <class Parse>
H1Parse parse_every_prefix(const std::string& text, Parse parse) {
    const H1Parse whole = parse(text);
    for (std::size_t size = 0; size < text.size(); ++size) {
        // A copy of its own size: a sanitizer sees reads behind the end.
        const std::string prefix(text, 0, size);
        const H1Parse partial = parse(prefix);
        if (whole.state == State::complete && size < whole.consumed) {
            EXPECT_EQ(partial.state, State::incomplete) << size << " bytes of " << text;
        } else if (partial.state != State::incomplete) {
            EXPECT_TRUE(same(partial, whole)) << size << " bytes of " << text;
        }
    }
    return whole;
}

// `head` is as the whole text left it, and points into it.
H1Parse request(const std::string& text, RequestHead& head) {
    parse_every_prefix(
        text, [&head](std::string_view bytes) { return parse_request(bytes, kLimits, head); });
    return parse_request(text, kLimits, head);
}

H1Parse response(const std::string& text, ResponseHead& head, Method to = Method::get) {
    parse_every_prefix(text, [&head, to](std::string_view bytes) {
        return parse_response(bytes, kLimits, to, head);
    });
    return parse_response(text, kLimits, to, head);
}

// 0 if the request is complete, -1 if incomplete, otherwise the status of its refusal.
int status_of(const std::string& text) {
    RequestHead head;
    const H1Parse parse = request(text, head);
    if (parse.state == State::refused) {
        EXPECT_STRNE(parse.refusal.detail, "") << text;
        return parse.refusal.status;
    }
    return parse.state == State::complete ? 0 : -1;
}

// The same for a request with these field lines, each ended by CRLF, besides Host.
int status_with(const std::string& fields) {
    return status_of("POST / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
}

int status_of_target(const std::string& target) {
    return status_of("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
}

bool response_ok(const std::string& text, Method to = Method::get) {
    ResponseHead head;
    const H1Parse parse = response(text, head, to);
    if (parse.state == State::refused) {
        EXPECT_EQ(parse.refusal.status, 502);
        EXPECT_STRNE(parse.refusal.detail, "");
    }
    return parse.state == State::complete;
}

// A head together with the bytes that it points into.
struct Parsed : RequestHead {
    explicit Parsed(std::string bytes) : text(std::move(bytes)) {
        EXPECT_EQ(parse_request(text, kLimits, *this).state, State::complete) << text;
    }
    Parsed(const Parsed&) = delete;
    Parsed& operator=(const Parsed&) = delete;

    const std::string text;
};

TEST(H1Parser, ReadsAnOrdinaryRequest) {
    const std::string text =
        "PUT /api/v1/x?a=1&b=%20 HTTP/1.1\r\nHost: api.example:3000\r\nX-One:  two words \t\r\n"
        "X-Empty:\r\nContent-Length: 5\r\n\r\nhello";
    RequestHead head;
    const H1Parse parse = request(text, head);
    ASSERT_EQ(parse.state, State::complete);
    EXPECT_EQ(parse.consumed, text.size() - 5);
    EXPECT_EQ(head.method, Method::put);
    EXPECT_EQ(head.method_text, "PUT");
    EXPECT_EQ(head.target, "/api/v1/x?a=1&b=%20");
    EXPECT_EQ(head.path, "/api/v1/x");
    EXPECT_TRUE(head.has_query);
    EXPECT_EQ(head.query, "a=1&b=%20");
    EXPECT_EQ(head.authority, "api.example:3000");
    EXPECT_EQ(head.framing, Framing::length);
    EXPECT_EQ(head.content_length, 5U);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(head.expect_continue);
    ASSERT_EQ(head.headers.size(), 4U);
    EXPECT_EQ(head.headers.begin()[1].name, "X-One");
    EXPECT_EQ(head.headers.begin()[1].value, "two words");
    EXPECT_EQ(head.headers.begin()[2].value, "");
}

TEST(H1Parser, NothingOfAnEarlierRequestStays) {
    RequestHead head;
    const std::string first =
        "POST http://a/x?y HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nExpect: x\r\n\r\n";
    ASSERT_EQ(parse_request(first, kLimits, head).state, State::complete);
    const std::string second = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    ASSERT_EQ(parse_request(second, kLimits, head).state, State::complete);
    EXPECT_EQ(head.authority, "b");
    EXPECT_FALSE(head.has_query);
    EXPECT_EQ(head.query, "");
    EXPECT_EQ(head.framing, Framing::none);
    EXPECT_EQ(head.content_length, 0U);
    EXPECT_EQ(head.version_minor, 1);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_EQ(head.headers.size(), 1U);
}

TEST(H1Parser, PipelinedRequestsAreReadOneByOne) {
    const std::string one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
    RequestHead head;
    EXPECT_EQ(parse_request(one + "GET /2 HTTP/1.1\r\n", kLimits, head).consumed, one.size());
}

TEST(H1Parser, SkipsAFewEmptyLinesBeforeARequest) {
    const std::string text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_EQ(status_of("\r\n" + text), 0);
    EXPECT_EQ(status_of("\r\n\r\n\r\n\r\n" + text), 0);
    EXPECT_EQ(status_of("\r\n\r\n\r\n\r\n\r\n" + text), 400);
    EXPECT_EQ(status_of("\n" + text), 400);
    EXPECT_EQ(status_of("\r" + text), 400);
    EXPECT_EQ(status_of("\r\n"), -1);
}

TEST(H1Parser, RefusesTwoLengths) {
    EXPECT_EQ(status_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
    EXPECT_EQ(status_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
    EXPECT_EQ(status_with("Content-Length: 5\r\ncontent-length: 6\r\n"), 400);
    EXPECT_EQ(status_with("Content-Length: 5, 5\r\n"), 400);
    EXPECT_EQ(status_with("Content-Length: 5, 6\r\n"), 400);
}

TEST(H1Parser, RefusesLengthsThatAreNotDigits) {
    for (const char* value :
         {"+5", "-1", "0x5", "5 5", "5_0", "", " ", "1e1", "\xD9\xA5", "5;", "5.0", "a",
          "18446744073709551616", "99999999999999999999", "9223372036854775808"}) {
        EXPECT_EQ(status_with("Content-Length: " + std::string(value) + "\r\n"), 400) << value;
    }
    EXPECT_EQ(status_with("Content-Length: 9223372036854775807\r\n"), 0);
    EXPECT_EQ(Parsed("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: \t010 \r\n\r\n").content_length,
              10U);
}

TEST(H1Parser, TakesOneTransferCodingAndNoOther) {
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\n"), 0);
    EXPECT_EQ(status_with("Transfer-Encoding:\tchunked\r\n"), 0);
    EXPECT_EQ(status_with("Transfer-Encoding: CHUNKED \r\n"), 0);
    EXPECT_EQ(status_with("Transfer-Encoding: gzip, chunked\r\n"), 501);
    for (const char* value : {"chunked, identity", "xchunked", "\"chunked\"", "chunked;q=1",
                              "\x0B"
                              "chunked",
                              "identity", "gzip", "", "chunked, chunked", "chunked,",
                              "chunked chunked", "gzip;q=1, chunked"}) {
        EXPECT_EQ(status_with("Transfer-Encoding: " + std::string(value) + "\r\n"), 400) << value;
    }
    EXPECT_EQ(status_with(std::string("Transfer-Encoding: chun\0ked\r\n", 30)), 400);
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(status_with("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"), 400);
    EXPECT_EQ(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    EXPECT_EQ(status_with("Transfer_Encoding: chunked\r\n"), 400);
    EXPECT_EQ(status_with("Content_Length: 5\r\n"), 400);
}

TEST(H1Parser, RefusesLinesThatReadersCutDifferently) {
    for (const char* fields :
         {"Transfer-Encoding : chunked\r\n", "X: a\nY: b\r\n", "X: a\rY: b\r\n", "X\r: a\r\n",
          "X: a\r\r\n", "X: a\r\n folded\r\n", "X: a\r\n\tfolded\r\n",
          "X: a\x01"
          "b\r\n",
          "X: \x7F\r\n", ": x\r\n", "[x]: y\r\n", "\x80: y\r\n", "X Y: z\r\n", "no colon\r\n",
          "nocolon\r\n", "X\t: y\r\n", "X\n: y\r\n", "X: y\n\r\n", "\n"}) {
        EXPECT_EQ(status_with(fields), 400) << fields;
    }
    EXPECT_EQ(status_with(std::string("X: a\0b\r\n", 8)), 400);
    EXPECT_EQ(status_with(std::string("X\0: b\r\n", 7)), 400);
    EXPECT_EQ(status_with("X: a\tb \xC3\xA9\r\n"), 0);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
    EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n\r\n"), 400);
    EXPECT_EQ(status_of("GET / HTTP/1.1\nHost: a\r\n\r\n"), 400);
}

// Names, values and targets are scanned in blocks: each byte counts at every place in and behind a
// block.
TEST(H1Parser, EveryByteIsJudgedTheSameWhereverItStands) {
    RequestHead head;
    const auto state = [&head](const std::string& text) {
        return parse_request(text, kLimits, head).state;
    };
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        for (std::size_t at = 1; at < 40; ++at) {
            std::string text(40, 'x');
            text[at] = c;
            const bool in_name = is_token_char(c) || c == ':';
            EXPECT_EQ(state("GET / HTTP/1.1\r\nHost: a\r\n" + text + ":\r\n\r\n"),
                      in_name ? State::complete : State::refused)
                << byte << " in a name at " << at;
            EXPECT_EQ(state("GET / HTTP/1.1\r\nHost: a\r\nX:" + text + "\r\n\r\n"),
                      is_text_char(c) ? State::complete : State::refused)
                << byte << " in a value at " << at;
            const bool in_target = byte > ' ' && byte < 0x7F && c != '#';
            EXPECT_EQ(state("GET /" + text + " HTTP/1.1\r\nHost: a\r\n\r\n"),
                      in_target ? State::complete : State::refused)
                << byte << " in a target at " << at;
        }
    }
}

TEST(H1Parser, TheRequestLineHasOneForm) {
    for (const char* line : {"GET  / HTTP/1.1",
                             "GET\t/ HTTP/1.1",
                             "GET / HTTP/1.1 x",
                             "GET / HTTP/1.1 ",
                             "GET /  HTTP/1.1",
                             "GET / http/1.1",
                             "GET / HTTP/1.10",
                             "GET / HTTP/1.x",
                             "GET / HTTP/11",
                             "GET / HTTP/1",
                             "GET / HTTP/0.9",
                             "GET / HTP/1.1",
                             "GET /",
                             "GET",
                             " GET / HTTP/1.1",
                             "/ HTTP/1.1",
                             "G=\":<>(e) / HTTP/1.1",
                             "G\x80T / HTTP/1.1",
                             "GET / HTTP /1.1",
                             "GET / HTTP/ 1.1"}) {
        EXPECT_EQ(status_of(std::string(line) + "\r\nHost: a\r\n\r\n"), 400) << line;
    }
    for (const char* version : {"HTTP/2.0", "HTTP/1.2", "HTTP/9.9", "HTTP/1.9"}) {
        EXPECT_EQ(status_of("GET / " + std::string(version) + "\r\nHost: a\r\n\r\n"), 505)
            << version;
    }
}

TEST(H1Parser, MethodsAreTokensOfBoundedLength) {
    EXPECT_EQ(Parsed("BREW / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::other);
    EXPECT_EQ(Parsed("get / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::other);
    EXPECT_EQ(Parsed("DELETE / HTTP/1.1\r\nHost: a\r\n\r\n").method, Method::delete_);
    EXPECT_EQ(status_of(std::string(32, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
    EXPECT_EQ(status_of(std::string(33, 'M') + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 501);
    EXPECT_EQ(status_of(std::string(10'000, 'M')), 501);
    EXPECT_EQ(status_of("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
    EXPECT_EQ(status_of("CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n"), 405);
}

TEST(H1Parser, TargetsHaveNoForeignCharacters) {
    for (const char* target : {"/a b",
                               "/#frag",
                               "/a\tb",
                               "/\x01",
                               "/\x7F",
                               "/\xC3\xA9",
                               "",
                               "a",
                               "a:80",
                               "*",
                               "//a b",
                               "?x",
                               "ftp://a/",
                               "http:/a",
                               "http://",
                               "http:///x",
                               "http://u@a/",
                               "http://a,b/",
                               "http://a:0/",
                               "http://[::1/"}) {
        EXPECT_EQ(status_of_target(target), 400) << target;
    }
    for (const char* target : {"/", "//x", "/?", "/a?b?c", "/a|b{}\"<>^`\\", "/%zz"}) {
        EXPECT_EQ(status_of_target(target), 0) << target;
    }
}

TEST(H1Parser, AQueryIsTakenByteForByte) {
    EXPECT_FALSE(Parsed("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").has_query);
    const std::string text = "GET /a? HTTP/1.1\r\nHost: a\r\n\r\n";
    EXPECT_TRUE(Parsed(text).has_query);
    EXPECT_EQ(Parsed(text).query, "");
}

TEST(H1Parser, AnAbsoluteTargetDecidesAndHostDoesNot) {
    const auto authority = [](const std::string& target, const std::string& host) {
        return std::string(
            Parsed("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n").authority);
    };
    EXPECT_EQ(authority("http://a/", "b"), "a");
    EXPECT_EQ(authority("HTTP://A:80/", "a"), "A:80");
    EXPECT_EQ(authority("https://a/", "a:443"), "a");
    EXPECT_EQ(authority("http://a:81/", "a"), "a:81");
    for (const char* host : {"Host:\r\n", "Host: a/b\r\n", "Host: a\r\nHost: a\r\n", ""}) {
        EXPECT_EQ(status_of("GET http://a/ HTTP/1.1\r\n" + std::string(host) + "\r\n"), 400)
            << host;
    }
    EXPECT_TRUE(Parsed("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n").asks_https);
    EXPECT_FALSE(Parsed("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n").asks_https);
    const Parsed head("GET http://a.b:8080?q HTTP/1.1\r\nHost: A.B:8080\r\n\r\n");
    EXPECT_EQ(head.authority, "a.b:8080");
    EXPECT_EQ(head.path, "/");
    EXPECT_EQ(head.query, "q");
    EXPECT_EQ(Parsed("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n").path, "*");
    EXPECT_EQ(Parsed("GET http://a/x HTTP/1.0\r\n\r\n").authority, "a");
    EXPECT_EQ(Parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path, "*");
    EXPECT_EQ(status_of("GET http://a/ HTTP/1.1\r\n\r\n"), 400);
}

TEST(H1Parser, HostIsThereOnceAndWellFormed) {
    const auto status = [](const std::string& fields) {
        return status_of("GET / HTTP/1.1\r\n" + fields + "\r\n");
    };
    EXPECT_EQ(status(""), 400);
    EXPECT_EQ(status("Host: a\r\nHost: a\r\n"), 400);
    for (const char* host : {"", "a, b", "a/../b", "a@b", "a b", "a:", "a:x", "a:99999", "[::1"}) {
        EXPECT_EQ(status("Host: " + std::string(host) + "\r\n"), 400) << host;
    }
    EXPECT_EQ(status("Host: [::1]:8080\r\n"), 0);
    EXPECT_EQ(Parsed("GET / HTTP/1.0\r\n\r\n").authority, "");
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
    EXPECT_EQ(status_of("GET / HTTP/1.0\r\nHost:\r\n\r\n"), 400);
}

TEST(H1Parser, NamesThatImitateIdentityAreRefused) {
    for (const char* name : {"X_User_Id", "x_tenant_id", "X-Tenant_Id", "x_forwarded_for",
                             "X_Gateway_X", "x_original_url"}) {
        EXPECT_EQ(status_with(std::string(name) + ": 1\r\n"), 400) << name;
    }
    EXPECT_EQ(status_with("X-User-Id: 1\r\n"), 0);  // dropped and counted later
    EXPECT_EQ(status_with("my_header: 1\r\n"), 0);
}

TEST(H1Parser, OneAuthorizationIsEnough) {
    EXPECT_EQ(status_with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400);
    EXPECT_EQ(status_with("Authorization: Bearer a\r\n"), 0);
}

TEST(H1Parser, ABodyHasOneType) {
    EXPECT_EQ(status_with("Content-Type: text/plain\r\ncontent-type: application/json\r\n"), 400);
    EXPECT_EQ(status_with("Content-Type: text/plain\r\n"), 0);
}

TEST(H1Parser, OnlyOneExpectationIsKnown) {
    EXPECT_EQ(status_with("Expect: 200-ok\r\n"), 417);
    EXPECT_EQ(status_with("Expect:\r\n"), 417);
    EXPECT_TRUE(
        Parsed("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\n\r\n").expect_continue);
    EXPECT_FALSE(Parsed("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expect_continue);
    EXPECT_FALSE(Parsed("PUT / HTTP/1.0\r\nExpect: x\r\n\r\n").expect_continue);
}

TEST(H1Parser, ConnectionOptionsDecideAboutTheConnection) {
    const auto keeps = [](const char* version, const std::string& fields) {
        return Parsed("GET / HTTP/" + std::string(version) + "\r\nHost: a\r\n" + fields + "\r\n")
            .keep_alive;
    };
    EXPECT_TRUE(keeps("1.1", ""));
    EXPECT_FALSE(keeps("1.1", "Connection: close\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: x, CLOSE,y\r\n"));
    EXPECT_FALSE(keeps("1.1", "Connection: keep-alive\r\nConnection: close\r\n"));
    EXPECT_TRUE(keeps("1.1", "Connection: closed\r\n"));
    EXPECT_FALSE(keeps("1.0", ""));
    EXPECT_TRUE(keeps("1.0", "Connection: Keep-Alive\r\n"));
    EXPECT_FALSE(keeps("1.0", "Connection: keep-alive, close\r\n"));
}

TEST(H1Parser, LimitsHoldForWhatIsIncompleteToo) {
    EXPECT_EQ(status_of("GET /" + std::string(9'000, 'x')), 414);
    RequestHead head;
    const H1Limits small{.request_line_max = 30, .head_max = 80};
    const auto status = [&](const std::string& text) {
        const H1Parse parse = parse_every_prefix(
            text, [&](std::string_view bytes) { return parse_request(bytes, small, head); });
        return parse.state == State::complete ? 0 : parse.refusal.status;
    };
    EXPECT_EQ(status("GET /" + std::string(16, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 0);  // 30
    EXPECT_EQ(status("GET /" + std::string(17, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
    const std::string line = "GET / HTTP/1.1\r\nHost: a\r\n";  // 25, and X: CRLF CRLF 7
    EXPECT_EQ(status(line + "X:" + std::string(80 - 25 - 6, 'x') + "\r\n\r\n"), 0);
    EXPECT_EQ(status(line + "X:" + std::string(81 - 25 - 6, 'x') + "\r\n\r\n"), 431);
    std::string many;
    for (std::size_t i = 0; i < Headers::kFieldsMax - 1; ++i) {
        many += "X: y\r\n";
    }
    EXPECT_EQ(status_with(many), 0);
    EXPECT_EQ(status_with(many + "X: y\r\n"), 431);
}

TEST(H1Parser, ReadsAnOrdinaryResponse) {
    ResponseHead head;
    const std::string text =
        "HTTP/1.1 404 Not  Found \xC3\xA9\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    const H1Parse parse = response(text, head);
    ASSERT_EQ(parse.state, State::complete);
    EXPECT_EQ(parse.consumed, text.size() - 3);
    EXPECT_EQ(head.status, 404);
    EXPECT_EQ(head.reason, "Not  Found \xC3\xA9");
    EXPECT_EQ(head.framing, Framing::length);
    EXPECT_EQ(head.content_length, 3U);
    EXPECT_FALSE(head.keep_alive);
}

TEST(H1Parser, TheStatusLineHasOneForm) {
    for (const char* line :
         {"HTTP/1.1 200", "HTTP/1.0 200 ", "HTTP/1.1 599 x", "HTTP/1.1 100 Continue"}) {
        EXPECT_TRUE(response_ok(std::string(line) + "\r\n\r\n")) << line;
    }
    for (const char* line :
         {"HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 200x", "HTTP/1.1  200 OK", "HTTP/1.1 099 x",
          "HTTP/1.1 600 x", "HTTP/1.1 999 x", "HTTP/1.2 200 OK", "HTTP/2.0 200 OK",
          "http/1.1 200 OK", "HTTP/1.1 +20 OK", "HTTP/1.1 200 a\x01", "HTTP/1.1\t200 OK",
          "ICY 200 OK", "200 OK", "", "\r\nHTTP/1.1 200 OK", "HTTP/1.1 200 a\rb",
          "HTTP/1.1 200 a\nX: y"}) {
        EXPECT_FALSE(response_ok(std::string(line) + "\r\n\r\n")) << line;
    }
}

TEST(H1Parser, ResponsesAreFramedInOneWay) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    for (const char* fields :
         {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: -1\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
          "X: y\r\n z\r\n", "X : y\r\n", "X: y\nZ: a\r\n", "content_length: 5\r\n"}) {
        EXPECT_FALSE(response_ok(ok + fields + "\r\n")) << fields;
    }
    EXPECT_FALSE(response_ok("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    EXPECT_TRUE(response_ok(ok + "x_user_id: upstream's own\r\n\r\n"));
}

TEST(H1Parser, TheBodyOfAResponseDependsOnItsRequestAndStatus) {
    const auto framing = [](const std::string& text, Method to) {
        ResponseHead head;
        EXPECT_EQ(response(text, head, to).state, State::complete) << text;
        return head;
    };
    EXPECT_EQ(framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::get).framing,
              Framing::chunked);
    ResponseHead head = framing("HTTP/1.1 200 OK\r\n\r\n", Method::get);
    EXPECT_EQ(head.framing, Framing::until_close);
    EXPECT_FALSE(head.keep_alive);
    head = framing("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Method::head);
    EXPECT_EQ(head.framing, Framing::none);
    EXPECT_EQ(head.content_length, 7U);
    EXPECT_TRUE(head.keep_alive);
    head = framing("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", Method::get);
    EXPECT_EQ(head.framing, Framing::none);
    EXPECT_EQ(head.content_length, 7U);
    EXPECT_EQ(
        framing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::head).framing,
        Framing::none);
    head = framing("HTTP/1.1 204 No Content\r\n\r\n", Method::get);
    EXPECT_EQ(head.framing, Framing::none);
    EXPECT_TRUE(head.keep_alive);
    EXPECT_FALSE(
        framing("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n", Method::get).keep_alive);
    EXPECT_EQ(framing("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Method::get).framing,
              Framing::none);
    EXPECT_FALSE(framing("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Method::get).keep_alive);
    EXPECT_TRUE(framing("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
                        Method::get)
                    .keep_alive);
}

TEST(H1Parser, ConnectionNamesFewFields) {
    const auto list = [](std::size_t names) {
        std::string fields = "Connection: close";
        for (std::size_t i = 1; i < names / 2; ++i) {
            fields += ",a";
        }
        fields += "\r\nConnection: b";
        for (std::size_t i = names / 2 + 1; i < names; ++i) {
            fields += ",,c";
        }
        return fields + "\r\n";
    };
    RequestHead head;
    EXPECT_EQ(request("GET / HTTP/1.1\r\nHost: a\r\n" + list(32) + "\r\n", head).state,
              State::complete);
    EXPECT_FALSE(head.keep_alive);
    EXPECT_EQ(request("GET / HTTP/1.1\r\nHost: a\r\n" + list(33) + "\r\n", head).refusal.status,
              400);
    ResponseHead answer;
    EXPECT_EQ(response("HTTP/1.1 204 No Content\r\n" + list(33) + "\r\n", answer).refusal.status,
              502);
}

}  // namespace
}  // namespace gw::http
