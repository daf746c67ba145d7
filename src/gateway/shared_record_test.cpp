#include "gateway/shared_record.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

const SharedPlace kPlace{"c1", "events\nhttp\nhost\n/events/7\n", "t1\nadmin"};

StoredAnswer answer() {
    StoredAnswer out;
    out.status = 203;
    out.add("Content-Type", "text/plain", http::Known::content_type);
    out.add("ETag", "\"a: b\"", http::Known::other);
    out.body = std::make_shared<const std::string>(std::string("bo\0dy\r\n12:", 11));
    out.freshness = {.lifetime = std::chrono::seconds{60},
                     .initial_age = std::chrono::seconds{3},
                     .stale_while_revalidate = std::chrono::seconds{5},
                     .stale_if_error = std::chrono::seconds{7},
                     .never_stale = true};
    out.vary = {{"Accept-Language", "de,en"}};
    out.path = "/events/7";
    out.tenant = "t1";
    out.tags = "a,b";
    out.surrogate = "max-age=60";
    return out;
}

TEST(SharedRecord, IsReadAsItWasWritten) {
    const StoredAnswer written = answer();
    const std::string text = write_shared(kPlace, written, Millis{12}, "s");
    const auto record = read_shared(text, kPlace, "s");
    ASSERT_TRUE(record);
    const StoredAnswer& read = *record->answer;
    EXPECT_EQ(record->fetched_in, Millis{12});
    EXPECT_EQ(read.status, 203);
    EXPECT_EQ(read.lines, written.lines);
    EXPECT_EQ(read.fields.size(), 2U);
    EXPECT_EQ(*read.body, *written.body);
    EXPECT_EQ(read.freshness.lifetime, written.freshness.lifetime);
    EXPECT_EQ(read.freshness.initial_age, written.freshness.initial_age);
    EXPECT_EQ(read.freshness.stale_while_revalidate, written.freshness.stale_while_revalidate);
    EXPECT_EQ(read.freshness.stale_if_error, written.freshness.stale_if_error);
    EXPECT_TRUE(read.freshness.never_stale);
    EXPECT_FALSE(read.freshness.always_validate);
    EXPECT_EQ(selection_of(read.vary), selection_of(written.vary));
    EXPECT_EQ(read.path, "/events/7");
    EXPECT_EQ(read.tenant, "t1");
    EXPECT_EQ(read.tags, "a,b");
    EXPECT_EQ(read.surrogate, "max-age=60");
}

TEST(SharedRecord, OfAnotherPlaceIsNothing) {
    const std::string text = write_shared(kPlace, answer(), Millis{12}, "s");
    for (const SharedPlace& other : {SharedPlace{"c2", kPlace.uri, kPlace.who},
                                     SharedPlace{kPlace.site, kPlace.uri + "x", kPlace.who},
                                     SharedPlace{kPlace.site, kPlace.uri, "t2\nadmin"},
                                     SharedPlace{kPlace.site, kPlace.uri, "t1\ncustomer"},
                                     SharedPlace{kPlace.site, kPlace.uri, ""}}) {
        EXPECT_FALSE(read_shared(text, other, "s"));
    }
    EXPECT_FALSE(read_shared(text, kPlace, ""));
    EXPECT_FALSE(read_shared(text, kPlace, "another"));
}

TEST(SharedRecord, OfATenantThatIsNotTheCallersIsNothing) {
    StoredAnswer foreign = answer();
    foreign.tenant = "t2";
    EXPECT_FALSE(read_shared(write_shared(kPlace, foreign, Millis{0}, ""), kPlace, ""));
    foreign.tenant = "";
    EXPECT_FALSE(read_shared(write_shared(kPlace, foreign, Millis{0}, ""), kPlace, ""));
}

TEST(SharedRecord, WithOneBitChangedOrCutShortIsNothing) {
    const std::string text = write_shared(kPlace, answer(), Millis{12}, "s");
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::string bent = text;
        bent[at] = static_cast<char>(bent[at] ^ 1);
        EXPECT_FALSE(read_shared(bent, kPlace, "s")) << at;
        EXPECT_FALSE(read_shared(text.substr(0, at), kPlace, "s")) << at;
    }
}

// Who knows the secret, or that there is none, may write what digests well.
TEST(SharedRecord, WithFieldsThatFrameAMessageIsNothing) {
    for (const std::string_view name : {"Content-Length", "transfer-encoding", "Connection",
                                        "X-Resource-Tenant", "x_resource_tenant", "a b", ""}) {
        StoredAnswer bent = answer();
        bent.add(name, "5", http::Known::other);
        EXPECT_FALSE(read_shared(write_shared(kPlace, bent, Millis{0}, ""), kPlace, "")) << name;
    }
    StoredAnswer split = answer();
    split.lines += "A: b\rc\r\n";
    EXPECT_FALSE(read_shared(write_shared(kPlace, split, Millis{0}, ""), kPlace, ""));
    StoredAnswer part = answer();
    part.status = 206;
    EXPECT_FALSE(read_shared(write_shared(kPlace, part, Millis{0}, ""), kPlace, ""));
}

TEST(SharedRecord, SelectionsOfDifferentRequestsDiffer) {
    EXPECT_NE(selection_of({{"a", "1"}, {"b", ""}}), selection_of({{"a", ""}, {"b", "1"}}));
    EXPECT_NE(selection_of({{"a", "1\nb\n0:"}}), selection_of({{"a", "1"}, {"b", ""}}));
    EXPECT_EQ(selection_of({{"Accept", "x"}}), selection_of({{"accept", "x"}}));
}

}  // namespace
}  // namespace gw::gateway
