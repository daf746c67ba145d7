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
