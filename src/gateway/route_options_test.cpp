#include "gateway/route_options.hpp"

#include <gtest/gtest.h>

namespace gw::gateway {
namespace {

RouteOptions route(const char* path, const char* rewrite) {
    RouteOptions options;
    options.path = PathPattern::parse(path).value();
    options.rewrite = rewrite;
    return options;
}

TEST(Rewrite, SaysWhereRequestsArrive) {
    EXPECT_EQ(upstream_path(route("/api/v1/auth/**", "/auth")), "/auth/**");
    EXPECT_EQ(upstream_path(route("/api/v1/auth/**", "/")), "/**");
    EXPECT_EQ(upstream_path(route("/api/v1/events/**", "")), "/api/v1/events/**");
    EXPECT_EQ(upstream_path(route("/a/{id}", "/b/{id}/c")), "/b/{id}/c");
}

TEST(Rewrite, MustBeAPathWithParametersThatTheRouteHas) {
    for (const auto& [path, rewrite] : std::initializer_list<std::pair<const char*, const char*>>{
             {"/a/**", ""}, {"/a/**", "/"}, {"/a/**", "/b/c"}, {"/a/{id}/**", "/b/{id}"}}) {
        EXPECT_FALSE(check_rewrite(route(path, rewrite))) << rewrite;
    }
    for (const auto& [path, rewrite] : std::initializer_list<std::pair<const char*, const char*>>{
             {"/a/**", "b"}, {"/a/**", "/b/**"}, {"/a/**", "/b/"}, {"/a/{id}", "/b/{x}"}}) {
        EXPECT_TRUE(check_rewrite(route(path, rewrite))) << rewrite;
    }
}

TEST(RouteHost, IsANameInSmallLetters) {
    for (const char* good :
         {"api.example.com", "*.example.com", "localhost", "a-b.c", "127.0.0.1"}) {
        EXPECT_FALSE(check_route_host(good)) << good;
    }
    for (const char* bad : {"", "*", "*.", "API.example.com", "a.example.com:80", "a..b", "a.",
                            ".a", "*.*.a", "a/b"}) {
        EXPECT_TRUE(check_route_host(bad)) << bad;
    }
}

TEST(RouteOrder, PutsTheMoreSpecificFirst) {
    RouteOptions any = route("/a", "");
    any.name = "a";
    RouteOptions suffix = any;
    suffix.hosts = {"*.example.com"};
    RouteOptions longer = any;
    longer.hosts = {"*.eu.example.com"};
    RouteOptions exact = any;
    exact.hosts = {"x.example.com"};
    RouteOptions listed = any;
    listed.methods = {http::Method::get};
    const std::vector<RouteOptions> order{exact, longer, suffix, listed, any};
    for (std::size_t i = 0; i < order.size(); ++i) {
        for (std::size_t j = 0; j < order.size(); ++j) {
            EXPECT_EQ(goes_before(order[i], order[j]), i < j) << i << " " << j;
        }
    }
}

}  // namespace
}  // namespace gw::gateway
