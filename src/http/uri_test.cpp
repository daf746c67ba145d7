#include "http/uri.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

struct Case {
    const char* path;
    const char* canonical;
};

// "!" and the detail if refused, with "!!" for traversal.
std::string normal(std::string_view path) {
    std::string out = "untouched";
    PathRefusal refusal;
    switch (normalise_path(path, out, refusal)) {
        case PathOutcome::unchanged:
            EXPECT_EQ(out, "untouched");
            return std::string(path);
        case PathOutcome::rewritten:
            EXPECT_NE(out, path);
            return out;
        case PathOutcome::refused:
            EXPECT_STRNE(refusal.detail, "");
            return refusal.traversal ? "!!" : "!";
    }
    return "";
}

void expect_all(std::initializer_list<Case> cases) {
    for (const Case& each : cases) {
        EXPECT_EQ(normal(each.path), each.canonical) << each.path;
        if (each.canonical[0] == '/') {
            EXPECT_EQ(normal(each.canonical), each.canonical) << "a second time";
        }
    }
}

TEST(Uri, CanonicalPathsStayAsTheyAre) {
    expect_all({{"/", "/"},
                {"/api/v1/venues/42", "/api/v1/venues/42"},
                {"/a/", "/a/"},
                {"/a.b/c..d/...", "/a.b/c..d/..."},
                {"/.well-known/x", "/.well-known/x"},
                {"/..a/.b", "/..a/.b"},
                {"/~user/a-b_c!$&'()*+,=:@", "/~user/a-b_c!$&'()*+,=:@"},
                {"/a%20b%2C", "/a%20b%2C"},
                {"/ADMIN", "/ADMIN"},
                {"/caf%C3%A9", "/caf%C3%A9"},
                {"/100%25", "/100%25"}});
}

// Paths are scanned in blocks: each byte counts at every place in and behind a block.
TEST(Uri, EveryByteIsJudgedTheSameWhereverItStands) {
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool plain = byte > ' ' && byte < 0x7F && !std::string_view("%#?;\\").contains(c);
        for (std::size_t at = 1; at < 40; ++at) {
            std::string path(40, 'x');
            path[0] = '/';
            path[at] = c;
            EXPECT_EQ(normal(path).starts_with('/'), plain) << byte << " at " << at;
            std::string slashes(40, 'x');
            slashes[0] = '/';
            slashes.insert(at, "/./");
            EXPECT_EQ(normal(slashes).size(), at == 1 ? 40U : 41U);
        }
    }
}

TEST(Uri, UnreservedEscapesAreDecodedAndOthersWrittenInUpperCase) {
    expect_all({{"/%61%64min", "/admin"},
                {"/%7Euser", "/~user"},
                {"/a%2cb%c3%a9", "/a%2Cb%C3%A9"},
                {"/%2Ewell-known", "/.well-known"}});
}

TEST(Uri, DotSegmentsAreResolved) {
    expect_all({{"/public/../admin", "/admin"},
                {"/public/%2e%2e/admin", "/admin"},
                {"/public/%2E%2e/admin", "/admin"},
                {"/public/.%2e/admin", "/admin"},
                {"/./admin", "/admin"},
                {"/admin/.", "/admin/"},
                {"/admin/..", "/"},
                {"/a/b/..", "/a/"},
                {"/a/b/../../c", "/c"},
                {"/a/./././b", "/a/b"},
                {"/.", "/"},
                {"/a//../b", "/b"}});
}

TEST(Uri, RepeatedSlashesBecomeOne) {
    expect_all(
        {{"//admin", "/admin"}, {"/admin//", "/admin/"}, {"/a///b//c", "/a/b/c"}, {"//", "/"}});
}

TEST(Uri, LeavingTheRootIsRefused) {
    expect_all({{"/..", "!!"},
                {"/../etc/passwd", "!!"},
                {"/a/../../b", "!!"},
                {"/%2e%2e/b", "!!"},
                {"/./../b", "!!"},
                {"//../b", "!!"}});
}

TEST(Uri, HiddenSeparatorsAreRefused) {
    expect_all({{"/public/%2f../admin", "!!"},
                {"/a%2fb", "!!"},
                {"/a%2Fb", "!!"},
                {"/a%5cb", "!!"},
                {"/a\\b", "!!"},
                {"/..\\admin", "!!"},
                {"/a%00b", "!!"}});
}

TEST(Uri, ParametersAreRefused) {
    expect_all({{"/public/..;/admin", "!!"},
                {"/user/..;foo=bar/admin", "!!"},
                {"/admin;x=1", "!"},
                {"/admin%3bx=1", "!"},
                {"/;/admin", "!"}});
}

TEST(Uri, BrokenEscapesAndForeignBytesAreRefused) {
    expect_all({{"/%zz", "!"},        {"/a%2", "!"},         {"/a%", "!"},
                {"/%2%65", "!"},      {"/%u002e", "!"},      {"/a%0ab", "!"},
                {"/a%0d%0ab", "!"},   {"/a%7f", "!"},        {"/a b", "!"},
                {"/a#b", "!"},        {"/a?b", "!"},         {"/a\tb", "!"},
                {"/a\x7F", "!"},      {"/caf\xC3\xA9", "!"}, {"/%c0%ae%c0%ae/admin", "!!"},
                {"/%e0%80%af", "!!"}, {"/%c3", "!!"},        {"/%c3a", "!!"},
                {"/%c3%41", "!!"},    {"/%ed%a0%80", "!!"},  {"/%c3/%a9", "!!"}});
}

TEST(Uri, WhatDoesNotBeginWithASlashIsRefused) {
    expect_all({{"", "!"}, {"*", "!"}, {"a/b", "!"}, {"http://x/", "!"}});
}

TEST(Uri, EscapesOfEscapesMayNotHideAnything) {
    expect_all({{"/%252e%252e/admin", "!!"},
                {"/%252e", "!!"},
                {"/%25%32%65%25%32%65/admin", "!!"},
                {"/.%252e/admin", "!!"},
                {"/a%252fb", "!!"},
                {"/a%25%32%66b", "!!"},
                {"/a%255cb", "!!"},
                {"/a%2500", "!!"},
                {"/a%253bx", "!!"},
                {"/a%25ff", "!!"},
                {"/a%252525252fb", "!!"},
                {"/%25252525252525252525252e", "!!"}});
}

TEST(Uri, HarmlessEscapesOfEscapesStay) {
    expect_all({{"/a%2520b", "/a%2520b"},
                {"/100%25zz", "/100%25zz"},
                {"/%2541", "/%2541"},
                {"/a.%252e.b", "/a.%252e.b"},
                {"/%25c3%25a9", "/%25c3%25a9"}});
}

TEST(Uri, DeepDecodingHasALimit) {
    std::string path = "/a%";
    for (int i = 0; i < 7; ++i) {
        path += "25";
    }
    EXPECT_EQ(normal(path + "41"), path + "41");
    EXPECT_EQ(normal(path + "2541"), "!!");
}

TEST(Uri, FullyDecodedIsWhatACarelessServiceReads) {
    EXPECT_EQ(fully_decoded("Internal"), "internal");
    EXPECT_EQ(fully_decoded("%49nternal"), "internal");
    EXPECT_EQ(fully_decoded("%2549nternal"), "internal");
    EXPECT_EQ(fully_decoded("%25%34%39nternal"), "internal");
    EXPECT_EQ(fully_decoded("internal%3Fx"), "internal");
    EXPECT_EQ(fully_decoded("internal%2523x"), "internal");
    EXPECT_EQ(fully_decoded("100%"), "100%");
    EXPECT_EQ(fully_decoded(""), "");
    EXPECT_EQ(fully_decoded("%zz%4"), "%zz%4");
}

TEST(Uri, FullyDecodedIsLinearHoweverDeepItGoes) {
    std::string deep = "%";
    for (int i = 0; i < 200'000; ++i) {
        deep += "25";
    }
    EXPECT_EQ(fully_decoded(deep + "41"), "a");
}

}  // namespace
}  // namespace gw::http
