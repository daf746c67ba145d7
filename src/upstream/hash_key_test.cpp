#include "upstream/hash_key.hpp"

#include <gtest/gtest.h>

namespace gw::upstream {
namespace {

TEST(HashKey, ShowsItselfAsItWasWritten) {
    for (const char* text :
         {"address", "user", "header:X-Session", "cookie:session_id", "parameter:id"}) {
        const auto key = HashKey::parse(text);
        ASSERT_TRUE(key) << text;
        EXPECT_EQ(key->to_string(), text);
    }
}

TEST(HashKey, SaysWhatMayBeWrittenInstead) {
    for (const char* text : {"", "header", "header:", "header:a b", "query:x", "user:1"}) {
        const auto key = HashKey::parse(text);
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(key.error().remedy,
                  "write address, user, header:NAME, cookie:NAME or parameter:NAME");
    }
}

}  // namespace
}  // namespace gw::upstream
