#include "gateway/security_headers.hpp"

#include <gtest/gtest.h>

#include <string>

namespace gw::gateway {
namespace {

constexpr std::string_view kOurs = "max-age=100; includeSubDomains";

// What is left of a service's own; "" if ours is to be sent.
std::string left(std::initializer_list<std::string_view> given, std::string_view ours = kOurs) {
    http::Headers headers;
    EXPECT_TRUE(headers.add("Content-Type", "text/plain"));
    for (const std::string_view value : given) {
        EXPECT_TRUE(headers.add("strict-transport-security", value));
    }
    const bool stays = keeps_hsts(ours, headers);
    EXPECT_EQ(headers.size(), stays ? 2U : 1U);
    return stays ? std::string(headers.begin()[1].value) : "";
}

TEST(Hsts, AServicesOwnStaysWhereItAsksForAllThatOursDoes) {
    for (const char* strict :
         {"max-age=100; includeSubDomains", "includeSubdomains ; MAX-AGE=\"101\"",
          "max-age=200;includeSubDomains;preload;new=x"}) {
        EXPECT_EQ(left({strict}), strict);
    }
    EXPECT_EQ(left({"max-age=200"}, "max-age=100"), "max-age=200");
}

TEST(Hsts, OursStandsInPlaceOfOneThatAsksForLessOrThatBrowsersDoNotObey) {
    for (const char* lax :
         {"max-age=100", "max-age=99; includeSubDomains", "max-age=0", "includeSubDomains",
          "max-age=x; includeSubDomains", "", "max-age=500; max-age=500; includeSubDomains"}) {
        EXPECT_EQ(left({lax}), "") << lax;
    }
    EXPECT_EQ(left({"max-age=200"}, "max-age=100; preload"), "");
}

TEST(Hsts, OnlyTheFirstOfSeveralCounts) {
    EXPECT_EQ(left({"max-age=200; includeSubDomains", "max-age=0"}),
              "max-age=200; includeSubDomains");
    EXPECT_EQ(left({"max-age=0", "max-age=200; includeSubDomains"}), "");
    EXPECT_EQ(left({}), "");
}

// What goes out of the one or more that a service sends, with ours.
std::string sent(std::string_view name, std::initializer_list<std::string_view> given) {
    const SecurityHeaders ours({.content_type_options = "nosniff",
                                .frame_options = "SAMEORIGIN",
                                .referrer_policy = "strict-origin-when-cross-origin"});
    http::Headers headers;
    for (const std::string_view value : given) {
        EXPECT_TRUE(headers.add(name, value));
    }
    EXPECT_TRUE(headers.add("X-Other", "1"));
    EXPECT_TRUE(ours.add_to(headers));
    EXPECT_EQ(headers.size(), 4U);
    std::string out;
    for (const http::Field& field : headers) {
        if (field.name == name) {
            out += std::string(out.empty() ? "" : " | ") + std::string(field.value);
        }
    }
    return out;
}

TEST(SecurityHeaders, OfSeveralOfAServiceTheOneThatBrowsersObeyIsHeldAgainstOurs) {
    constexpr std::string_view kPolicy = "Referrer-Policy";
    constexpr std::string_view kPlain = "strict-origin-when-cross-origin";
    EXPECT_EQ(sent(kPolicy, {}), kPlain);
    EXPECT_EQ(sent(kPolicy, {"no-referrer"}), "no-referrer");
    EXPECT_EQ(sent(kPolicy, {"origin"}), kPlain);
    EXPECT_EQ(sent(kPolicy, {"no-referrer", "unsafe-url"}), kPlain);
    EXPECT_EQ(sent(kPolicy, {"unsafe-url", "no-referrer"}), "no-referrer");
    EXPECT_EQ(sent(kPolicy, {"no-referrer", "new-policy"}), "no-referrer");
    EXPECT_EQ(sent(kPolicy, {"origin, same-origin"}), "origin, same-origin");
    EXPECT_EQ(sent(kPolicy, {"no-referrer ,unsafe-url"}), kPlain);
    EXPECT_EQ(sent(kPolicy, {",", ""}), kPlain);
    EXPECT_EQ(sent("X-Frame-Options", {"DENY", "SAMEORIGIN"}), "DENY");
    EXPECT_EQ(sent("X-Frame-Options", {"ALLOWALL", "deny"}), "deny");
    EXPECT_EQ(sent("X-Frame-Options", {"ALLOWALL", "ALLOW-FROM x"}), "SAMEORIGIN");
    EXPECT_EQ(sent("X-Content-Type-Options", {"nosniff", "nosniff"}), "nosniff");
}

}  // namespace
}  // namespace gw::gateway
