#include "base/encoding.hpp"

#include <gtest/gtest.h>

namespace gw {
namespace {

std::string all_bytes() {
    std::string bytes;
    for (int i = 0; i < 256; ++i) {
        bytes += static_cast<char>(i);
    }
    return bytes;
}

TEST(Encoding, HexComesBack) {
    EXPECT_EQ(to_hex(std::string_view("\x00\x7F\xFF", 3)), "007fff");
    EXPECT_EQ(from_hex(to_hex(all_bytes())), all_bytes());
    EXPECT_EQ(from_hex("aAbB"), "\xAA\xBB");
    EXPECT_EQ(from_hex(""), "");
}

TEST(Encoding, HexRefusesWhatIsNotHex) {
    for (const char* text : {"a", "abc", "0x", "g0", "0g", " 0", "a-"}) {
        EXPECT_EQ(from_hex(text), std::nullopt) << text;
    }
}

TEST(Encoding, PercentEncodingComesBack) {
    EXPECT_EQ(percent_encode("a b/\xC3\xA4~"), "a%20b%2F%C3%A4~");
    EXPECT_EQ(percent_decode(percent_encode(all_bytes())), all_bytes());
}

TEST(Encoding, PercentDecodingIsStrict) {
    EXPECT_EQ(percent_decode("%41%2f+"), "A/+");
    EXPECT_EQ(percent_decode("%2541"), "%41");  // once, not until nothing is left
    for (const char* text : {"%", "%4", "a%", "%zz", "%4g", "%-1", "%+1", "% 1", "%u0041"}) {
        EXPECT_EQ(percent_decode(text), std::nullopt) << text;
    }
}

TEST(Encoding, PercentDecodingMayBeLenient) {
    EXPECT_EQ(percent_decode_leniently("%74enantId[%zz]%"), "tenantId[%zz]%");
    EXPECT_EQ(percent_decode_leniently("%2541+%4"), "%41+%4");
    EXPECT_EQ(percent_decode_leniently(""), "");
}

// RFC 4648, 10, without the padding.
TEST(Encoding, Base64UrlEncodesTheVectorsOfTheRfc) {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : vectors) {
        EXPECT_EQ(base64url_encode(plain), text);
        EXPECT_EQ(base64url_decode(text), plain);
    }
    EXPECT_EQ(base64url_decode(base64url_encode(all_bytes())), all_bytes());
    EXPECT_EQ(base64url_encode("\xFB\xFF"), "-_8");
}

TEST(Encoding, Base64UrlAcceptsOneSpellingOfEachValue) {
    for (const char* text :
         {"A", "AAAAA", "Zg==", "Zg=", "+_8", "-/8", "Zm 9v", "Zm9v\n", "Z.", "Zh", "Zm9"}) {
        EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
    }
}

TEST(Encoding, WhatIsNoUtf8IsReplacedByteByByte) {
    EXPECT_EQ(as_utf8("venue \xC3\xA9"), "venue \xC3\xA9");
    EXPECT_EQ(as_utf8("a\xFF\xC3(\xE2\x82"), "a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Encoding, Utf8IsWellFormedOrNot) {
    for (const char* text : {"", "abc", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                             "\xF4\x8F\xBF\xBF", "\xED\x9F\xBF", "\xEE\x80\x80"}) {
        EXPECT_TRUE(is_utf8(text)) << text;
    }
    for (const char* text :
         {"\x80", "\xC0\xAE", "\xC1\xBF", "\xC3", "\xC3(", "\xE0\x80\xAF", "\xE2\x82",
          "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
        EXPECT_FALSE(is_utf8(text)) << text;
    }
}

}  // namespace
}  // namespace gw
