#include "gateway/text_template.hpp"

#include <gtest/gtest.h>

#include <map>

namespace gw::gateway {
namespace {

using Values = std::map<std::string, TextTemplate::Value, std::less<>>;

auto from(const Values& values) {
    return [&values](const TextTemplate::Piece& piece) {
        const auto found = values.find(piece.text);
        return found != values.end() ? found->second : TextTemplate::Value{};
    };
}

std::string url(std::string_view text, const Values& values) {
    const auto read = UrlTemplate::parse(text);
    EXPECT_TRUE(read.has_value()) << text << ": " << read.error().what;
    std::string out;
    return read && read->write_url(out, from(values)) && has_canonical_path(out) ? out : "refused";
}
std::string path(std::string_view text, const Values& values) {
    const auto read = PathTemplate::parse(text);
    EXPECT_TRUE(read.has_value()) << text << ": " << read.error().what;
    std::string out;
    return read && read->write_url(out, from(values)) && has_canonical_path(out) ? out : "refused";
}

TEST(TextTemplate, IsWrittenAsItIsRead) {
    for (const char* text : {"", "plain", "{tenant}", "a {id} b {user}", "{event#/venue/id}"}) {
        const auto read = TextTemplate::parse(text);
        ASSERT_TRUE(read.has_value()) << text;
        EXPECT_EQ(read->to_string(), text);
    }
}

TEST(TextTemplate, TellsValuesOfTheRequestFromParametersAndFromParts) {
    const auto read = TextTemplate::parse("{id}{tenant}{event#/a/b}");
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read->pieces().size(), 3U);
    EXPECT_EQ(read->pieces()[0].of, TextTemplate::Of::parameter);
    EXPECT_EQ(read->pieces()[1].of, TextTemplate::Of::tenant);
    EXPECT_EQ(read->pieces()[2].of, TextTemplate::Of::part);
    EXPECT_EQ(read->pieces()[2].text, "event");
    EXPECT_EQ(read->pieces()[2].pointer, "/a/b");
}

TEST(TextTemplate, RefusesBracesWithoutTheirOtherHalfAndNamesThatAreNone) {
    for (const char* text :
         {"{", "}", "a{b", "a}b", "{}", "{a b}", "{1a}", "{a#b}", "{a{b}}", "a\nb", "a\rb"}) {
        EXPECT_FALSE(TextTemplate::parse(text).has_value()) << text;
    }
    EXPECT_FALSE(TextTemplate::parse(std::string(2'049, 'a')).has_value());
}

TEST(TextTemplate, SaysWhetherAValueIsMissing) {
    const auto read = TextTemplate::parse("edge-{tenant}");
    std::string out;
    EXPECT_FALSE(read->write_plain(out, from({})));
    EXPECT_EQ(out, "edge-");
    out.clear();
    EXPECT_TRUE(read->write_plain(out, from({{"tenant", {.text = "t1"}}})));
    EXPECT_EQ(out, "edge-t1");
}

TEST(PathTemplate, PutsValuesIntoSegmentsAndPartsOfThem) {
    EXPECT_EQ(path("/v2/things/{id}.json", {{"id", {"a%20b", true}}}), "/v2/things/a%20b.json");
    EXPECT_EQ(path("/t/{tenant}{rest}", {{"tenant", {"t 1"}}, {"rest", {"/a/b", true}}}),
              "/t/t%201/a/b");
    EXPECT_EQ(path("/t{rest}", {}), "/t");
    EXPECT_EQ(path("/v/{id}?by={id}", {{"id", {"a&b=c%2B", true}}}), "/v/a&b=c%2B?by=a%26b%3Dc%2B");
}

TEST(PathTemplate, NoValueLeavesItsSegment) {
    for (const char* value : {"..", ".", "", "a/b", "a\\b", "..%2f..", "a;b", "a\r\nb", "\xff"}) {
        EXPECT_EQ(path("/v2/{user}/x", {{"user", {value}}}), "refused") << value;
    }
    // Percent signs of a value are its own: they become escapes of escapes, which decode to a
    // traversal for a service that decodes twice.
    EXPECT_EQ(path("/v2/{user}", {{"user", {"%2e%2e"}}}), "refused");
    EXPECT_EQ(path("/v2/{user}", {{"user", {"50%"}}}), "/v2/50%25");
}

TEST(PathTemplate, RefusesWhatNoCanonicalPathHas) {
    for (const char* text :
         {"v2", "{id}", "/a//b", "/a/../b", "/a/./b", "/a%41", "/a;b", "/a b", "/a#b", "/a/{rest}",
          "/{path}", "/a{rest}b", "/a{rest}{rest}", "/a{rest}{id}"}) {
        EXPECT_FALSE(PathTemplate::parse(text).has_value()) << text;
    }
}

TEST(UrlTemplate, LeadsWhereTheTemplateSaysAndNowhereElse) {
    EXPECT_EQ(url("https://new.example.com{rest}", {{"rest", {"/a", true}}}),
              "https://new.example.com/a");
    EXPECT_EQ(url("https://new.example.com{rest}", {}), "https://new.example.com");
    EXPECT_EQ(url("/v2/{id}", {{"id", {"evil.example", true}}}), "/v2/evil.example");
    EXPECT_EQ(url("/{user}", {{"user", {"/evil.example"}}}), "refused");
    EXPECT_EQ(url("/{user}", {{"user", {"https://evil.example"}}}), "refused");
    EXPECT_EQ(url("/go?to={user}", {{"user", {"a&b\r\nSet-Cookie: x"}}}),
              "/go?to=a%26b%0D%0ASet-Cookie%3A%20x");
}

TEST(UrlTemplate, LetsNoValueTouchTheHost) {
    for (const char* text :
         {"", "{rest}", "{user}", "//evil.example/{id}", "/{rest}", "https://{host}/",
          "https://a{id}/", "https://a.example{id}", "https://user@a.example/", "ftp://a/",
          "javascript:alert(1)", "https:///a", "/a b", "/a\"b", "/\\evil.example",
          "https://A.example/", "/a//b"}) {
        EXPECT_FALSE(UrlTemplate::parse(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace gw::gateway
