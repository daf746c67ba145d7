#include "state/redis_options.hpp"

#include <gtest/gtest.h>

namespace gw::state {
namespace {

RedisPlace place_of_url(std::string url) {
    RedisOptions options;
    options.url = std::move(url);
    const auto place = place_of(options);
    EXPECT_TRUE(place.has_value()) << options.url;
    return place.value_or(RedisPlace{});
}

TEST(RedisOptions, AUrlSaysEverything) {
    const RedisPlace place = place_of_url("rediss://app:p%40ss%3A@cache.example:6380/3");
    EXPECT_EQ(place.kind, RedisKind::single);
    EXPECT_TRUE(place.tls);
    EXPECT_EQ(place.user, "app");
    EXPECT_EQ(place.password, "p@ss:");
    EXPECT_EQ(place.db, 3U);
    EXPECT_EQ(place.hosts, (std::vector<RedisHost>{{"cache.example", 6380}}));
    EXPECT_EQ(place_of_url("redis://:secret@[::1]").hosts, (std::vector<RedisHost>{{"::1", 6379}}));
    EXPECT_EQ(place_of_url("redis://:secret@redis").password, "secret");
    EXPECT_EQ(place_of_url("redis://redis").password, "");
}

TEST(RedisOptions, SentinelsAndClusterHaveUrlsToo) {
    const RedisPlace sentinel = place_of_url("redis+sentinel://:pw@s1,s2:26380/mymaster/2");
    EXPECT_EQ(sentinel.kind, RedisKind::sentinel);
    EXPECT_EQ(sentinel.master, "mymaster");
    EXPECT_EQ(sentinel.db, 2U);
    EXPECT_EQ(sentinel.hosts, (std::vector<RedisHost>{{"s1", 26379}, {"s2", 26380}}));
    const RedisPlace cluster = place_of_url("rediss+cluster://n1:7000,n2:7001");
    EXPECT_EQ(cluster.kind, RedisKind::cluster);
    EXPECT_TRUE(cluster.tls);
    EXPECT_EQ(cluster.hosts.size(), 2U);
}

TEST(RedisOptions, RefuseAUrlWithoutShowingIt) {
    for (const char* bad :
         {"http://h", "redis://", "redis://:hush@", "redis://:hush@h:0", "redis://:hush@h:x",
          "redis://:hush@h/x", "redis://:hush%zz@h", "redis://:hush@h,i", "redis://:hu/sh@h",
          "redis+sentinel://:hush@h", "redis+sentinel://:hush@h/", "redis+cluster://:hush@h/1",
          "redis://:hush@h/1?x", "redis://:hush@1.2.3", "redis://:hush@[::1"}) {
        const auto flaw = check_redis_url(bad);
        ASSERT_TRUE(flaw) << bad;
        EXPECT_EQ(flaw->what.find("hush"), std::string::npos) << flaw->what;
        EXPECT_FALSE(flaw->remedy.empty());
    }
}

TEST(RedisOptions, PartsAreEnoughWithoutAUrl) {
    RedisOptions options;
    EXPECT_FALSE(options.configured());
    options.host = "redis-service";
    options.password = "pw";
    options.db = 4;
    EXPECT_TRUE(options.configured());
    const auto single = place_of(options);
    ASSERT_TRUE(single);
    EXPECT_EQ(single->hosts, (std::vector<RedisHost>{{"redis-service", 6379}}));
    EXPECT_EQ(single->db, 4U);
    options.cluster = true;
    EXPECT_FALSE(place_of(options).has_value()) << "a cluster has no database 4";
    options.db = 0;
    EXPECT_EQ(place_of(options)->kind, RedisKind::cluster);
    options.sentinels = {"s1"};
    EXPECT_FALSE(place_of(options).has_value()) << "Sentinels or a cluster, not both";
    options.cluster = false;
    EXPECT_EQ(place_of(options)->kind, RedisKind::sentinel);
    options.password = "";
    options.user = "app";
    EXPECT_FALSE(place_of(options).has_value()) << "a user without a password";
}

TEST(RedisOptions, AUrlWithoutAPasswordTakesTheOneSetApart) {
    RedisOptions options;
    options.url = "redis://redis:6379";
    options.password = "apart";
    EXPECT_EQ(place_of(options)->password, "apart");
}

TEST(RedisOptions, APeerIsOnlyReadAndReachedAsItsUrlSays) {
    RedisOptions own;
    own.host = "redis-service";
    own.password = "shared";
    own.tls = true;
    own.db = 3;
    const auto peer = place_of_peer(own, "redis://redis.b.example:6380");
    ASSERT_TRUE(peer);
    EXPECT_TRUE(peer->read_only);
    EXPECT_EQ(peer->hosts, (std::vector<RedisHost>{{"redis.b.example", 6380}}));
    EXPECT_EQ(peer->password, "shared");
    EXPECT_EQ(peer->db, 0U);
    EXPECT_FALSE(peer->tls);
    EXPECT_TRUE(place_of_peer(own, "rediss://peers:pw@redis.b.example")->tls);
    EXPECT_FALSE(place_of(own)->read_only);
}

}  // namespace
}  // namespace gw::state
