#include "http/headers.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gw::http {
namespace {

constexpr std::size_t kNames = 0
#define X(id, name) +1
    GW_KNOWN_FIELDS(X)
#undef X
    ;

std::string upper(std::string_view text) {
    std::string folded(text);
    for (char& c : folded) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
    }
    return folded;
}

std::string lower_case(std::string_view text) {
    std::string folded(text);
    for (char& c : folded) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 0x20) : c;
    }
    return folded;
}

TEST(Headers, EveryCataloguedNameIsRecognisedInAnyCase) {
    for (std::size_t i = 1; i <= kNames; ++i) {
        const Known known = static_cast<Known>(i);
        const std::string_view name = canonical_name(known);
        EXPECT_EQ(recognise(name), known) << name;
        EXPECT_EQ(recognise(upper(name)), known) << name;
        EXPECT_EQ(recognise(lower_case(name)), known) << name;
    }
    EXPECT_EQ(recognise("Content-Length"), Known::content_length);
    EXPECT_EQ(recognise("tE"), Known::te);
}

TEST(Headers, TheOwnerOfAnAnswerIsRecognisedWithEitherLine) {
    for (const char* name : {"x_resource_tenant", "X_Resource-Tenant", "x-resource_TENANT"}) {
        EXPECT_EQ(recognise(name), Known::x_resource_tenant) << name;
    }
    EXPECT_EQ(recognise("x_resource_tenants"), Known::other);
    EXPECT_EQ(recognise("x.resource.tenant"), Known::other);
}

TEST(Headers, NothingElseIsRecognised) {
    for (const char* name :
         {"", "a", "Accept", "Content-Lengt", "Content-Length1", "Content_Length", "X-Request-Ie",
          "Sec-Fetch-Mode", "Hosts", "Tf", "a-name-that-is-longer-than-any-in-the-catalogue"}) {
        EXPECT_EQ(recognise(name), Known::other) << name;
    }
}

// The comparison folds bits: only those of letters may be folded.
TEST(Headers, OneBitOffIsAnotherName) {
    for (std::size_t i = 1; i <= kNames; ++i) {
        const std::string name(canonical_name(static_cast<Known>(i)));
        for (std::size_t at = 0; at < name.size(); ++at) {
            for (int bit = 0; bit < 8; ++bit) {
                std::string other = name;
                other[at] = static_cast<char>(other[at] ^ (1 << bit));
                const bool same = lower_case(other) == lower_case(name);
                EXPECT_EQ(recognise(other) == static_cast<Known>(i), same) << name << " " << other;
            }
        }
    }
}

TEST(Headers, NamesOfOneLengthAreNotConfused) {
    std::set<Known> found;
    for (std::size_t i = 1; i <= kNames; ++i) {
        found.insert(recognise(canonical_name(static_cast<Known>(i))));
    }
    EXPECT_EQ(found.size(), kNames);
    EXPECT_FALSE(found.contains(Known::other));
}

TEST(Headers, FieldsKeepTheirOrderAndSpelling) {
    Headers headers;
    ASSERT_TRUE(headers.add("x-b", "1"));
    ASSERT_TRUE(headers.add("HOST", "h"));
    ASSERT_TRUE(headers.add("x-a", "2"));
    std::string seen;
    for (const Field& field : headers) {
        seen += std::string(field.name) + "=" + std::string(field.value) + ";";
    }
    EXPECT_EQ(seen, "x-b=1;HOST=h;x-a=2;");
}

TEST(Headers, TheFirstOfANameIsFound) {
    Headers headers;
    EXPECT_FALSE(headers.has(Known::cookie));
    EXPECT_EQ(headers.find(Known::cookie), nullptr);
    EXPECT_EQ(headers.value(Known::cookie), "");
    ASSERT_TRUE(headers.add("Cookie", "a"));
    ASSERT_TRUE(headers.add(Known::cookie, "b"));
    EXPECT_TRUE(headers.has(Known::cookie));
    EXPECT_EQ(headers.value(Known::cookie), "a");
    headers.clear();
    EXPECT_FALSE(headers.has(Known::cookie));
    EXPECT_EQ(headers.size(), 0U);
}

TEST(Headers, AFullListTakesNoMore) {
    Headers headers;
    for (std::size_t i = 0; i < Headers::kFieldsMax; ++i) {
        ASSERT_TRUE(headers.add("x", "y"));
    }
    EXPECT_FALSE(headers.add("x", "y"));
    EXPECT_EQ(headers.size(), Headers::kFieldsMax);
}

}  // namespace
}  // namespace gw::http
