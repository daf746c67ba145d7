#include "control/explain_operation.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace gw::control {
namespace {

std::expected<gateway::ExplainRequest, std::string> read(std::string_view text) {
    return supposed_request(boost::json::parse(text).as_object());
}

TEST(SupposedRequest, IsWrittenAsAClientWould) {
    const auto found = read(
        R"({"method":"GET","url":"https://a.example/x?y=1","headers":{"X-A":"b"},"address":"2001:db8::1"})");
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ("GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\n\r\n", found->text);
    EXPECT_TRUE(found->secure);
    EXPECT_EQ("2001:db8::1", found->peer.to_string());
    EXPECT_EQ("GET / HTTP/1.1\r\nHost: h\r\n\r\n",
              read(R"({"method":"GET","url":"http://h"})")->text);
    EXPECT_EQ("GET /x HTTP/1.1\r\nhost: b\r\n\r\n",
              read(R"({"method":"GET","url":"/x","headers":{"host":"b"}})")->text);
    EXPECT_EQ("GET /x HTTP/1.1\r\nHost: b\r\nA: 1\r\nA: 2\r\n\r\n",
              read(R"({"method":"GET","url":"/x","headers":{"Host":"b","A":["1","2"]}})")->text);
}

TEST(AnswerInParts, IsRefusedWhereARequiredPartCannotBeHad) {
    using gateway::Code;
    std::vector<gateway::PartToAsk> parts{
        {.name = "event", .service = "events", .needs = {}},
        {.name = "offers", .service = "offers", .required = false, .needs = {2}},
        {.name = "venue", .service = "venues", .required = false, .needs = {}}};
    const auto refused = [&](const std::string& service, Code code) {
        return refused_for_a_part(parts, [&](const std::string& asked) {
            return asked == service ? std::optional(code) : std::nullopt;
        });
    };
    EXPECT_FALSE(refused("nobody", Code::circuit_open));
    const auto open = refused("events", Code::circuit_open);
    ASSERT_TRUE(open);
    EXPECT_EQ("aggregate", open->stage);
    EXPECT_EQ(gateway::StageFinding::Is::refuses, open->is);
    EXPECT_EQ(503, open->status);
    EXPECT_EQ("circuit_open", open->code);
    EXPECT_EQ("no_healthy_upstream", refused("events", Code::no_healthy_upstream)->code);
    EXPECT_FALSE(refused("venues", Code::circuit_open));
    // With what it needs, over another part.
    parts[0].needs = {1};
    EXPECT_TRUE(refused("venues", Code::circuit_open));
    parts[0].needs = {};
    parts[0].closed = true;
    EXPECT_EQ("maintenance", refused("nobody", Code::circuit_open)->code);
}

TEST(SupposedRequest, IsOneRequestAndNoMore) {
    for (const char* text :
         {R"({})", R"({"method":"GET"})", R"({"method":"G T","url":"/"})",
          R"({"method":"GET","url":"/x HTTP/1.1\r\n\r\nGET /y"})",
          R"({"method":"GET","url":"/x y"})", R"({"method":"GET","url":"/","headers":[]})",
          R"({"method":"GET","url":"/","headers":{"A":"b\r\nC: d"}})",
          R"({"method":"GET","url":"/","headers":{"A: b\r\nC":"d"}})",
          R"({"method":"GET","url":"/","headers":{"":"d"}})",
          R"({"method":"GET","url":"/","headers":{"A":1}})",
          R"({"method":"GET","url":"/","address":"nowhere"})"}) {
        EXPECT_FALSE(read(text).has_value()) << text;
    }
    const std::string large(20'000, 'x');
    EXPECT_FALSE(read(R"({"method":"GET","url":"/)" + large + "\"}").has_value());
}

}  // namespace
}  // namespace gw::control
