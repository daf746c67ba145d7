#include "config/document.hpp"

#include <gtest/gtest.h>

namespace gw::config {
namespace {

struct Parsed {
    Document document;
    std::vector<Mistake> mistakes;
};

Parsed parse(const std::string& text) {
    Parsed parsed;
    parsed.document = Document::parse("file.yaml", text, parsed.mistakes);
    return parsed;
}

std::string only_mistake(const std::string& text) {
    const Parsed parsed = parse(text);
    return parsed.mistakes.size() == 1 ? parsed.mistakes[0].to_string()
                                       : std::to_string(parsed.mistakes.size()) + " mistakes";
}

TEST(Document, KeepsKindsAndPlaces) {
    const Parsed parsed = parse("a: 1\nb:\n  - x\n  - 'y'\nc: {d: }\n");
    ASSERT_TRUE(parsed.mistakes.empty());
    const Node& root = parsed.document.root;
    ASSERT_EQ(root.kind, Node::Kind::map);
    const Entry* a = root.find("a");
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(a->line, 1U);
    EXPECT_EQ(a->value.text, "1");
    EXPECT_EQ(a->value.column, 4U);
    const Node& list = root.find("b")->value;
    ASSERT_EQ(list.items.size(), 2U);
    EXPECT_FALSE(list.items[0].in_quotes);
    EXPECT_TRUE(list.items[1].in_quotes);
    EXPECT_EQ(list.items[1].line, 4U);
    EXPECT_EQ(root.find("c")->value.find("d")->value.kind, Node::Kind::nothing);
    EXPECT_EQ(root.find("none"), nullptr);
}

TEST(Document, OfNothingIsNothing) {
    for (const char* text : {"", "\n\n", "# only a comment\n", "---\n"}) {
        const Parsed parsed = parse(text);
        EXPECT_TRUE(parsed.mistakes.empty()) << text;
        EXPECT_EQ(parsed.document.root.kind, Node::Kind::nothing) << text;
    }
}

TEST(Document, FindsAKeyThatStandsTwiceAndGoesOn) {
    const Parsed parsed = parse("a: 1\nb: 2\na: 3\nb: 4\n");
    ASSERT_EQ(parsed.mistakes.size(), 2U);
    EXPECT_EQ(parsed.mistakes[0].to_string(),
              "file.yaml:3:1: \"a\" stands twice in this section; keep one of them");
    EXPECT_EQ(parsed.document.root.find("a")->value.text, "1");
}

TEST(Document, SaysWhereTextIsNoYaml) {
    const std::string mistake = only_mistake("a: 1\nb: [1, 2\nc: 3\n");
    EXPECT_TRUE(mistake.starts_with("file.yaml:3:")) << mistake;
    EXPECT_TRUE(mistake.ends_with("check quotes, colons and indentation")) << mistake;
}

TEST(Document, RefusesWhatHasNoMeaningHere) {
    EXPECT_NE(only_mistake("a: !!binary aGk=\n").find("tags"), std::string::npos);
    EXPECT_NE(only_mistake("? [a]\n: 1\n").find("key"), std::string::npos);
    EXPECT_NE(only_mistake("a: 1\n---\nb: 2\n").find("more than one"), std::string::npos);
    EXPECT_NE(only_mistake("a: &x [*x]\n").find("inside"), std::string::npos);
    EXPECT_NE(only_mistake("a: *unknown\n").find("not YAML"), std::string::npos);
}

TEST(Document, RefusesControlBytesInsteadOfStoppingThere) {
    EXPECT_EQ(only_mistake(std::string("a: 1\n\x04"
                                       "b: 2\n")),
              "file.yaml:2:1: the file holds a control byte; save it as plain UTF-8 text");
    EXPECT_EQ(only_mistake(std::string("a: \0b\n", 6)).substr(0, 14), "file.yaml:1:4:");
}

TEST(Document, FindsAQuoteThatIsNeverClosed) {
    for (const char* text : {"a: \"b\nc: d\n", "a: 'b\nc: d\n", "a: \"\n", "a: 'it''s\n",
                             "a: \"x\\\"\n", "ä: \"ü\"\na: \"b\n", "a: [\"b\n",
                             "\xEF\xBB\xBF"
                             "a: \"b\n",
                             "a: &x \"b\n", "a: 1\r\nb: \"c\r\n"}) {
        EXPECT_FALSE(parse(text).mistakes.empty()) << text;
    }
    for (const char* text :
         {"a: \"b\nc: d\"\n", "a: 'it''s'\n", "a: ''\n", "a: \"x\\\"\"\n", "ä: \"ü\"\n'ö': 'é'\n",
          "\xEF\xBB\xBF"
          "a: \"b\"\n",
          "a: &x \"b\"\nb: *x\n", "a: 1\r\nb: \"c\"\r\n", "a: it's\n", "a: b\"c\n",
          "# \"\na: 'b'\n", "a: 'b\n\n  c'\n"}) {
        EXPECT_TRUE(parse(text).mistakes.empty()) << text;
    }
    EXPECT_EQ(only_mistake("a: 1\nb: \"c\n"),
              "file.yaml:2:4: this value has an opening quote and no closing one; close it");
}

TEST(Document, ExpandsAliases) {
    const Parsed parsed = parse("a: &x {k: v}\nb: *x\n");
    ASSERT_TRUE(parsed.mistakes.empty());
    EXPECT_EQ(parsed.document.root.find("b")->value.find("k")->value.text, "v");
}

TEST(Document, BoundsWhatAliasesExpandTo) {
    // Each level holds the one before ten times: ten to the ninth values, if it were allowed.
    std::string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 10; ++j) {
            text += (j == 0 ? "" : ", ") + before;
        }
        text += "]\n";
    }
    EXPECT_NE(only_mistake(text).find("more than 10000"), std::string::npos);
}

TEST(Document, BoundsDepth) {
    EXPECT_TRUE(parse(std::string(32, '[') + std::string(32, ']')).mistakes.empty());
    EXPECT_NE(only_mistake(std::string(100'000, '[')).find("32 levels"), std::string::npos);
    EXPECT_NE(only_mistake(std::string(33, '{') + std::string(33, '}')).find("32 levels"),
              std::string::npos);
}

TEST(Document, BoundsTheNumberOfValues) {
    std::string text;
    for (std::size_t i = 0; i <= Document::kNodesMax; ++i) {
        text += "- 1\n";
    }
    EXPECT_NE(only_mistake(text).find("500000"), std::string::npos);
}

TEST(Document, BoundsSize) {
    const std::string comment(Document::kBytesMax, '#');
    EXPECT_TRUE(parse(comment).mistakes.empty());
    EXPECT_EQ(only_mistake(comment + "#"), "file.yaml: the file is larger than 4 MiB; shorten it");
}

TEST(Document, OfAFileThatIsNotThereIsAMistake) {
    std::vector<Mistake> mistakes;
    Document::load("/nonexistent/gateway.yaml", mistakes);
    ASSERT_EQ(mistakes.size(), 1U);
    EXPECT_EQ(mistakes[0].to_string().find("/nonexistent/gateway.yaml: the file cannot be read"),
              0U);
    mistakes.clear();
    Document::load("/", mistakes);
    EXPECT_EQ(mistakes.size(), 1U);
}

}  // namespace
}  // namespace gw::config
