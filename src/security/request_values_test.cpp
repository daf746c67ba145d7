#include "security/request_values.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace gw::security {
namespace {

struct Seen : ValueVisitor {
    std::vector<std::string> values;  // "name=value"
    std::size_t enough = SIZE_MAX;
    bool value(ValuePlace, std::string_view name, std::string_view decoded) override {
        values.push_back(std::string(name) + "=" + std::string(decoded));
        return values.size() < enough;
    }
};

using Values = std::vector<std::string>;

TEST(RequestValues, GivesEachSegmentDecodedOnce) {
    RequestValues walk;
    Seen seen;
    EXPECT_EQ(walk.path("/a/b%2520c//d+e/%zz", seen), Walk::whole);
    EXPECT_EQ(seen.values, (Values{"=a", "=b%20c", "=", "=d+e", "=%zz"}));
}

TEST(RequestValues, GivesNamesAndValuesOfTheQuery) {
    RequestValues walk;
    Seen seen;
    EXPECT_EQ(walk.query("a=1&b%5B%5D=x+y%2B&&flag&=z&e=%", seen), Walk::whole);
    EXPECT_EQ(seen.values,
              (Values{"=a", "a=1", "=b[]", "b[]=x y+", "=flag", "=", "=z", "=e", "e=%"}));
}

TEST(RequestValues, GivesStringsAndNamesOfJson) {
    RequestValues walk;
    Seen seen;
    EXPECT_EQ(walk.json(R"({"a":"x\u003c","b":[1,"y",{"c":null,"d":"z"}],"e":true} )", seen),
              Walk::whole);
    EXPECT_EQ(seen.values, (Values{"=a", "a=x<", "=b", "=y", "=c", "=d", "d=z", "=e"}));
    Seen again;
    EXPECT_EQ(walk.json(R"("alone")", again), Walk::whole);
    EXPECT_EQ(again.values, (Values{"=alone"}));
}

TEST(RequestValues, SaysWhatIsNoJson) {
    RequestValues walk;
    for (const char* text : {"", "{", "{]", "[1,]", "{} x", "nul", "\"a", "{\"a\" 1}"}) {
        Seen seen;
        EXPECT_EQ(walk.json(text, seen), Walk::malformed) << text;
    }
}

TEST(RequestValues, StopsWhenToldAndAtItsLimits) {
    RequestValues walk({.values_max = 3, .value_bytes_max = 4, .json_depth_max = 3});
    Seen one;
    one.enough = 1;
    EXPECT_EQ(walk.query("a=1&b=2", one), Walk::stopped);
    EXPECT_EQ(one.values.size(), 1U);
    Seen json;
    json.enough = 2;
    EXPECT_EQ(walk.json(R"(["a","b","c"])", json), Walk::stopped);
    Seen many;
    EXPECT_EQ(walk.query("a&b&c&d", many), Walk::limited);
    EXPECT_EQ(walk.path("/a/b/c/d", many), Walk::limited);
    EXPECT_EQ(walk.json(R"(["a","b","c","d"])", many), Walk::limited);
    EXPECT_EQ(walk.json(R"([[[["a"]]]])", many), Walk::limited);
    Seen longer;
    EXPECT_EQ(walk.json(R"(["abcdefgh"])", longer), Walk::cut);
    EXPECT_EQ(walk.form("a=%41%42%43%44%45", longer), Walk::cut);
    EXPECT_EQ(walk.header("x", "abcdef", longer), Walk::cut);
    EXPECT_EQ(longer.values, (Values{"=abcd", "=a", "a=ABCD", "x=abcd"}));
}

TEST(RequestValues, ReadsTheStringsOfWhatIsNoJsonToUs) {
    RequestValues walk;
    const std::vector<std::pair<std::string, std::vector<std::string>>> texts{
        {R"({"a":"\ud800","q":"1' OR '1'='1"})", {"a", "\xEF\xBF\xBD", "q", "1' OR '1'='1"}},
        {R"("\u0041\n\"\/\ud83d\ude00\q\u00zz")", {"A\n\"/\xF0\x9F\x98\x80qu00zz"}},
        {"\xEF\xBB\xBF{\"a\":\"\xFF\"}", {"a", "\xFF"}},
        {R"({"a":"open)", {"a", "open"}},
        {R"("\)", {"\\"}},
        {R"(")", {""}},
        {"no strings", {}},
        {"{'a':'<b>', 'c' : [ 'd\\'e\\u003c' ]}", {"a", "<b>", "c", "d'e<"}},
        {"{/* it's */\"a\":\"' or '\",b:'x'/**/,}", {"a", "' or '", "x"}},
        {"'alone'", {"alone"}},
        {R"({"a":"it's O'Brien's, or 'n roll",})", {"a", "it's O'Brien's, or 'n roll"}},
        {R"({"a":"she said, 'no' and left",})", {"a", "she said, 'no' and left"}},
        {"{'open", {}},
    };
    for (const auto& [text, expected] : texts) {
        Seen seen;
        EXPECT_EQ(walk.strings(text, seen), Walk::whole) << text;
        Values values;
        for (const std::string& line : seen.values) {
            values.push_back(line.substr(line.find('=') + 1));
        }
        EXPECT_EQ(values, expected) << text;
    }
    RequestValues small({.values_max = 1, .value_bytes_max = 4, .json_depth_max = 1});
    Seen seen;
    EXPECT_EQ(small.strings(R"("abc" "d" "ef\"ghi" "j")", seen), Walk::cut);
    EXPECT_EQ(seen.values.size(), 4U);
}

}  // namespace
}  // namespace gw::security
