#include "net/activation.hpp"

#include <gtest/gtest.h>

namespace gw::net {
namespace {

using Names = std::vector<std::string>;

Names names(config::Environment::Values variables, int pid = 7) {
    return passed_names(config::Environment(std::move(variables)), pid).value_or(Names{"error"});
}

TEST(PassedNames, AreThoseTheManagerGives) {
    EXPECT_EQ(
        names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "3"}, {"LISTEN_FDNAMES", "public:admin:resp"}}),
        (Names{"public", "admin", "resp"}));
}

TEST(PassedNames, OfSocketsWithoutAKnownNameArePublic) {
    EXPECT_EQ(names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "2"}}), (Names{"public", "public"}));
    EXPECT_EQ(names({{"LISTEN_PID", "7"},
                     {"LISTEN_FDS", "3"},
                     {"LISTEN_FDNAMES", "api-gateway.socket::admin"}}),
              (Names{"public", "public", "admin"}));
}

TEST(PassedNames, AreNoneWhenNothingIsPassedToThisProcess) {
    EXPECT_EQ(names({}), Names{});
    EXPECT_EQ(names({{"LISTEN_FDS", "1"}}), Names{});
    EXPECT_EQ(names({{"LISTEN_PID", "8"}, {"LISTEN_FDS", "1"}}), Names{});
    EXPECT_EQ(names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "0"}}), Names{});
}

TEST(PassedNames, WithNumbersThatAreNoneAreAnError) {
    EXPECT_EQ(names({{"LISTEN_PID", "x"}, {"LISTEN_FDS", "1"}}), Names{"error"});
    EXPECT_EQ(names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "-1"}}), Names{"error"});
    EXPECT_EQ(names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "65"}}), Names{"error"});
    EXPECT_EQ(names({{"LISTEN_PID", "7"}, {"LISTEN_FDS", "1 "}}), Names{"error"});
}

}  // namespace
}  // namespace gw::net
