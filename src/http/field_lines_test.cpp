#include "http/field_lines.hpp"

#include <gmock/gmock.h>

#include <array>

#include "http/h1_writer.hpp"

namespace gw::http {
namespace {

std::string written(const RequestHead& head) {
    std::array<char, 1024> memory;
    HeadBuffer out(memory);
    write_request_head(out, head);
    return std::string(out.view());
}

TEST(FieldLines, AreFoundAndWrittenAsFieldsThatWereAddedOneByOne) {
    const FieldLines lines{{"Host", "a:1"}, {"X-User-Id", "u-1"}, {"X-Empty", ""}};
    RequestHead blocks;
    RequestHead singles;
    for (RequestHead* head : {&blocks, &singles}) {
        head->method = Method::get;
        head->method_text = "GET";
        head->path = "/";
        ASSERT_TRUE(head->headers.add("Accept", "*/*"));
    }
    ASSERT_TRUE(lines.add_to(blocks.headers));
    for (const Field& field : lines.fields()) {
        ASSERT_TRUE(singles.headers.add(field.name, field.value));
    }
    for (RequestHead* head : {&blocks, &singles}) {
        ASSERT_TRUE(head->headers.add("X-Last", "1"));
    }
    EXPECT_EQ(blocks.headers.value(Known::host), "a:1");
    EXPECT_EQ(written(blocks), written(singles));
    EXPECT_THAT(written(blocks),
                testing::HasSubstr("Host: a:1\r\nX-User-Id: u-1\r\nX-Empty: \r\nX-Last: 1\r\n"));
}

TEST(FieldLines, StandWhereTheyStoodWhenTheirOwnerIsMoved) {
    FieldLines first{{"X-Tenant-Id", "t-1"}};
    Headers headers;
    ASSERT_TRUE(first.add_to(headers));
    const FieldLines second = std::move(first);
    EXPECT_EQ(headers.begin()->value, "t-1");
    EXPECT_EQ(second.fields().front().value.data(), headers.begin()->value.data());
}

TEST(FieldLines, AreTakenInWholeOrNotAtAll) {
    const FieldLines lines{{"X-A", "1"}, {"X-B", "2"}};
    Headers headers;
    while (headers.size() < Headers::kFieldsMax - 1) {
        ASSERT_TRUE(headers.add("X-Other", "0"));
    }
    EXPECT_FALSE(lines.add_to(headers));
    EXPECT_EQ(headers.size(), Headers::kFieldsMax - 1);
}

}  // namespace
}  // namespace gw::http
