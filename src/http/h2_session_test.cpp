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
        return client.session.request(head, heard, true, names);
    }

    End client{H2Session::Side::client, 0};
    End server{H2Session::Side::server, 2};
    std::array<char, 1024> names{};
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

TEST_F(H2SessionPair, WithoutRoomForNamesTheyAreCopied) {
    Heard heard;
    RequestHead head = request("first");
    head.has_query = true;
    head.query = "page=2";
    const std::int32_t id = client.session.request(head, heard, true, {});
    talk();
    ASSERT_TRUE(server.streams.contains(id));
    EXPECT_EQ(server.streams[id]->value(":path"), "/events/1?page=2");
    EXPECT_EQ(server.streams[id]->value("x-tenant-id"), "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed");
}

TEST_F(H2SessionPair, WhatComesAgainIsSentOnceAndWhatComesOncePushesNothingOut) {
    std::vector<std::unique_ptr<Heard>> heard;
    std::size_t last = 0;
    for (int i = 0; i < 200; ++i) {
        // Ids of this size would fill the table in a few requests.
        const std::string id = std::to_string(1000 + i) + std::string(400, 'x');
        const RequestHead head = request(id);
        heard.push_back(std::make_unique<Heard>());
        const std::int32_t stream = ask(head, *heard.back());
        last = talk();
        ASSERT_TRUE(server.streams.contains(stream));
        ASSERT_EQ(server.streams[stream]->value("x-request-id"), id);
        server.session.reset(stream, H2Code::no_error);
        talk();
    }
    const std::size_t ids = 404;
    EXPECT_LT(last, ids + 60) << "the names and the other values are one or two bytes each";
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
