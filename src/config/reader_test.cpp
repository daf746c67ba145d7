#include "config/reader.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace gw::config {
namespace {

using namespace std::chrono_literals;

enum class Colour { red, green };
constexpr std::array<std::pair<std::string_view, Colour>, 2> names_of(Colour) {
    return {{{"red", Colour::red}, {"green", Colour::green}}};
}

struct Inner {
    std::uint16_t port = 80;
    std::string token;
};
template <class Visitor>
void fields(Visitor& field, Inner& o) {
    field("port", o.port, Env{"PORT"}, Range{1, 65'535}, "port");
    field("token", o.token, Env{"TOKEN"}, Secret{}, "token");
}

struct Place3 {
    std::string url;
    std::uint32_t weight = 1;
};
template <class Visitor>
void fields(Visitor& field, Place3& o) {
    field("url", o.url, Required{}, Env{"<NAME>_SERVICE_URL"}, "address");
    field("weight", o.weight, Range{1, 10}, "share");
}

std::optional<Flaw> check_short(std::string_view text) {
    return text.size() <= 10 ? std::nullopt : std::optional(Flaw{"is long", "shorten it"});
}

struct Outer {
    bool on = false;
    std::uint64_t count = 7;
    std::chrono::milliseconds wait{100};
    std::string name = "none";
    Colour colour = Colour::red;
    std::vector<std::string> tags{"default"};
    std::vector<Cidr> blocks;
    Inner inner;
    std::vector<Place3> places;
    std::map<std::string, Place3> services;
};
template <class Visitor>
void fields(Visitor& field, Outer& o) {
    field("on", o.on, "switch");
    field("count", o.count, Range{0, 100}, "number");
    field("wait_ms", o.wait, Range{1, 1'000}, "time");
    field("name", o.name, Check{check_short, ""}, "text");
    field("colour", o.colour, Env{"COLOUR"}, "choice");
    field("tags", o.tags, Env{"TAGS"}, Check{check_short, ""}, "texts");
    field("blocks", o.blocks, Env{"BLOCKS"}, "addresses");
    field("inner", o.inner, "section");
    field("places", o.places, "sections");
    field("services", o.services, Check{check_short, ""}, "named sections");
}

struct Outcome {
    Outer options;
    std::vector<std::string> mistakes;
    std::shared_ptr<Reading> reading = std::make_shared<Reading>();
};

Outcome read_text(const std::string& text, Environment::Values variables = {}) {
    Outcome outcome;
    outcome.reading->environment = Environment(std::move(variables));
    outcome.reading->document = Document::parse("f.yaml", text, outcome.reading->mistakes);
    read(Reader::root(outcome.reading), outcome.options);
    for (const Mistake& mistake : outcome.reading->mistakes) {
        outcome.mistakes.push_back(mistake.to_string());
    }
    return outcome;
}

using Mistakes = std::vector<std::string>;

TEST(Reader, LeavesDefaultsWhereNothingIsGiven) {
    for (const char* text : {"", "inner:\n", "inner: {}\n"}) {
        const Outcome outcome = read_text(text);
        EXPECT_EQ(outcome.mistakes, Mistakes{}) << text;
        EXPECT_EQ(outcome.options.count, 7U);
        EXPECT_EQ(outcome.options.tags, std::vector<std::string>{"default"});
        EXPECT_EQ(outcome.options.inner.port, 80);
    }
}

TEST(Reader, ReadsEveryKindOfValue) {
    const Outcome outcome = read_text(R"(
on: true
count: 100
wait_ms: 250
name: 123
colour: GREEN
tags: [a, "b"]
blocks: [10.0.0.0/8, "::1"]
inner: {port: 8080, token: t}
places:
  - {url: u1}
  - {url: u2, weight: 3}
services:
  a: {url: u3}
)");
    ASSERT_EQ(outcome.mistakes, Mistakes{});
    const Outer& o = outcome.options;
    EXPECT_TRUE(o.on);
    EXPECT_EQ(o.count, 100U);
    EXPECT_EQ(o.wait, 250ms);
    EXPECT_EQ(o.name, "123");
    EXPECT_EQ(o.colour, Colour::green);
    EXPECT_EQ(o.tags, (std::vector<std::string>{"a", "b"}));
    ASSERT_EQ(o.blocks.size(), 2U);
    EXPECT_EQ(o.inner.port, 8080);
    EXPECT_EQ(o.inner.token, "t");
    ASSERT_EQ(o.places.size(), 2U);
    EXPECT_EQ(o.places[1].weight, 3U);
    EXPECT_EQ(o.services.at("a").url, "u3");
}

TEST(Reader, CollectsEveryMistakeWithItsPlace) {
    const Outcome outcome = read_text(R"(on: yes
count: 101
wait_ms: 1.5
name:
colour: blue
tags: a
blocks: [10.0.0.0/99]
inner: 5
places: [{weight: 0, url: u}, x]
services: {much-too-long: {url: u}}
)");
    EXPECT_EQ(outcome.mistakes,
              (Mistakes{
                  "f.yaml:1:5: on is \"yes\"; write true or false, without quotes",
                  "f.yaml:2:8: count is 101; use a whole number from 0 to 100",
                  "f.yaml:3:10: wait_ms is \"1.5\"; use a whole number from 1 to 1000",
                  "f.yaml:4:1: name has no value; give it one or remove the line",
                  "f.yaml:5:9: colour is \"blue\"; use red or green",
                  "f.yaml:6:7: tags is not a list; write [a, b], or a line `- a` for each value",
                  "f.yaml:7:10: blocks[0] is \"10.0.0.0/99\"; write an address or a block such as "
                  "10.0.0.0/8 or fd00::/8",
                  "f.yaml:8:8: inner is not a section; write indented lines `name: value`",
                  "f.yaml:9:19: places[0].weight is 0; use a whole number from 1 to 10",
                  "f.yaml:9:31: places[1] is not a section; write indented lines `name: value`",
                  "f.yaml:10:12: the name \"services.much-too-long\" is long; shorten it",
              }));
}

TEST(Reader, FindsUnknownKeysAndWhatWasMeant) {
    const Outcome outcome = read_text("cuont: 1\ninner:\n  prot: 1\n  xylophone: 2\n");
    EXPECT_EQ(
        outcome.mistakes,
        (Mistakes{"f.yaml:3:3: \"inner.prot\" is no setting; did you mean port?",
                  "f.yaml:4:3: \"inner.xylophone\" is no setting; remove it; the settings are "
                  "listed in docs/configuration.md",
                  "f.yaml:1:1: \"cuont\" is no setting; did you mean count?"}));
}

TEST(Reader, LetsTheEnvironmentWinOverTheFile) {
    const Outcome outcome =
        read_text("inner: {port: 1}\ncolour: red\ntags: [x]\n", {{"PORT", "9"},
                                                                 {"COLOUR", "green"},
                                                                 {"TAGS", "a, b,,c "},
                                                                 {"BLOCKS", "10.0.0.1,fd00::/8"}});
    ASSERT_EQ(outcome.mistakes, Mistakes{});
    EXPECT_EQ(outcome.options.inner.port, 9);
    EXPECT_EQ(outcome.options.colour, Colour::green);
    EXPECT_EQ(outcome.options.tags, (std::vector<std::string>{"a", "b", "c"}));
    EXPECT_EQ(outcome.options.blocks.size(), 2U);
}

TEST(Reader, ReadsTheEnvironmentOfASectionThatIsNotThere) {
    EXPECT_EQ(read_text("", {{"PORT", "9"}}).options.inner.port, 9);
}

TEST(Reader, NamesTheVariableThatIsWrong) {
    const Outcome outcome = read_text("inner: {port: 0}\n", {{"PORT", "eighty"}});
    EXPECT_EQ(
        outcome.mistakes,
        (Mistakes{"f.yaml:1:15: inner.port is 0; use a whole number from 1 to 65535",
                  "environment PORT: PORT is \"eighty\"; use a whole number from 1 to 65535"}));
}

TEST(Reader, NamesVariablesAfterKeys) {
    const Outcome outcome = read_text("services:\n  a-b: {}\n  c: {}\n  x-service:\n  y-service:\n",
                                      {{"A_B_SERVICE_URL", "u1"}, {"Y_SERVICE_URL", "u2"}});
    EXPECT_EQ(outcome.options.services.at("a-b").url, "u1");
    EXPECT_EQ(outcome.options.services.at("y-service").url, "u2");
    EXPECT_EQ(outcome.mistakes,
              (Mistakes{"f.yaml:3:6: services.c.url is missing; write it or set C_SERVICE_URL",
                        "f.yaml:4:3: services.x-service.url is missing; write it or set "
                        "X_SERVICE_URL"}));
    EXPECT_TRUE(outcome.reading->variables.contains("A_B_SERVICE_URL"));
}

class SecretFile : public testing::Test {
  protected:
    SecretFile() : path_(testing::TempDir() + "gw_reader_test_secret") {}
    ~SecretFile() override { std::filesystem::remove(path_); }
    void write(const std::string& content) { std::ofstream(path_, std::ios::binary) << content; }
    std::string path_;
};

TEST_F(SecretFile, IsReadWithoutItsLastLineBreak) {
    write("line one\nline two\n\n");
    const Outcome outcome = read_text("", {{"TOKEN_FILE", path_}});
    EXPECT_EQ(outcome.mistakes, Mistakes{});
    EXPECT_EQ(outcome.options.inner.token, "line one\nline two\n");
}

TEST_F(SecretFile, MayBeWrittenBySystemsThatEndLinesByTwoCharacters) {
    write("s3cret\r\n");
    EXPECT_EQ(read_text("", {{"TOKEN_FILE", path_}}).options.inner.token, "s3cret");
    write("s3cret\r");
    EXPECT_EQ(read_text("", {{"TOKEN_FILE", path_}}).options.inner.token, "s3cret\r");
}

TEST_F(SecretFile, AndVariableMustNotBothBeSet) {
    write("s3cret");
    const Outcome outcome = read_text("", {{"TOKEN_FILE", path_}, {"TOKEN", "oth3r"}});
    EXPECT_EQ(outcome.mistakes,
              Mistakes{"environment TOKEN_FILE: TOKEN and TOKEN_FILE are both set; "
                       "set one of them"});
}

TEST_F(SecretFile, MustBeReadable) {
    const Outcome outcome = read_text("", {{"TOKEN_FILE", "/nonexistent/token"}});
    EXPECT_EQ(outcome.mistakes,
              Mistakes{"environment TOKEN_FILE: the file \"/nonexistent/token\" cannot be read: No "
                       "such file or directory; name an existing, readable file"});
}

// Nothing in it is not "no secret": what it protects would be open.
TEST_F(SecretFile, MustHoldOne) {
    for (const char* content : {"", "\n", "\r\n", " \n\n"}) {
        write(content);
        const Outcome outcome = read_text("", {{"TOKEN_FILE", path_}});
        EXPECT_EQ(outcome.mistakes,
                  Mistakes{"environment TOKEN_FILE: the file \"" + path_ +
                           "\" is empty; write the secret into it, or unset TOKEN_FILE"});
    }
    EXPECT_EQ(read_text("", {{"TOKEN", ""}, {"TOKEN_FILE", ""}}).mistakes, Mistakes{});
}

TEST_F(SecretFile, IsNotWaitedForWhereAPipeHasTakenItsPlace) {
    ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
    EXPECT_EQ(read_text("", {{"TOKEN_FILE", path_}}).mistakes,
              Mistakes{"environment TOKEN_FILE: the file \"" + path_ +
                       "\" is no regular file; put a file there"});
}

TEST_F(SecretFile, IsNamedToWhoeverWatchesIt) {
    write("");
    EXPECT_EQ(read_text("", {{"TOKEN_FILE", path_}}).reading->secret_files,
              (SecretFiles{{"TOKEN_FILE", path_}}));
}

TEST_F(SecretFile, HasABoundedSize) {
    write(std::string(65'537, 'x'));
    EXPECT_EQ(read_text("", {{"TOKEN_FILE", path_}}).mistakes.size(), 1U);
}

// What is wrong together is found after all has been read.
TEST(Reader, BlamesTheVariableThatGaveAValue) {
    const auto blamed = [](const std::string& text, Environment::Values variables,
                           std::string_view name) {
        const Outcome outcome = read_text(text, std::move(variables));
        Reader inner = Reader::root(outcome.reading).section("inner");
        inner.blame(name, "it is wrong", "change it");
        return outcome.reading->mistakes.back().place.to_string();
    };
    EXPECT_EQ(blamed("inner: {port: 9}\n", {{"PORT", "7"}}, "port"), "environment PORT");
    EXPECT_EQ(blamed("inner: {port: 9}\n", {{"TOKEN", "t"}}, "port"), "f.yaml:1:15");
    EXPECT_EQ(blamed("inner: {port: 9}\n", {{"TOKEN", "t"}}, "others"), "f.yaml:1:1");
    EXPECT_EQ(blamed("", {{"TOKEN", "t"}}, "port"), "environment TOKEN") << "made the section";
    EXPECT_EQ(blamed("", {}, "port"), "f.yaml:1:1");
}

struct Strict {
    std::uint32_t share = 50;
};
template <class Visitor>
void fields(Visitor& field, Strict& o) {
    field("share", o.share, Env{"SHARE"}, Range{1, 100}, "share");
}
struct Lax {
    std::uint32_t share = 0;
};
template <class Visitor>
void fields(Visitor& field, Lax& o) {
    field("share", o.share, Env{"SHARE"}, Range{0, 100}, "share; 0: as for all");
}

TEST(Reader, TellsOfAVariableOfSeveralSettingsOnceByTheStrictest) {
    for (const bool strict_first : {true, false}) {
        auto reading = std::make_shared<Reading>();
        reading->environment = Environment({{"SHARE", "101"}});
        Strict strict;
        Lax lax;
        if (strict_first) {
            read(Reader::root(reading).section("a"), strict);
        }
        read(Reader::root(reading).section("b"), lax);
        read(Reader::root(reading).section("c"), strict);
        ASSERT_EQ(reading->mistakes.size(), 1U);
        EXPECT_EQ(reading->mistakes[0].to_string(),
                  "environment SHARE: SHARE is 101; use a whole number from 1 to 100");
    }
}

TEST(Reader, OfAFileThatIsAListSaysSo) {
    EXPECT_EQ(
        read_text("- a\n").mistakes,
        Mistakes{"f.yaml:1:1: the file is not a section; write indented lines `name: value`"});
}

struct Open {
    std::uint32_t known = 0;
    Reader others;
};
template <class Visitor>
void fields(Visitor& field, Open& o) {
    field("known", o.known, "known");
    field.rest(o.others);
}

TEST(Reader, KeepsASectionOpenForLaterReaders) {
    auto reading = std::make_shared<Reading>();
    reading->document = Document::parse("f.yaml", "known: 1\nextra: {port: 2}\nempty:\nstray: 3\n",
                                        reading->mistakes);
    Open open;
    read(Reader::root(reading), open);
    EXPECT_TRUE(reading->mistakes.empty());
    EXPECT_EQ(open.known, 1U);

    Reader extra = open.others.section("extra");
    ASSERT_TRUE(extra.present());
    Inner inner;
    read(extra, inner);
    EXPECT_EQ(inner.port, 2);
    EXPECT_TRUE(open.others.section("empty").present());
    EXPECT_FALSE(open.others.section("absent").present());

    open.others.finish();
    ASSERT_EQ(reading->mistakes.size(), 1U);
    EXPECT_EQ(reading->mistakes[0].place.line, 4U);
    open.others.blame("known", "it is wrong", "change it");
    EXPECT_EQ(reading->mistakes[1].to_string(), "f.yaml:1:8: it is wrong; change it");
}

}  // namespace
}  // namespace gw::config
