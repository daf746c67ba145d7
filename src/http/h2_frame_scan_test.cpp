#include "http/h2_frame_scan.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw::http {
namespace {

std::string frame(std::uint8_t type, std::uint32_t stream, const std::string& payload) {
    std::string out;
    for (int shift = 16; shift >= 0; shift -= 8) {
        out += static_cast<char>(payload.size() >> shift);
    }
    out += static_cast<char>(type);
    out += '\0';
    for (int shift = 24; shift >= 0; shift -= 8) {
        out += static_cast<char>(stream >> shift);
    }
    return out + payload;
}

struct Seen {
    std::size_t end;  // where its head ended
    int type;
    std::int32_t stream;
    std::int32_t depends_on;
    bool opens;
    bool operator==(const Seen&) const = default;
};

std::vector<Seen> scan(const std::string& bytes, std::size_t piece) {
    H2FrameScan scan;
    std::vector<Seen> seen;
    for (std::size_t from = 0; from < bytes.size(); from += piece) {
        const std::string_view part = std::string_view(bytes).substr(from, piece);
        for (std::size_t at = 0; at < part.size();) {
            at += scan.step(part.substr(at));
            if (const H2FrameHead* const head = scan.found()) {
                seen.push_back(
                    {from + at, head->type, head->stream, head->depends_on, head->opens});
            }
        }
    }
    return seen;
}

const std::string kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

TEST(H2FrameScan, FindsWhatHasToBeLookedAtHoweverTheBytesCome) {
    const std::string bytes = kPreface + frame(4, 0, std::string(6, 'x')) +  // 24
                              frame(1, 1, "head") +                          // 39: opens a stream
                              frame(0, 1, std::string(300, 'd')) +           // 52
                              frame(1, 1, "more") +                          // 361
                              frame(2, 3, std::string("\x80\0\0\x05\x10", 5)) +  // 374
                              frame(9, 1, "x") + frame(0, 0x8000'0001, "");      // 388, 398
    const std::vector<Seen> wanted{{48, 1, 1, 0, true},
                                   {61, 0, 1, 0, false},
                                   {370, 1, 1, 0, false},
                                   {387, 2, 3, 5, false},
                                   {407, 0, 1, 0, false}};
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
        EXPECT_EQ(scan(bytes, piece), wanted) << piece;
    }
}

TEST(H2FrameScan, HeadersOfAStreamThatIsNotTheNewestOpenNone) {
    const std::string bytes = kPreface + frame(1, 5, "") + frame(1, 3, "") + frame(1, 7, "");
    EXPECT_EQ(scan(bytes, bytes.size()),
              (std::vector<Seen>{{33, 1, 5, 0, true}, {42, 1, 3, 0, false}, {51, 1, 7, 0, true}}));
}

TEST(H2FrameScan, APriorityTooShortToSayWhatItDependsOnSaysNothing) {
    EXPECT_EQ(scan(kPreface + frame(2, 3, "abc") + frame(0, 1, ""), 7),
              (std::vector<Seen>{{33, 2, 3, 0, false}, {45, 0, 1, 0, false}}));
}

}  // namespace
}  // namespace gw::http
