#include "base/text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw {
namespace {

std::vector<std::string> items(std::string_view text) {
    std::vector<std::string> found;
    CommaList list(text);
    std::string_view item;
    while (list.next(item)) {
        found.emplace_back(item);
    }
    return found;
}

TEST(Text, ClassesAgreeWithTheGrammarForEveryByte) {
    for (int i = 0; i < 256; ++i) {
        const char c = static_cast<char>(i);
        const bool alphanumeric =
            (i >= '0' && i <= '9') || (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
        const bool tchar =
            alphanumeric || (i != 0 && i < 0x80 && std::string_view("!#$%&'*+-.^_`|~").contains(c));
        EXPECT_EQ(is_token_char(c), tchar) << i;
        EXPECT_EQ(is_text_char(c), i == '\t' || (i >= 0x20 && i != 0x7F)) << i;
        EXPECT_EQ(is_unreserved(c), alphanumeric || c == '-' || c == '.' || c == '_' || c == '~')
            << i;
    }
}

TEST(Text, HexDigitsHaveValuesInBothCases) {
    EXPECT_EQ(hex_value('0'), 0);
    EXPECT_EQ(hex_value('9'), 9);
    EXPECT_EQ(hex_value('a'), 10);
    EXPECT_EQ(hex_value('F'), 15);
    for (const char c : {'g', 'G', '/', ':', '@', '`', ' ', '\0', '\xFF'}) {
        EXPECT_EQ(hex_value(c), -1) << c;
    }
}

TEST(Text, OnlyAsciiLettersAreFolded) {
    EXPECT_TRUE(equal_ignore_case("Content-TYPE", "content-type"));
    EXPECT_TRUE(equal_ignore_case("", ""));
    EXPECT_FALSE(equal_ignore_case("a", "ab"));
    EXPECT_FALSE(equal_ignore_case("[", "{"));  // one bit apart, as 'A' and 'a' are
    EXPECT_FALSE(equal_ignore_case("\r", "-"));
    EXPECT_FALSE(equal_ignore_case("\xC3\x84", "\xC3\xA4"));
    EXPECT_TRUE(starts_with_ignore_case("HTTP://x", "http://"));
    EXPECT_FALSE(starts_with_ignore_case("htt", "http"));
}

TEST(Text, JsonHasSeveralTypes) {
    for (const char* type : {"application/json", "TEXT/json", "application/problem+JSON"}) {
        EXPECT_TRUE(is_json_type(type)) << type;
    }
    for (const char* type : {"", "json", "+json", "text/plain", "application/jsonp",
                             "application/json ", "application/x-ndjson"}) {
        EXPECT_FALSE(is_json_type(type)) << type;
    }
}

TEST(Text, TrimsSpacesAndTabsOnly) {
    EXPECT_EQ(trim_ows(" \t a b\t "), "a b");
    EXPECT_EQ(trim_ows("\va\f"), "\va\f");
    EXPECT_EQ(trim_ows(" \t"), "");
    EXPECT_EQ(trim_ows(""), "");
}

TEST(Text, TokensHaveAtLeastOneCharacter) {
    EXPECT_TRUE(is_token("X-Y_z~1"));
    EXPECT_FALSE(is_token(""));
    EXPECT_FALSE(is_token("a b"));
    EXPECT_FALSE(is_token("a:"));
    EXPECT_FALSE(is_token("\x80"));
}

TEST(Text, DecimalNumbersAreDigitsOnly) {
    EXPECT_EQ(parse_decimal("0"), 0U);
    EXPECT_EQ(parse_decimal("010"), 10U);
    EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
    EXPECT_EQ(parse_decimal("0000000000000000000000000000000000001"), 1U);
    for (const char* text :
         {"", " ", "+1", "-1", "1 ", " 1", "0x1", "1e1", "1_0", "1.0", "1,1", "\xD9\xA5", "a",
          "18446744073709551616", "99999999999999999999", "184467440737095516150"}) {
        EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
    }
}

TEST(Text, HexNumbersAreDigitsOnly) {
    EXPECT_EQ(parse_hex("fF"), 255U);
    EXPECT_EQ(parse_hex("ffffffffffffffff"), UINT64_MAX);
    for (const char* text : {"", "0x1", "g", "-1", "10000000000000000", " 1"}) {
        EXPECT_EQ(parse_hex(text), std::nullopt) << text;
    }
}

TEST(Text, ListsLeaveOutEmptyElements) {
    using List = std::vector<std::string>;
    EXPECT_EQ(items("a"), List{"a"});
    EXPECT_EQ(items("a, b\t,c"), (List{"a", "b", "c"}));
    EXPECT_EQ(items(",, a ,, ,b,"), (List{"a", "b"}));
    EXPECT_EQ(items(""), List{});
    EXPECT_EQ(items(" , "), List{});
}

TEST(Text, ListsAreSearchedForWholeElements) {
    EXPECT_TRUE(list_contains("keep-alive, Close", "close"));
    EXPECT_FALSE(list_contains("closed, x-close", "close"));
    EXPECT_FALSE(list_contains("", "close"));
}

}  // namespace
}  // namespace gw
