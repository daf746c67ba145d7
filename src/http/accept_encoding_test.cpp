#include "http/accept_encoding.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace gw::http {
namespace {

constexpr std::array kBoth{Coding::br, Coding::gzip};

CodingChoice choose(const std::vector<std::string_view>& values,
                    std::span<const Coding> offered = kBoth) {
    Headers request;
    for (const std::string_view value : values) {
        EXPECT_TRUE(request.add("Accept-Encoding", value));
    }
    return choose_coding(request, offered);
}

struct Row {
    std::string_view accept;
    Coding coding;
    bool identity_refused = false;
};

TEST(AcceptEncoding, TheTableOfWeights) {
    const std::vector<Row> rows{
        {"gzip", Coding::gzip},
        {"br", Coding::br},
        {"gzip, br", Coding::br},
        {"gzip, deflate, br, zstd", Coding::br},
        {"GZIP", Coding::gzip},
        {"x-gzip", Coding::gzip},
        {"deflate, zstd", Coding::identity},
        {"", Coding::identity},
        {"identity", Coding::identity},
        {"*", Coding::br},
        {"*;q=0", Coding::identity, true},
        {"*;q=0, gzip", Coding::gzip, true},
        {"*;q=0, identity", Coding::identity},
        {"identity;q=0", Coding::identity, true},
        {"identity;q=0, gzip", Coding::gzip, true},
        {"identity;q=0, *", Coding::br, true},
        {"gzip;q=0", Coding::identity},
        {"gzip;q=0.000", Coding::identity},
        {"gzip;q=0.001", Coding::gzip},
        {"gzip;q=1.0, br;q=0.9", Coding::gzip},
        {"gzip;q=0.5, br;q=0.5", Coding::br},
        {"gzip;q=0.5, identity", Coding::identity},
        {"gzip;q=0.5, identity;q=0.5", Coding::gzip},
        {"gzip;q=0.5, identity;q=0.4", Coding::gzip},
        {"br;q=0, *", Coding::gzip},
        {"br;q=0, *;q=0.2", Coding::gzip},
        {"gzip ; q=0.8 , br ;\tq=0.3", Coding::gzip},
        {"gzip;Q=0.8", Coding::gzip},
    };
    for (const Row& row : rows) {
        const CodingChoice choice = choose({row.accept});
        EXPECT_EQ(choice.coding, row.coding) << row.accept;
        EXPECT_EQ(choice.identity_refused, row.identity_refused) << row.accept;
    }
}

TEST(AcceptEncoding, WhoSaysNothingIsGivenTheAnswerAsItIs) {
    EXPECT_EQ(choose({}).coding, Coding::identity);
    EXPECT_FALSE(choose({}).identity_refused);
}

TEST(AcceptEncoding, WhatIsNotWrittenAsTheGrammarHasItCountsForNothing) {
    for (const std::string_view accept :
         {"gzip;q=2", "gzip;q=1.001", "gzip;q=-1", "gzip;q=", "gzip;q=.5", "gzip;q=0.5555",
          "gzip;q=a", "gzip;level=9", "gzip;", "gz ip", "gzip;q=0,5x", "\"gzip\"", ";q=1",
          "gzip;q=1;q=1", "gzip;q=1e0", "gzip;q=nan"}) {
        EXPECT_EQ(choose({accept}).coding, Coding::identity) << accept;
    }
    EXPECT_EQ(choose({"gzip;q=9, br"}).coding, Coding::br);
}

TEST(AcceptEncoding, NobodyIsSentWhatTheyRefused) {
    EXPECT_EQ(choose({"gzip, gzip;q=0"}).coding, Coding::identity);
    EXPECT_EQ(choose({"gzip;q=0, gzip"}).coding, Coding::identity);
    EXPECT_EQ(choose({"br", "br;q=0, gzip;q=0.1"}).coding, Coding::gzip);
}

TEST(AcceptEncoding, FieldLinesAreOneList) {
    EXPECT_EQ(choose({"gzip;q=0.2", "br;q=0.1"}).coding, Coding::gzip);
}

TEST(AcceptEncoding, OnlyWhatIsOfferedIsChosen) {
    constexpr std::array kGzip{Coding::gzip};
    EXPECT_EQ(choose({"br, gzip;q=0.1"}, kGzip).coding, Coding::gzip);
    EXPECT_EQ(choose({"br"}, kGzip).coding, Coding::identity);
    EXPECT_EQ(choose({"*"}, {}).coding, Coding::identity);
}

TEST(AcceptEncoding, TenThousandWishesAreReadOnce) {
    std::string many;
    for (int i = 0; i < 10'000; ++i) {
        many += "zstd;q=0.3,";
    }
    EXPECT_EQ(choose({many + "gzip"}).coding, Coding::gzip);
}

}  // namespace
}  // namespace gw::http
