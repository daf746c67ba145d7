#include "gateway/route_table.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

using http::Method;

class Builder {
  public:
    Route& add(std::string path, std::initializer_list<Method> methods = {},
               std::vector<std::string> hosts = {}) {
        auto route = std::make_unique<Route>();
        route->path = std::move(path);
        route->prefix = route->path.ends_with("/**");
        for (const Method method : methods) {
            route->methods = static_cast<std::uint16_t>(route->methods | method_bit(method));
        }
        route->hosts = std::move(hosts);
        routes_.push_back(std::move(route));
        return *routes_.back();
    }
    RouteTable table() { return RouteTable(std::move(routes_)); }

  private:
    std::vector<std::unique_ptr<Route>> routes_;
};

std::string found(const RouteTable& table, std::string_view path, Method method = Method::get,
                  std::string_view host = "api.example.com") {
    const RouteMatch match = table.find(path, host, method);
    return match.route != nullptr ? match.route->path : "";
}

TEST(RouteTable, APrefixTakesItselfAndEverythingBelow) {
    Builder b;
    b.add("/api/v1/events/**");
    const RouteTable table = b.table();
    EXPECT_EQ(found(table, "/api/v1/events"), "/api/v1/events/**");
    EXPECT_EQ(table.find("/api/v1/events", "x", Method::get).rest, "");
    EXPECT_EQ(table.find("/api/v1/events/7/seats", "x", Method::get).rest, "/7/seats");
    EXPECT_EQ(table.find("/api/v1/events/", "x", Method::get).rest, "/");
    EXPECT_EQ(found(table, "/api/v1/eventsx"), "");
    EXPECT_EQ(found(table, "/api/v1"), "");
    EXPECT_EQ(found(table, "/"), "");
    EXPECT_EQ(found(table, "/API/v1/events"), "");
}

TEST(RouteTable, TheMoreSpecificPathWins) {
    Builder b;
    b.add("/**");
    b.add("/a/**");
    b.add("/a/{id}");
    b.add("/a/b");
    b.add("/a/{id}/c");
    const RouteTable table = b.table();
    EXPECT_EQ(found(table, "/a/b"), "/a/b");
    EXPECT_EQ(found(table, "/a/x"), "/a/{id}");
    EXPECT_EQ(found(table, "/a/b/c"), "/a/{id}/c");  // back from the literal that leads nowhere
    EXPECT_EQ(found(table, "/a/b/d"), "/a/**");
    EXPECT_EQ(found(table, "/z"), "/**");
    EXPECT_EQ(found(table, "/"), "/**");
    EXPECT_EQ(found(table, "/a/"), "/a/**");  // a parameter is never empty
}

TEST(RouteTable, GivesTheParametersOfTheTemplate) {
    Builder b;
    b.add("/t/{tenant}/events/{event}");
    const RouteTable table = b.table();
    const RouteMatch match = table.find("/t/alpha/events/7", "x", Method::get);
    ASSERT_NE(match.route, nullptr);
    ASSERT_EQ(match.parameter_count, 2U);
    EXPECT_EQ(match.parameters[0], "alpha");
    EXPECT_EQ(match.parameters[1], "7");
}

TEST(RouteTable, ARouteThatDoesNotTakeTheMethodGivesWayOrNamesWhatIsAllowed) {
    Builder b;
    b.add("/tickets/**");
    b.add("/tickets/purchase", {Method::post});
    b.add("/only", {Method::post, Method::put});
    const RouteTable table = b.table();
    EXPECT_EQ(found(table, "/tickets/purchase", Method::post), "/tickets/purchase");
    EXPECT_EQ(found(table, "/tickets/purchase", Method::get), "/tickets/**");
    const RouteMatch match = table.find("/only", "x", Method::get);
    EXPECT_EQ(match.route, nullptr);
    EXPECT_EQ(allow_list(match.allowed), "POST, PUT");
}

TEST(RouteTable, WhoAnswersGetAnswersHead) {
    Builder b;
    b.add("/a", {Method::get});
    const RouteTable table = b.table();
    EXPECT_EQ(found(table, "/a", Method::head), "/a");
}

TEST(RouteTable, TheMoreSpecificHostWins) {
    Builder b;
    b.add("/a/**").name = "any";
    b.add("/a/**", {}, {"*.example.com"}).name = "sub";
    b.add("/a/**", {}, {"*.eu.example.com"}).name = "deeper";
    b.add("/a/**", {}, {"api.example.com"}).name = "exact";
    b.add("/b/c").name = "only any";
    const RouteTable table = b.table();
    const auto name = [&](std::string_view path, std::string_view host) {
        const RouteMatch match = table.find(path, host, Method::get);
        return match.route != nullptr ? match.route->name : "";
    };
    EXPECT_EQ(name("/a/x", "api.example.com"), "exact");
    EXPECT_EQ(name("/a/x", "API.Example.COM:3000"), "exact");
    EXPECT_EQ(name("/a/x", "api.example.com."), "exact");
    EXPECT_EQ(name("/a/x", "www.example.com"), "sub");
    EXPECT_EQ(name("/a/x", "x.eu.example.com"), "deeper");
    EXPECT_EQ(name("/a/x", "evilexample.com"), "any");
    EXPECT_EQ(name("/a/x", "example.com"), "any");
    EXPECT_EQ(name("/a/x", ""), "any");
    EXPECT_EQ(name("/b/c", "api.example.com"), "only any");
}

TEST(RouteTable, AHostIsItselfInAnyCaseAtAnyPortAndWithItsLastDot) {
    Builder b;
    b.add("/a", {}, {"api.test"});
    const RouteTable table = b.table();
    for (const char* host :
         {"api.test", "API.Test", "api.test.", "api.test:9999", "api.test.:80"}) {
        EXPECT_EQ(found(table, "/a", Method::get, host), "/a") << host;
    }
    for (const char* host : {"", "test", "x.api.test", "api.test.evil", "api.test.."}) {
        EXPECT_EQ(found(table, "/a", Method::get, host), "") << host;
    }
}

TEST(RouteTable, FindsEachOfTenThousandRoutes) {
    Builder b;
    for (int i = 0; i < 10'000; ++i) {
        b.add("/api/v1/r" + std::to_string(i) + "/{id}");
    }
    const RouteTable table = b.table();
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(found(table, "/api/v1/r" + std::to_string(i) + "/7"),
                  "/api/v1/r" + std::to_string(i) + "/{id}");
    }
}

}  // namespace
}  // namespace gw::gateway
