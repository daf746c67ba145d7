#include "http/message.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

TEST(Message, MethodsAreNamedAndFoundAgain) {
    for (const Method method : {Method::get, Method::head, Method::post, Method::put, Method::patch,
                                Method::delete_, Method::options, Method::connect, Method::trace}) {
        EXPECT_EQ(method_of(method_name(method)), method);
    }
    for (const char* token : {"", "get", "Get", "GETS", "OPTION", "BREW", "OTHER"}) {
        EXPECT_EQ(method_of(token), Method::other) << token;
    }
}

TEST(Message, OnlyMethodsThatMayBeRepeatedAreIdempotent) {
    EXPECT_TRUE(idempotent(Method::put));
    EXPECT_TRUE(idempotent(Method::delete_));
    EXPECT_FALSE(idempotent(Method::post));
    EXPECT_FALSE(idempotent(Method::patch));
    EXPECT_FALSE(idempotent(Method::other));
}

TEST(Message, StatusesHaveTheirPhrases) {
    EXPECT_EQ(reason_phrase(200), "OK");
    EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
    EXPECT_EQ(reason_phrase(418), "");
    EXPECT_EQ(reason_phrase(0), "");
}

}  // namespace
}  // namespace gw::http
