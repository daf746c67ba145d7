#include "http/h2_response.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Read {
    std::string text = std::string(2'000, '\0');
    ResponseHead head;
    const char* defect = nullptr;
};

Read read(const Fields& fields, bool last = false, Method to = Method::get) {
    Read out;
    H2ResponseReader reader({out.text.data(), out.text.size()}, to, out.head);
    for (const auto& [name, value] : fields) {
        reader.take(name, value);
    }
    reader.end(last);
    out.defect = reader.defect();
    return out;
}

TEST(H2Response, AHeadIsWhatHttp1WouldHaveMadeOfIt) {
    const Read r = read({{":status", "201"}, {"content-length", "5"}, {"x-app", "a b"}});
    EXPECT_EQ(r.defect, nullptr);
    EXPECT_EQ(r.head.status, 201);
    EXPECT_EQ(r.head.framing, Framing::length);
    EXPECT_EQ(r.head.content_length, 5U);
    ASSERT_EQ(r.head.headers.size(), 2U);
    EXPECT_EQ(r.head.headers.begin()[1].value, "a b");
}

TEST(H2Response, TheEndOfABodyIsKnownByItsLengthItsStreamOrItsKind) {
    EXPECT_EQ(read({{":status", "200"}}).head.framing, Framing::chunked);
    EXPECT_EQ(read({{":status", "200"}}, true).head.framing, Framing::none);
    EXPECT_EQ(read({{":status", "204"}}).head.framing, Framing::none);
    const Read head = read({{":status", "200"}, {"content-length", "7"}}, true, Method::head);
    EXPECT_EQ(head.defect, nullptr);
    EXPECT_EQ(head.head.framing, Framing::none);
    EXPECT_EQ(head.head.content_length, 7U);
    EXPECT_NE(read({{":status", "200"}, {"content-length", "7"}}, true).defect, nullptr);
}

TEST(H2Response, WhatIsNoAnswerIsFound) {
    const std::vector<Fields> bad{
        {},
        {{"x", "y"}},
        {{":status", "20"}},
        {{":status", "099"}},
        {{":status", "600"}},
        {{":status", "999"}},
        {{":status", "2x0"}},
        {{":status", "101"}},
        {{":status", "200"}, {":status", "200"}},
        {{"x", "y"}, {":status", "200"}},
        {{":path", "/"}, {":status", "200"}},
        {{":status", "200"}, {"X", "y"}},
        {{":status", "200"}, {"", "y"}},
        {{":status", "200"}, {"x", "a\nb"}},
        {{":status", "200"}, {"x", " y"}},
        {{":status", "200"}, {"connection", "close"}},
        {{":status", "200"}, {"content-length", "1"}, {"content-length", "1"}},
        {{":status", "200"}, {"content-length", "+1"}},
        {{":status", "200"}, {"x", std::string(3'000, 'a')}},
        {{":status", "200"}, {"content_length", "1"}},
    };
    for (const Fields& fields : bad) {
        EXPECT_NE(read(fields).defect, nullptr) << (fields.empty() ? "" : fields.back().first);
    }
    EXPECT_NE(read({{":status", "103"}}, true).defect, nullptr);
    EXPECT_EQ(read({{":status", "103"}}).defect, nullptr);
}

}  // namespace
}  // namespace gw::http
