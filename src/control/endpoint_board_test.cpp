#include "control/endpoint_board.hpp"

#include <gtest/gtest.h>

namespace gw::control {
namespace {

const net::Address kA{IpAddress::v4({10, 0, 0, 1}), 80};
const net::Address kB{IpAddress::v4({10, 0, 0, 2}), 80};

std::vector<upstream::Member> both() {
    return {{.address = kA}, {.address = kB}};
}

TEST(EndpointBoard, CountsAnEndpointAsIllWhileAnyWorkerLeavesItOut) {
    EndpointBoard board;
    board.set_members("s", both());
    EXPECT_EQ(board.json(), R"({"s":{"endpoints":2,"healthy":2}})");
    board.set_ejected("s", 0, {kA});
    board.set_ejected("s", 1, {kA});
    EXPECT_EQ(board.json(), R"({"s":{"endpoints":2,"healthy":1}})");
    board.set_ejected("s", 0, {});
    EXPECT_FALSE(board.facts()[0].well);
    board.set_ejected("s", 1, {});
    EXPECT_TRUE(board.facts()[0].well);
}

TEST(EndpointBoard, TakesTheWordOfTheChecks) {
    EndpointBoard board;
    board.set_members("s", both());
    board.checked("s", kB, false);
    EXPECT_EQ(board.facts()[1].endpoint, "10.0.0.2:80");
    EXPECT_FALSE(board.facts()[1].well);
    board.checked("s", kB, true);
    EXPECT_TRUE(board.facts()[1].well);
}

TEST(EndpointBoard, ForgetsWhatHasLeft) {
    EndpointBoard board;
    board.set_members("s", both());
    board.set_ejected("s", 0, {kA});
    board.set_members("s", {{.address = kB}});
    board.checked("s", kA, false);
    EXPECT_EQ(board.json(), R"({"s":{"endpoints":1,"healthy":1}})");
    board.set_members("t", both());
    board.keep({"t"});
    EXPECT_EQ(board.json(), R"({"t":{"endpoints":2,"healthy":2}})");
}

}  // namespace
}  // namespace gw::control
