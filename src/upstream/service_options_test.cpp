#include "upstream/service_options.hpp"

#include <gtest/gtest.h>

namespace gw::upstream {
namespace {

TEST(ServiceUrl, ReadsHostAndPort) {
    for (const auto& [text, host, port] :
         std::initializer_list<std::tuple<const char*, const char*, int>>{
             {"http://auth-service:4001", "auth-service", 4001},
             {"http://auth-service:4001/", "auth-service", 4001},
             {"http://auth.production.svc.cluster.local", "auth.production.svc.cluster.local", 80},
             {"http://127.0.0.1:1", "127.0.0.1", 1},
             {"http://[::1]:65535", "::1", 65'535}}) {
        const auto url = ServiceUrl::parse(text);
        ASSERT_TRUE(url.has_value()) << text << " " << url.error().what;
        EXPECT_EQ(url->host, host);
        EXPECT_EQ(url->port, port);
    }
    EXPECT_EQ(ServiceUrl::parse("http://[::1]:80")->to_string(), "http://[::1]:80");
    EXPECT_EQ(ServiceUrl::parse("http://a")->authority(), "a:80");
    EXPECT_FALSE(ServiceUrl::parse("http://a")->tls);
    EXPECT_TRUE(ServiceUrl::parse("https://a")->tls);
    EXPECT_EQ(ServiceUrl::parse("https://a")->to_string(), "https://a:443");
    EXPECT_EQ(ServiceUrl::parse("https://[::1]:8443/")->to_string(), "https://[::1]:8443");
    EXPECT_EQ(ServiceUrl{}.to_string(), "");
}

TEST(ServiceUrl, RefusesWhatItIsNotAndSaysWhy) {
    for (const auto& [text, reason] : std::initializer_list<std::pair<const char*, const char*>>{
             {"", "does not begin"},
             {"auth-service:4001", "does not begin"},
             {"HTTP://a:1", "does not begin"},
             {"HTTPS://a:443", "does not begin"},
             {"https://", "no host"},
             {"https://a:1/x", "path"},
             {"http://", "no host"},
             {"http://:80", "no host"},
             {"http://a b:80", "no host"},
             {"http://a..b:80", "no host"},
             {"http://.a:80", "no host"},
             {"http://1.2.3:80", "no host"},
             {"http://1.2.3.400:80", "no host"},
             {"http://[1.2.3.4]:80", "no host"},
             {"http://[::1:80", "bracket"},
             {"http://[::1]80", "port"},
             {"http://a:", "port"},
             {"http://a:0", "port"},
             {"http://a:65536", "port"},
             {"http://a:+1", "port"},
             {"http://a:1/base", "path"},
             {"http://a:1?x", "path"},
             {"http://a:1#x", "path"},
             {"http://user:pw@a:1", "password"}}) {
        const auto url = ServiceUrl::parse(text);
        ASSERT_FALSE(url.has_value()) << text;
        EXPECT_NE(url.error().what.find(reason), std::string::npos)
            << text << ": " << url.error().what;
    }
}

TEST(ServiceUrl, DoesNotShowAPasswordThatItRefuses) {
    const auto url = ServiceUrl::parse("http://user:hunter2@a:1");
    EXPECT_EQ((url.error().what + url.error().remedy).find("hunter2"), std::string::npos);
}

TEST(ServiceName, IsShortAndPlain) {
    for (const char* good : {"a", "auth-service", "s3"}) {
        EXPECT_FALSE(check_service_name(good)) << good;
    }
    for (const std::string& bad : {std::string(), std::string("Auth"), std::string("3s"),
                                   std::string("a_b"), std::string("-a"), std::string(65, 'a')}) {
        EXPECT_TRUE(check_service_name(bad)) << bad;
    }
}

}  // namespace
}  // namespace gw::upstream
