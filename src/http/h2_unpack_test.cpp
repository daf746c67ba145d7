#include "http/h2_unpack.hpp"

#include <gtest/gtest.h>

#include <array>

#include "http/h2_unpack_test_support.hpp"

namespace gw::http {
namespace {

constexpr char kEnd = 0x4 | 0x1;  // of the section and of the stream
constexpr std::size_t kHead = 9;

// A section with one field that is secret, as nghttp2's clients and curl write it.
std::string section(const std::string& secret, std::string_view name = "authorization") {
    nghttp2_hd_deflater* deflater = nullptr;
    EXPECT_EQ(nghttp2_hd_deflate_new(&deflater, 4096), 0);
    const auto field = [](std::string_view of, std::string_view value, bool never) {
        const auto bytes = [](std::string_view text) {
            return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
        };
        return nghttp2_nv{bytes(of), bytes(value), of.size(), value.size(),
                          static_cast<std::uint8_t>(never ? NGHTTP2_NV_FLAG_NO_INDEX : 0)};
    };
    std::array fields{field(":method", "GET", false), field(":path", "/events/1", false),
                      field(name, secret, true), field("x-other", "something", false)};
    std::string text(8192, '\0');
    const ssize_t size =
        nghttp2_hd_deflate_hd(deflater, reinterpret_cast<std::uint8_t*>(text.data()), text.size(),
                              fields.data(), fields.size());
    EXPECT_GT(size, 0);
    nghttp2_hd_deflate_del(deflater);
    text.resize(static_cast<std::size_t>(size));
    return text;
}

std::string token(char of, int size = 600) {
    std::string text = "Bearer ";
    for (int i = 0; i < size; ++i) {
        text += static_cast<char>(of + i % 7);
    }
    return text;
}

struct Unpacked : testing::Test {
    std::string_view plain(const std::string& frame) { return unpack.plain(frame, room); }
    H2Unpack unpack;
    std::array<char, 4096> room{};
};

TEST_F(Unpacked, SaysTheSameWithTheSecretInPlainText) {
    for (const char of : {'a', 'b', 'a'}) {
        for (int again = 0; again < 2; ++again) {
            const std::string coded = section(token(of));
            ASSERT_EQ(coded.find(token(of)), std::string::npos);
            const std::string_view same = plain(headers_frame(coded, kEnd));
            ASSERT_FALSE(same.empty());
            EXPECT_NE(same.find(token(of)), std::string_view::npos);
            EXPECT_EQ(same.substr(3, 6), headers_frame(coded, kEnd).substr(3, 6));
            EXPECT_EQ(static_cast<std::uint8_t>(same[1]) << 8 | static_cast<std::uint8_t>(same[2]),
                      static_cast<int>(same.size() - kHead));
            EXPECT_EQ(read_section(make_inflater().get(), same.substr(kHead)),
                      read_section(make_inflater().get(), coded));
        }
    }
}

TEST_F(Unpacked, FieldsOfThePriorityFlagStay) {
    const std::string priority("\0\0\0\0\x0F", 5);
    const std::string coded = section(token('a'));
    const std::string_view same = plain(headers_frame(priority + coded, kEnd | 0x20));
    ASSERT_FALSE(same.empty());
    EXPECT_EQ(same.substr(kHead, priority.size()), priority);
    EXPECT_EQ(read_section(make_inflater().get(), same.substr(kHead + priority.size())),
              read_section(make_inflater().get(), coded));
}

TEST_F(Unpacked, LeavesAloneWhatIsNotWholeOrPaddedOrShortOrTooLongForAFrame) {
    const std::string coded = section(token('a'));
    EXPECT_TRUE(plain(headers_frame(coded, 0x1)).empty()) << "more of it is to come";
    EXPECT_TRUE(plain(headers_frame('\0' + coded, kEnd | 0x8)).empty());
    EXPECT_TRUE(plain(headers_frame(section("Basic dXNlcjpwYXNz"), kEnd)).empty());
    EXPECT_TRUE(unpack.plain(headers_frame(coded, kEnd), std::span(room).first(500)).empty());
}

TEST_F(Unpacked, NeitherDecodesNorKeepsOneThatIsTooLongForItsFrame) {
    const std::string coded = section(token('a'));
    const std::string too_long = section(token('a', 8'000));
    ASSERT_GT(too_long.size(), room.size());
    EXPECT_TRUE(plain(headers_frame(too_long, kEnd)).empty());
    EXPECT_EQ(unpack.kept_bytes(), 0);
    ASSERT_FALSE(plain(headers_frame(coded, kEnd)).empty());
    const std::size_t kept = unpack.kept_bytes();
    EXPECT_GT(kept, token('a').size());
    EXPECT_TRUE(plain(headers_frame(too_long, kEnd)).empty());
    EXPECT_EQ(unpack.kept_bytes(), kept) << "the one before is known as before";
    EXPECT_NE(plain(headers_frame(coded, kEnd)).find(token('a')), std::string_view::npos);
}

TEST_F(Unpacked, LeavesBrokenOnesToTheLibrary) {
    const std::string coded = section(token('a'));
    for (std::size_t size = 0; size < coded.size(); ++size) {
        const std::string_view same = plain(headers_frame(coded.substr(0, size), kEnd));
        if (!same.empty()) {
            EXPECT_EQ(read_section(make_inflater().get(), same.substr(kHead)),
                      read_section(make_inflater().get(), std::string_view(coded).substr(0, size)));
        }
    }
    // Bits behind the end that are not those of Huffman's end of string.
    std::string wrong("\x1F\x08\xC0", 3);
    wrong.append(64, '\0');
    EXPECT_EQ(read_section(make_inflater().get(), wrong), std::nullopt);
    EXPECT_TRUE(plain(headers_frame(wrong, kEnd)).empty());
}

}  // namespace
}  // namespace gw::http
