#include "gateway/answer_parts.hpp"

#include <gtest/gtest.h>

#include <array>

namespace gw::gateway {
namespace {

TEST(AnswerParts, AreOneJsonText) {
    for (const char* text : {"{}", "[]", "1", "\"a\"", "null", " {\"a\": [1, 2.50, -3e9]}\n",
                             "12345678901234567890123"}) {
        EXPECT_TRUE(is_json(text)) << text;
    }
    for (const char* text : {"", " ", "{", "{}{}", "{} x", "{'a':1}", "[1,]", "nul", "\"\xff\"",
                             "\"\n\"", "/**/1", "\xef\xbb\xbf{}", "NaN", "01"}) {
        EXPECT_FALSE(is_json(text)) << text;
    }
    EXPECT_TRUE(is_json(std::string(60, '[') + std::string(60, ']')));
    EXPECT_FALSE(is_json(std::string(100'000, '[')));
}

TEST(AnswerParts, ArePointedIntoForTextsAndWholeNumbers) {
    const auto json = PointedJson::parse(
        R"({"a": {"id": "x/1", "n": 7, "big": 18446744073709551615, "f": 1.5, "no": null}, "l": [{"id": -3}], "~/": "t"})");
    ASSERT_TRUE(json.has_value());
    EXPECT_EQ(json->find("/a/id"), "x/1");
    EXPECT_EQ(json->find("/a/n"), "7");
    EXPECT_EQ(json->find("/a/big"), "18446744073709551615");
    EXPECT_EQ(json->find("/l/0/id"), "-3");
    EXPECT_EQ(json->find("/~0~1"), "t");
    for (const char* pointer : {"/a", "/a/f", "/a/no", "/b", "/l/1/id", "/l/x", "/a/id/x", "/~2"}) {
        EXPECT_EQ(json->find(pointer), std::nullopt) << pointer;
    }
    EXPECT_FALSE(PointedJson::parse("{").has_value());
    EXPECT_FALSE(PointedJson::parse(std::string(100'000, '[')).has_value());
}

TEST(AnswerParts, StandInTheWholeAsTheyCame) {
    std::string out;
    const std::array<AnswerPart, 2> whole{
        AnswerPart{.name = "a", .json = "{\"n\": 1.50}", .error = {}},
        AnswerPart{.name = "b", .json = "[]", .error = {}}};
    write_whole(out, whole);
    EXPECT_EQ(out, R"({"a":{"n": 1.50},"b":[]})");
    out.clear();
    const std::array<AnswerPart, 3> missing{
        AnswerPart{.name = "a", .json = "1", .error = {}},
        AnswerPart{.name = "b", .json = "", .error = Code::not_found},
        AnswerPart{.name = "c", .json = "", .error = Code::upstream_timeout}};
    write_whole(out, missing);
    EXPECT_EQ(out, R"({"a":1,"b":null,"c":null,"errors":[{"part":"b","code":"not_found"},)"
                   R"({"part":"c","code":"upstream_timeout"}]})");
    EXPECT_TRUE(is_json(out));
}

TEST(AnswerParts, WhatIsNoAnswerBecomesACodeOfOurs) {
    EXPECT_EQ(code_of_part(404), Code::not_found);
    EXPECT_EQ(code_of_part(403), Code::forbidden);
    EXPECT_EQ(code_of_part(503), Code::overloaded);
    for (const int status : {301, 302, 418, 500, 502}) {
        EXPECT_EQ(code_of_part(status), Code::bad_gateway) << status;
    }
}

}  // namespace
}  // namespace gw::gateway
