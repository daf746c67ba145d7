// Where Redis is and how it is reached: what operators write (RedisOptions), and what is made of it
// (RedisPlace). A URL says everything at once:
//
//     redis://user:password@host:6379/2                        one server; rediss:// with TLS
//     redis+sentinel://user:password@host:26379,host:26379/master-name/0
//     redis+cluster://user:password@host:6379,host:6379
//
// and rediss+sentinel, rediss+cluster with TLS. Parts of it are percent-encoded (RFC 3986, 2.1).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::state {

struct RedisHost {
    std::string host;  // a name, or an IP address without brackets
    std::uint16_t port = 6379;

    // "host", "host:port", "[v6]:port"
    static std::expected<RedisHost, config::Flaw> parse(std::string_view text,
                                                        std::uint16_t default_port);
    bool operator==(const RedisHost&) const = default;
};

enum class RedisKind : std::uint8_t { single, sentinel, cluster };

struct RedisPlace {
    RedisKind kind = RedisKind::single;
    std::vector<RedisHost> hosts;  // the server, the sentinels, or some nodes of the cluster
    std::string master;            // as the sentinels know it
    std::string user;
    std::string password;
    std::string sentinel_password;
    unsigned db = 0;
    bool tls = false;
    bool read_only = false;  // nothing is written there: it is another region's
    std::string ca_file;     // empty: what the system trusts
    std::string cert_file;
    std::string key_file;
    Millis connect_timeout{1'000};
    Millis command_timeout{500};
};

struct RedisOptions {
    std::string url;
    std::string host;
    std::uint16_t port = 6379;
    std::string user;
    std::string password;
    std::uint32_t db = 0;
    bool tls = false;
    std::string ca_file;
    std::string cert_file;
    std::string key_file;
    std::vector<std::string> sentinels;
    std::string master = "mymaster";
    std::string sentinel_password;
    bool cluster = false;
    Millis connect_timeout{1'000};
    Millis command_timeout{500};

    // Is Redis asked for at all?
    [[nodiscard]] bool configured() const {
        return !url.empty() || !host.empty() || !sentinels.empty();
    }
};

// Flaws never show the URL: it may hold a password.
std::optional<config::Flaw> check_redis_url(std::string_view text);
std::optional<config::Flaw> check_redis_host(std::string_view text);
std::optional<config::Flaw> check_sentinel(std::string_view text);

template <class Visitor>
void fields(Visitor& field, RedisOptions& o) {
    using namespace config;
    field("url", o.url, Env{"REDIS_URL"}, Secret{}, Check{check_redis_url, ""},
          "where Redis is, in one line: `redis://user:password@host:6379/0`; `rediss://` with TLS, "
          "`redis+sentinel://host,host/master-name/0`, `redis+cluster://host,host`; without it and "
          "`host`, state is kept in this process");
    field("host", o.host, Env{"REDIS_HOST"}, Check{check_redis_host, ""},
          "host of Redis, where no `url` is given");
    field("port", o.port, Env{"REDIS_PORT"}, Range{1, 65535}, "port of Redis");
    field("user", o.user, Env{"REDIS_USER"}, "user of Redis (ACL); empty: the default user");
    field("password", o.password, Env{"REDIS_PASSWORD"}, Secret{},
          "password of Redis; used with a `url` that has none");
    field("db", o.db, Env{"REDIS_DB"}, Range{0, 1'000'000}, "number of the database");
    field("tls", o.tls, Env{"REDIS_TLS"}, "connect with TLS, and verify the server");
    field("tls_ca_file", o.ca_file, Env{"REDIS_TLS_CA_FILE"},
          "certificates (PEM) that vouch for Redis; empty: those of the system");
    field("tls_cert_file", o.cert_file, Env{"REDIS_TLS_CERT_FILE"},
          "certificate (PEM) shown to Redis");
    field("tls_key_file", o.key_file, Env{"REDIS_TLS_KEY_FILE"}, "its private key (PEM)");
    field("sentinels", o.sentinels, Env{"REDIS_SENTINELS"}, Check{check_sentinel, ""},
          "Sentinels to ask for the master, as `host` or `host:port`");
    field("sentinel_master", o.master, Env{"REDIS_SENTINEL_MASTER"},
          "name by which the Sentinels know the master");
    field("sentinel_password", o.sentinel_password, Env{"REDIS_SENTINEL_PASSWORD"}, Secret{},
          "password of the Sentinels");
    field("cluster", o.cluster, Env{"REDIS_CLUSTER"}, "`host` is a node of a Redis Cluster");
    field("connect_timeout_ms", o.connect_timeout, Range{10, 60'000},
          "time for a connection to Redis to be ready");
    field("command_timeout_ms", o.command_timeout, Range{10, 60'000},
          "time Redis has to answer; then the connection is given up");
}

// What the options mean together, or what contradicts in them. They are configured().
std::expected<RedisPlace, config::Flaw> place_of(const RedisOptions& options);
// Another region's Redis, which is only read: at `url`, else as our own is reached.
std::expected<RedisPlace, config::Flaw> place_of_peer(RedisOptions own, const std::string& url);

}  // namespace gw::state
