#include "state/glob.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

TEST(Glob, MatchesAsRedisDoes) {
    struct Case {
        std::string_view pattern;
        std::string_view text;
        bool matches;
    };
    for (const Case& c : std::initializer_list<Case>{
             {"*", "", true},
             {"*", "banned:ip:1", true},
             {"", "", true},
             {"", "a", false},
             {"banned:ip:*", "banned:ip:203.0.113.7", true},
             {"banned:ip:*", "banned:user:1", false},
             {"*:7", "banned:ip:7", true},
             {"h?llo", "hello", true},
             {"h?llo", "hllo", false},
             {"h*llo", "heeeello", true},
             {"*a*b*c", "xxaxxbxxc", true},
             {"*a*b*c", "xxaxxcxxb", false},
             {"h[ae]llo", "hallo", true},
             {"h[ae]llo", "hillo", false},
             {"h[^e]llo", "hallo", true},
             {"h[^e]llo", "hello", false},
             {"h[a-c]llo", "hbllo", true},
             {"h[c-a]llo", "hbllo", true},
             {"h[a-c]llo", "hdllo", false},
             {"[\\]]", "]", true},
             {"[a\\-c]", "b", false},
             {"[a\\-c]", "-", true},
             {"[\x80-\xff]", "\x90", true},
             {"h\\?llo", "h?llo", true},
             {"h\\?llo", "hello", false},
             {"a\\", "a\\", true},
             {"[abc", "b", true},
             {"[", "[", false},
             {"A", "a", false},
         }) {
        EXPECT_EQ(glob_matches(c.pattern, c.text), c.matches) << c.pattern << " " << c.text;
    }
}

TEST(Glob, ManyStarsCostNoMoreThanLengthTimesLength) {
    std::string pattern;
    for (int i = 0; i < 1'000; ++i) {
        pattern += "*a";
    }
    EXPECT_FALSE(glob_matches(pattern + "b", std::string(10'000, 'a')));
}

}  // namespace
}  // namespace gw::state
