#include "http/h1_grammar.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace gw::http {
namespace {

struct Read {
    bool taken = false;
    std::string_view name;
    std::string_view value;
    bool usual = false;
    const char* at = nullptr;

    bool operator==(const Read&) const = default;
};

// From memory that ends where the text does, so that a sanitizer sees every byte too many.
struct Exact {
    explicit Exact(std::string_view text) : bytes(new char[text.size()]), size(text.size()) {
        std::ranges::copy(text, bytes.get());
    }
    [[nodiscard]] std::string_view view() const { return {bytes.get(), size}; }
    std::unique_ptr<char[]> bytes;
    std::size_t size;
};

Read in_general(std::string_view text) {
    Cursor in = cursor_over(text);
    FieldLine line;
    H1Refusal refusal;
    const bool ok = take_field_line(in, false, line, refusal) == Progress::ok && !line.name.empty();
    return ok ? Read{true, line.name, line.value, line.usual, in.at} : Read{};
}

Read as_usual(std::string_view text) {
    Cursor in = cursor_over(text);
    FieldLine line;
    return take_usual_line(in, line) ? Read{true, line.name, line.value, line.usual, in.at}
                                     : Read{};
}

// The short way takes what the long way takes, or nothing.
void expect_agreement(std::string_view text) {
    const Exact exact(text);
    const Read usual = as_usual(exact.view());
    if (usual.taken) {
        ASSERT_EQ(usual, in_general(exact.view())) << text;
    }
}

TEST(UsualLine, IsReadAsAnyLineIs) {
    for (std::size_t name = 1; name <= 40; ++name) {
        for (const std::size_t value :
             {1U, 2U, 14U, 15U, 16U, 17U, 31U, 48U, 63U, 64U, 65U, 130U}) {
            const std::string line = std::string(name, 'n') + ": " + std::string(value, 'v') +
                                     "\r\nAccept: */*\r\n\r\n and a body that follows";
            expect_agreement(line);
            const Exact exact(line);
            EXPECT_EQ(as_usual(exact.view()).taken, name < 32) << name << ' ' << value;
        }
    }
}

TEST(UsualLine, IsReadAsAnyLineIsWhereverItIsCut) {
    const std::string text =
        "Access-Control-Request-Headers: a, b\r\nX: 1\r\nUser-Agent: Mozilla/5.0 (X11)\r\n\r\n";
    for (std::size_t from = 0; from < text.size(); ++from) {
        for (std::size_t size = 0; size <= text.size() - from; ++size) {
            expect_agreement(std::string_view(text).substr(from, size));
        }
    }
}

TEST(UsualLine, IsReadAsAnyLineIsWhateverByteStandsWhere) {
    const std::string text = "X-Some-Name: some value of some length, longer than a block\r\n\r\n";
    for (std::size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
            std::string changed = text;
            changed[at] = static_cast<char>(byte);
            expect_agreement(changed);
        }
    }
}

TEST(UsualLine, LongNamesAreLeftToTheGeneralWay) {
    for (const char* const name :
         {"Access-Control-Allow-Credentials", "Content-Security-Policy-Report-Only",
          "a-name-of-far-more-than-thirty-two-bytes"}) {
        const Exact exact(std::string(name) + ": value\r\n\r\n");
        EXPECT_FALSE(as_usual(exact.view()).taken);
        EXPECT_TRUE(in_general(exact.view()).taken);
    }
}

}  // namespace
}  // namespace gw::http
