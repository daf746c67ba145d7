#include "schema/json.hpp"

#include <gtest/gtest.h>

namespace gw::schema {
namespace {

using Defect = JsonDocument::Defect;

Defect read(std::string_view text) {
    JsonDocument document;
    return document.parse(text);
}

TEST(Json, NumbersKeepTheirDigitsAndTextsTheirCharacters) {
    JsonDocument document;
    ASSERT_EQ(document.parse(R"({"n": 12345678901234567890.1230e-5, "s": "a\u00e9\n", "": [1]})"),
              Defect::none);
    EXPECT_EQ(document.root().find("n")->text, "12345678901234567890.1230e-5");
    EXPECT_EQ(document.root().find("s")->text, "a\xC3\xA9\n");
    EXPECT_EQ(document.root().find("")->count, 1U);
    EXPECT_EQ(document.root().find("m"), nullptr);
}

TEST(Json, AMemberThatStandsTwiceIsRefusedHoweverItIsWritten) {
    EXPECT_EQ(read(R"({"a": 1, "a": 1})"), Defect::duplicate);
    EXPECT_EQ(read(R"({"b": {"z": 1, "a": 1, "\u007a": 2}})"), Defect::duplicate);
    EXPECT_EQ(read(R"({"a": {"a": 1}, "b": {"a": 1}})"), Defect::none);
}

TEST(Json, DepthAndCountAreBounded) {
    const std::string deep = std::string(64, '[') + std::string(64, ']');
    EXPECT_EQ(read(deep), Defect::none);
    EXPECT_EQ(read("[" + deep + "]"), Defect::too_deep);
    EXPECT_EQ(read(std::string(1'000'000, '[')), Defect::too_deep);
    std::string many = "[0";
    for (int i = 0; i < 100'000; ++i) {
        many += ",0";
    }
    EXPECT_EQ(read(many + "]"), Defect::too_many);
}

TEST(Json, WhatIsNoJsonIsRefused) {
    for (const std::string_view text : {"",
                                        " ",
                                        "{",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "nul",
                                        "'a'",
                                        "01",
                                        "+1",
                                        ".5",
                                        "1.",
                                        "NaN",
                                        "// a\n1",
                                        "1 2",
                                        "{} {}",
                                        "\"\x01\"",
                                        "\"\xFF\"",
                                        "\"\xC0\xAE\"",
                                        R"("\ud800")",
                                        "[1 2]",
                                        "{1:2}",
                                        "\xEF\xBB\xBF{}"}) {
        EXPECT_EQ(read(text), Defect::malformed) << text;
    }
}

TEST(Json, ADocumentIsReadAgainAndAgain) {
    JsonDocument document;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(document.parse(R"({"a": [1, 2, {"b": "c\td"}]})"), Defect::none);
        EXPECT_EQ(document.root().find("a")->items[2].find("b")->text, "c\td");
        EXPECT_EQ(document.parse("{"), Defect::malformed);
    }
}

}  // namespace
}  // namespace gw::schema
