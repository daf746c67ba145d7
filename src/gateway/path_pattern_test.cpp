#include "gateway/path_pattern.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

TEST(PathPattern, IsWrittenAsItIsRead) {
    for (const char* text : {"/", "/a", "/a/b.c/~d", "/a/{id}", "/{a}/b/{c_2}", "/**", "/a/**",
                             "/a/{id}/**", "/a/*", "/a/b*c", "/a/x{y"}) {
        if (std::string_view(text) == "/a/x{y") {
            EXPECT_FALSE(PathPattern::parse(text).has_value());
            continue;
        }
        const auto pattern = PathPattern::parse(text);
        ASSERT_TRUE(pattern.has_value()) << text << " " << pattern.error().what;
        EXPECT_EQ(pattern->to_string(), text);
    }
}

TEST(PathPattern, TellsLiteralsFromParameters) {
    const auto pattern = PathPattern::parse("/events/{id}/**");
    ASSERT_TRUE(pattern.has_value());
    EXPECT_TRUE(pattern->prefix);
    ASSERT_EQ(pattern->segments.size(), 2U);
    EXPECT_FALSE(pattern->segments[0].parameter);
    EXPECT_TRUE(pattern->segments[1].parameter);
    EXPECT_EQ(pattern->segments[1].text, "id");
    EXPECT_TRUE(pattern->has_parameter("id"));
    EXPECT_FALSE(pattern->has_parameter("events"));
}

TEST(PathPattern, HasOneShapeForWhatMatchesTheSame) {
    EXPECT_EQ(PathPattern::parse("/a/{x}")->shape(), PathPattern::parse("/a/{y}")->shape());
    EXPECT_NE(PathPattern::parse("/a/{x}")->shape(), PathPattern::parse("/a/x")->shape());
    EXPECT_NE(PathPattern::parse("/a/**")->shape(), PathPattern::parse("/a")->shape());
}

TEST(PathPattern, RefusesWhatNoCanonicalPathHas) {
    std::string deep;
    std::string parameters;
    for (std::size_t i = 0; i <= PathPattern::kSegmentsMax; ++i) {
        deep += "/a";
    }
    for (std::size_t i = 0; i <= PathPattern::kParametersMax; ++i) {
        parameters += "/{p" + std::to_string(i) + "}";
    }
    for (const std::string& text : {std::string(""),
                                    std::string("a"),
                                    std::string("/a/"),
                                    std::string("//"),
                                    std::string("//a"),
                                    std::string("/a//b"),
                                    std::string("/a//**"),
                                    std::string("//**"),
                                    std::string("/."),
                                    std::string("/a/.."),
                                    std::string("/a b"),
                                    std::string("/a?b"),
                                    std::string("/a#b"),
                                    std::string("/a;b"),
                                    std::string("/a%2fb"),
                                    std::string("/é"),
                                    std::string("/a\\b"),
                                    std::string("/**/a"),
                                    std::string("/{}"),
                                    std::string("/{1}"),
                                    std::string("/{a-b}"),
                                    std::string("/x{a}"),
                                    std::string("/{a}/{a}"),
                                    "/" + std::string(1'024, 'a'),
                                    deep,
                                    parameters}) {
        EXPECT_FALSE(PathPattern::parse(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace gw::gateway
