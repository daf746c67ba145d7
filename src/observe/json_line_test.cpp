#include "observe/json_line.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <random>

namespace gw::observe {
namespace {

std::string line_of(std::string_view text) {
    std::string out;
    JsonLine line(out);
    line.add("t", text);
    line.end();
    return out;
}

TEST(JsonLine, WritesMembersOfEachKind) {
    std::string out;
    JsonLine line(out);
    line.add("text", std::string_view{"a"});
    line.add("number", std::int64_t{-7});
    line.add("truth", true);
    line.add("ratio", 0.5);
    line.add("ms", std::chrono::microseconds(1'234'567));
    line.end();
    EXPECT_EQ(out, R"({"text":"a","number":-7,"truth":true,"ratio":0.5,"ms":1234.567})");
}

TEST(JsonLine, EscapesWhatWouldBreakTheLine) {
    EXPECT_EQ(line_of("a\"b\\c\r\n\t\x01\x7f"), R"({"t":"a\"b\\c\r\n\t\u0001\u007f"})");
    EXPECT_EQ(line_of("0123456789abcdef\"x"), R"({"t":"0123456789abcdef\"x"})");
}

TEST(JsonLine, KeepsUtf8AndReplacesWhatIsNone) {
    EXPECT_EQ(line_of("ü€😀"), R"({"t":"ü€😀"})");
    EXPECT_EQ(line_of("\xC0\xAF"), R"({"t":"\ufffd\ufffd"})");            // overlong
    EXPECT_EQ(line_of("\xED\xA0\x80"), R"({"t":"\ufffd\ufffd\ufffd"})");  // surrogate
    EXPECT_EQ(line_of("a\xE2\x82"), R"({"t":"a\ufffd\ufffd"})");          // cut off
}

// What is valid and yet moves a terminal's cursor, or ends a line for some readers.
TEST(JsonLine, EscapesControlsBeyondAscii) {
    EXPECT_EQ(line_of("\xC2\x85\xC2\x9B\xC2\xA0"), "{\"t\":\"\\u0085\\u009b\xC2\xA0\"}");
    EXPECT_EQ(line_of("\u2027\u2028\u2029\u202A"), "{\"t\":\"\u2027\\u2028\\u2029\u202A\"}");
}

// Each special byte at each place of the blocks in which plain text is looked through.
TEST(JsonLine, FindsWhatToEscapeWhereverItStands) {
    for (std::size_t size = 1; size <= 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (const char c : {'"', '\\', '\x1f', '\x7f', '\x80', '\0'}) {
                std::string text(size, ' ');
                text[at] = c;
                std::string copied(size, 'x');
                ASSERT_FALSE(copy_plain(copied.data(), text)) << size << ' ' << at;
            }
        }
        const std::string text(size, '~');
        std::string copied(size, 'x');
        ASSERT_TRUE(copy_plain(copied.data(), text));
        ASSERT_EQ(copied, text);
    }
    ASSERT_TRUE(copy_plain(nullptr, ""));
}

TEST(JsonLine, IsValidWhateverTheBytes) {
    std::mt19937 random(11);
    for (int round = 0; round < 20'000; ++round) {
        std::string bytes(random() % 40, '\0');
        for (char& c : bytes) {
            c = static_cast<char>(random());
        }
        const std::string line = line_of(bytes);
        boost::system::error_code error;
        boost::json::parse(line, error);
        ASSERT_FALSE(error) << line;
        ASSERT_EQ(line.find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace gw::observe
