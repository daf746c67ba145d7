#include "upstream/service.hpp"

#include <gtest/gtest.h>

namespace gw::upstream {
namespace {

const Member kHere{.address = {*IpAddress::parse("192.0.2.1"), 80}};
const Member kThere{.address = {*IpAddress::parse("192.0.2.2"), 80}};

ServiceOptions speaking(ServiceProtocol protocol, Millis connect_timeout = Millis{1'000}) {
    ServiceOptions options;
    options.protocol = protocol;
    options.connect_timeout = connect_timeout;
    return options;
}

class ServiceTest : public testing::Test {
  protected:
    [[nodiscard]] ServiceProtocol spoken() const { return service_.options().protocol; }
    void set_members(const Member& member) { service_.set_members({&member, 1}); }

    net::Loop loop_;
    Service service_{loop_, "event-service"};
};

TEST_F(ServiceTest, SpeaksTheOldProtocolToTheOldAddressUntilTheNewOneIsKnown) {
    service_.configure(speaking(ServiceProtocol::h1));
    set_members(kHere);
    service_.configure(speaking(ServiceProtocol::h2, Millis{77}));
    EXPECT_EQ(spoken(), ServiceProtocol::h1);
    EXPECT_EQ(service_.options().connect_timeout, Millis{77}) << "what else is new is so at once";
    // The same again, as where only a limit has changed.
    service_.configure(speaking(ServiceProtocol::h2, Millis{77}));
    EXPECT_EQ(spoken(), ServiceProtocol::h1);
    set_members(kThere);
    EXPECT_EQ(spoken(), ServiceProtocol::h2);
    EXPECT_EQ(service_.pick(nullptr, 0)->address(), kThere.address);
}

TEST_F(ServiceTest, SpeaksAsConfiguredWhereItHasNoAddressYet) {
    service_.configure(speaking(ServiceProtocol::h1));
    service_.configure(speaking(ServiceProtocol::h2));
    EXPECT_EQ(spoken(), ServiceProtocol::h2);
}

TEST_F(ServiceTest, AReloadThatIsTakenBackChangesNothing) {
    service_.configure(speaking(ServiceProtocol::h1));
    set_members(kHere);
    service_.configure(speaking(ServiceProtocol::h2));
    service_.configure(speaking(ServiceProtocol::h1));
    set_members(kHere);
    EXPECT_EQ(spoken(), ServiceProtocol::h1);
}

}  // namespace
}  // namespace gw::upstream
