#include "http/h2_session.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace gw::http {
namespace {

// What one stream of either side has heard.
struct Heard final : H2Session::Listener {
    void fields_began(bool) override {}
    bool field(std::string_view name, std::string_view value) override {
        fields.emplace_back(name, value);
        return true;
    }
    void fields_ended(bool) override { complete = true; }
    void data(std::string_view bytes) override { body += bytes; }
    void ended() override {}
    void closed(H2Code) override { gone = true; }
    H2Session::Outgoing outgoing() override { return {.bytes = {}, .last = true}; }
    void taken(std::size_t, bool) override {}
    void end_sent() override {}
    std::string& literals() override { return literals_; }

    [[nodiscard]] std::string value(std::string_view name) const {
        for (const auto& [known, found] : fields) {
            if (known == name) {
                return found;
            }
        }
        return "(absent)";
    }

    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::string literals_;
    bool complete = false;
    bool gone = false;
};

struct End final : H2Session::Events {
    End(H2Session::Side side, std::uint32_t streams_max)
        : session({.streams_max = streams_max}, *this, side) {}
    H2Session::Listener* stream_began(std::int32_t id) override {
        return (streams[id] = std::make_unique<Heard>()).get();
    }
    bool spend(H2Cost) override { return true; }
    void greeted() override {}
    void ping_answered() override {}
    void broken(H2Code code) override { broke = code; }

    H2Code broke = H2Code::no_error;
    std::map<std::int32_t, std::unique_ptr<Heard>> streams;
    H2Session session;
};

struct H2SessionPair : testing::Test {
    // Everything that either has to say reaches the other. Bytes from the client.
    std::size_t talk() {
        std::size_t sent = 0;
        for (int turn = 0; turn < 4; ++turn) {
            std::string out;
            client.session.fill(out, 1U << 20U);
            sent += out.size();
            EXPECT_TRUE(server.session.receive(out));
            out.clear();
            server.session.fill(out, 1U << 20U);
            EXPECT_TRUE(client.session.receive(out));
        }
        return sent;
    }
    std::int32_t ask(const RequestHead& head, Heard& heard) {
        return client.session.request(head, heard, true);
    }

    End client{H2Session::Side::client, 0};
    End server{H2Session::Side::server, 2};
};

RequestHead request(std::string_view id) {
    RequestHead head;
    head.method = Method::get;
    head.method_text = "GET";
    head.path = "/events/1";
    EXPECT_TRUE(head.headers.add("Host", "events.internal") &&
                head.headers.add("User-Agent", "a browser with a name that is somewhat long") &&
                head.headers.add("X-Tenant-Id", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed") &&
                head.headers.add("Authorization", "Bearer of.no.token") &&
                head.headers.add("X-Request-Id", id));
    return head;
}

TEST_F(H2SessionPair, ARequestArrivesAsItIsWithNamesInLowerCase) {
    RequestHead head = request("first");
    head.has_query = true;
    head.query = "page=2&size=%20";
    Heard heard;
    const std::int32_t id = ask(head, heard);
    talk();
    ASSERT_TRUE(server.streams.contains(id));
    const Heard& got = *server.streams[id];
    EXPECT_TRUE(got.complete);
    EXPECT_EQ(got.value(":method"), "GET");
    EXPECT_EQ(got.value(":path"), "/events/1?page=2&size=%20");
    EXPECT_EQ(got.value(":authority"), "events.internal");
    EXPECT_EQ(got.value("host"), "(absent)");
    EXPECT_EQ(got.value("user-agent"), "a browser with a name that is somewhat long");
    EXPECT_EQ(got.value("x-tenant-id"), "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed");
    EXPECT_EQ(got.value("authorization"), "Bearer of.no.token");
    EXPECT_EQ(got.value("x-request-id"), "first");
    EXPECT_EQ(got.value("te"), "trailers");
}

TEST_F(H2SessionPair, ARequestOwesNothingToThoseBeforeIt) {
    std::vector<std::unique_ptr<Heard>> heard;
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 3; ++i) {
        heard.push_back(std::make_unique<Heard>());
        const std::int32_t stream = ask(request("same"), *heard.back());
        std::string out;
        client.session.fill(out, 1U << 20U);
        sizes.push_back(out.size());
        ASSERT_TRUE(server.session.receive(out));
        ASSERT_EQ(server.streams[stream]->value("x-request-id"), "same");
        server.session.reset(stream, H2Code::no_error);
        talk();
    }
    EXPECT_EQ(sizes[1], sizes[2]) << "another connection would need as many";
}

// The bytes of the sections of fields in it.
std::vector<std::string> sections(std::string_view frames) {
    constexpr std::size_t kHead = 9;
    constexpr char kHeaders = 1;
    std::vector<std::string> found;
    while (frames.size() >= kHead) {
        const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(frames[at]); };
        const std::size_t size = std::size_t{byte(0)} << 16U | std::size_t{byte(1)} << 8U | byte(2);
        if (frames[3] == kHeaders) {
            found.emplace_back(frames.substr(kHead, size));
        }
        frames.remove_prefix(kHead + size);
    }
    return found;
}

TEST_F(H2SessionPair, AServiceIsToldOnceThatItsTableStaysEmpty) {
    // RFC 7541, 4.2: one that makes it smaller asks to be told so.
    const std::string smaller("\0\0\6\4\0\0\0\0\0\0\1\0\0\0\0", 15);
    ASSERT_TRUE(client.session.receive(smaller));
    std::array<Heard, 2> heard;
    ask(request("first"), heard[0]);
    ask(request("second"), heard[1]);
    std::string out;
    client.session.fill(out, 1U << 20U);
    const std::vector<std::string> said = sections(std::string_view(out).substr(24));
    ASSERT_EQ(said.size(), 2U);
    EXPECT_EQ(said[0].substr(0, 2), "\x20\x82");
    EXPECT_EQ(said[1].substr(0, 1), "\x82");
}

TEST_F(H2SessionPair, AHeadThatNoFrameHoldsGoesOnInTheNext) {
    for (const std::size_t size : {16'000U, 16'384U, 40'000U}) {
        RequestHead head = request("large");
        const std::string cookie(size, 'c');
        ASSERT_TRUE(head.headers.add("Cookie", cookie));
        Heard heard;
        const std::int32_t id = ask(head, heard);
        talk();
        ASSERT_TRUE(server.streams.contains(id)) << size;
        EXPECT_EQ(server.streams[id]->value("cookie"), cookie);
        EXPECT_EQ(server.streams[id]->value("te"), "trailers");
        EXPECT_TRUE(server.streams[id]->complete);
        client.session.reset(id, H2Code::cancel);
        client.session.forget(id);
        talk();
    }
}

TEST_F(H2SessionPair, AnAnswerBehindAnInterimOneHasAllItsFields) {
    Heard heard;
    const std::int32_t id = ask(request("first"), heard);
    talk();
    ResponseHead early;
    early.status = 103;
    ASSERT_TRUE(early.headers.add("Link", "</a.css>; rel=preload"));
    ResponseHead answer;
    answer.status = 200;
    ASSERT_TRUE(answer.headers.add("X-Request-Id", "first") &&
                answer.headers.add("Set-Cookie", "a=1") && answer.headers.add("Set-Cookie", "b=2"));
    server.session.interim(id, early);
    server.session.respond(id, answer, 0, false, true);
    talk();
    std::vector<std::string> said;
    for (const auto& [name, value] : heard.fields) {
        said.push_back(name + "=" + value);
    }
    EXPECT_EQ(said,
              (std::vector<std::string>{":status=103", "link=</a.css>; rel=preload", ":status=200",
                                        "x-request-id=first", "set-cookie=a=1", "set-cookie=b=2"}));
}

TEST_F(H2SessionPair, ARequestThatIsGivenUpBeforeItIsWrittenIsNeverWritten) {
    talk();
    auto heard = std::make_unique<Heard>();
    std::int32_t id = 0;
    {
        const std::string text(100, 'v');
        const std::string value = text + "!";
        id = ask(request(value), *heard);
    }
    client.session.reset(id, H2Code::cancel);
    client.session.forget(id);
    heard.reset();
    talk();
    EXPECT_TRUE(server.streams.empty());
    EXPECT_EQ(server.broke, H2Code::no_error);
}

TEST_F(H2SessionPair, OneThatWaitsForItsTurnAndIsGivenUpIsNeverWrittenEither) {
    talk();
    std::array<Heard, 2> first;
    const RequestHead head = request("stays");
    const std::array<std::int32_t, 2> ids{ask(head, first[0]), ask(head, first[1])};
    talk();
    auto heard = std::make_unique<Heard>();
    std::int32_t id = 0;
    {
        const std::string value(100, 'v');
        id = ask(request(value), *heard);
        talk();
    }
    EXPECT_FALSE(server.streams.contains(id)) << "the server takes two at once";
    client.session.reset(id, H2Code::cancel);
    client.session.forget(id);
    heard.reset();
    ResponseHead answer;
    answer.status = 204;
    for (const std::int32_t each : ids) {
        server.session.respond(each, answer, 0, false, true);
    }
    talk();
    EXPECT_FALSE(server.streams.contains(id));
    EXPECT_TRUE(first[0].gone);
}

TEST_F(H2SessionPair, AnAnswersOwnIdsAreNotRemembered) {
    const RequestHead head = request("first");
    std::size_t last = 0;
    for (int i = 0; i < 50; ++i) {
        auto each = std::make_unique<Heard>();
        const std::int32_t id = ask(head, *each);
        talk();
        ResponseHead answer;
        answer.status = 200;
        const std::string text = std::to_string(i) + std::string(400, 'y');
        ASSERT_TRUE(answer.headers.add("X-Request-Id", text) &&
                    answer.headers.add("Content-Type", "application/json; charset=utf-8"));
        server.session.respond(id, answer, 0, false, true);
        std::string out;
        server.session.fill(out, 1U << 20U);
        last = out.size();
        ASSERT_TRUE(client.session.receive(out));
        EXPECT_EQ(each->value("x-request-id"), text);
        EXPECT_EQ(each->value("content-type"), "application/json; charset=utf-8");
    }
    EXPECT_LT(last, 402 + 40U);
}

}  // namespace
}  // namespace gw::http
