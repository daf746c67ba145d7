// How large a head is for who reads it in HTTP/2.
#include "http/h2_literals.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace gw::http {
namespace {

TEST(HeaderListSize, IsThatOfTheFieldsThatLeave) {
    RequestHead head;
    head.method = Method::get;
    head.method_text = "GET";
    head.path = "/a";
    ASSERT_TRUE(head.headers.add(Known::host, "service:1"));
    ASSERT_TRUE(head.headers.add(Known::connection, "close"));
    ASSERT_TRUE(head.headers.add("X-App", "7"));
    constexpr std::string_view kFields =
        ":methodGET:schemehttp:authorityservice:1:path/atetrailersx-app7";
    EXPECT_EQ(header_list_size(head), kFields.size() + std::size_t{6} * 32);
    head.has_query = true;
    head.query = "q=1";
    EXPECT_EQ(header_list_size(head), kFields.size() + 4 + std::size_t{6} * 32);
}

}  // namespace
}  // namespace gw::http
