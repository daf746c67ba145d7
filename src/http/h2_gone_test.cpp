#include "http/h2_gone.hpp"

#include <gtest/gtest.h>

namespace gw::http {
namespace {

using Was = H2Gone::Was;

TEST(H2Gone, KnowsWhoEndedAStream) {
    H2Gone gone;
    gone.ended(1);
    gone.given_up(3);
    gone.ended(3);  // as the library tells of each that it closes
    EXPECT_EQ(gone.what_of(1), Was::ended);
    EXPECT_EQ(gone.what_of(3), Was::given_up);
    EXPECT_EQ(gone.what_of(5), Was::unknown);
}

TEST(H2Gone, StreamsThatEndDoNotMakeItForgetThoseThatWereGivenUp) {
    H2Gone gone;
    gone.given_up(1);
    for (int id = 3; id < 2'001; id += 2) {
        gone.ended(id);
    }
    EXPECT_EQ(gone.what_of(1), Was::given_up);
    EXPECT_EQ(gone.what_of(3), Was::unknown);
    EXPECT_EQ(gone.what_of(1'999), Was::ended);
}

TEST(H2Gone, WhatMayHaveBeenGivenUpIsTakenForIt) {
    H2Gone gone;
    for (int id = 1; id < 2'001; id += 2) {
        gone.given_up(id);
    }
    EXPECT_EQ(gone.what_of(1), Was::given_up);
    gone.ended(2'001);
    EXPECT_EQ(gone.what_of(2'001), Was::ended);
}

}  // namespace
}  // namespace gw::http
