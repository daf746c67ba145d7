#include "identity/identity.hpp"

#include <gtest/gtest.h>

namespace gw::identity {
namespace {

std::string holdings(std::vector<std::string> permissions, std::vector<std::string> venues) {
    Identity identity;
    identity.permissions = std::move(permissions);
    identity.venues = std::move(venues);
    return holdings_of(identity);
}

TEST(Identity, WhoHoldsTheSameIsNotToldApart) {
    EXPECT_EQ(holdings({}, {}), "");
    EXPECT_EQ(holdings({}, {"v1", "v2"}).size(), 32U);
    EXPECT_EQ(holdings({}, {"v1", "v2"}), holdings({}, {"v2", "v1", "v2"}));
    EXPECT_EQ(holdings({"a:b", "c:d"}, {"v1"}), holdings({"c:d", "a:b"}, {"v1"}));
}

TEST(Identity, WhoHoldsAnythingElseIs) {
    EXPECT_NE(holdings({}, {"v1"}), holdings({}, {"v2"}));
    EXPECT_NE(holdings({}, {"v1"}), holdings({}, {"v1", "v2"}));
    EXPECT_NE(holdings({}, {"v1", "v2"}), holdings({}, {"v1v2"}));
    EXPECT_NE(holdings({"x"}, {}), holdings({}, {"x"}));
    EXPECT_NE(holdings({"x", "y"}, {}), holdings({"x"}, {"y"}));
}

}  // namespace
}  // namespace gw::identity
