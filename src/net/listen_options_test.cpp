#include "net/listen_options.hpp"

#include <gtest/gtest.h>

#include "net/dns_options.hpp"

namespace gw::net {
namespace {

TEST(ListenOptions, TakeAddressesOnly) {
    for (const char* good : {"0.0.0.0", "127.0.0.1", "::", "::1"}) {
        EXPECT_FALSE(check_listen_host(good)) << good;
    }
    for (const char* bad : {"", "localhost", "0.0.0.0:80", "[::]", "1.2.3"}) {
        EXPECT_TRUE(check_listen_host(bad)) << bad;
    }
}

TEST(AdminOptions, TakeTokensThatFitAHeader) {
    EXPECT_FALSE(check_token("a-Z_0~!"));
    for (const char* bad : {"q w", "q\n", "ä", "\x7f"}) {
        const auto flaw = check_token(bad);
        ASSERT_TRUE(flaw) << bad;
        EXPECT_EQ(flaw->what.find(bad), std::string::npos);
    }
}

TEST(DnsOptions, TakeAddressesWithOrWithoutPort) {
    for (const char* good : {"10.0.0.10", "10.0.0.10:5353", "fd00::10", "[fd00::10]:5353"}) {
        EXPECT_FALSE(check_dns_server(good)) << good;
    }
    for (const char* bad : {"", "dns", "10.0.0.10:", "10.0.0.10:0", "10.0.0.10:65536", "[fd00::10]",
                            "[fd00::10]:", "10.0.0.10:53x"}) {
        EXPECT_TRUE(check_dns_server(bad)) << bad;
    }
}

}  // namespace
}  // namespace gw::net
