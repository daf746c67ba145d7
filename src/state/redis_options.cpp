#include "state/redis_options.hpp"

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gw::state {
namespace {

using config::Flaw;

constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::size_t kHostMax = 253;   // the longest name that DNS allows
constexpr std::size_t kHostsMax = 100;  // a cluster is found from any of its nodes
constexpr unsigned kDbMax = 1'000'000;
constexpr std::string_view kUrlRemedy = "write redis://user:password@host:port/db";

std::unexpected<Flaw> refuse(std::string what, std::string_view remedy = kUrlRemedy) {
    return std::unexpected(Flaw{std::move(what), std::string(remedy)});
}

bool is_name(std::string_view host) {
    if (host.empty() || host.size() > kHostMax || host.front() == '.' || host.front() == '-' ||
        host.find("..") != std::string_view::npos) {
        return false;
    }
    for (const char c : host) {
        if (!is_unreserved(c) || c == '~') {
            return false;
        }
    }
    // Digits and dots alone are an address, and then a right one.
    return host.find_first_not_of("0123456789.") != std::string_view::npos ||
           IpAddress::parse(host).has_value();
}

// Cuts `rest` at the first `mark`; what was before it.
std::string_view take_until(std::string_view& rest, char mark) {
    const std::size_t end = std::min(rest.find(mark), rest.size());
    const std::string_view taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
}

std::expected<void, Flaw> read_scheme(std::string_view& rest, RedisPlace& place) {
    struct Scheme {
        std::string_view text;
        RedisKind kind;
        bool tls;
    };
    constexpr std::array kSchemes{
        Scheme{"redis://", RedisKind::single, false},
        Scheme{"rediss://", RedisKind::single, true},
        Scheme{"redis+sentinel://", RedisKind::sentinel, false},
        Scheme{"rediss+sentinel://", RedisKind::sentinel, true},
        Scheme{"redis+cluster://", RedisKind::cluster, false},
        Scheme{"rediss+cluster://", RedisKind::cluster, true},
    };
    for (const Scheme& scheme : kSchemes) {
        if (starts_with_ignore_case(rest, scheme.text)) {
            rest.remove_prefix(scheme.text.size());
            place.kind = scheme.kind;
            place.tls = scheme.tls;
            return {};
        }
    }
    return refuse(
        "does not begin with redis:// or rediss://, +sentinel or +cluster before the ://");
}

std::expected<void, Flaw> read_login(std::string_view login, RedisPlace& place) {
    const auto user = percent_decode(take_until(login, ':'));
    const auto password = percent_decode(login);
    if (!user || !password) {
        return refuse("has a % in its user or password that begins no %XX",
                      "write % itself as %25");
    }
    place.user = *user;
    place.password = *password;
    return {};
}

std::expected<void, Flaw> read_hosts(std::string_view text, RedisPlace& place) {
    const std::uint16_t port = place.kind == RedisKind::sentinel ? kSentinelPort : kRedisPort;
    do {
        auto host = RedisHost::parse(take_until(text, ','), port);
        if (!host) {
            return std::unexpected(host.error());
        }
        place.hosts.push_back(std::move(*host));
    } while (!text.empty() && place.hosts.size() < kHostsMax);
    if (!text.empty()) {
        return refuse("names more than 100 hosts", "name a few of them");
    }
    if (place.kind == RedisKind::single && place.hosts.size() > 1) {
        return refuse("names several hosts of one server",
                      "use redis+sentinel:// or redis+cluster:// for several");
    }
    return {};
}

std::expected<void, Flaw> read_path(std::string_view path, RedisPlace& place) {
    if (place.kind == RedisKind::sentinel) {
        const auto master = percent_decode(take_until(path, '/'));
        if (!master || master->empty()) {
            return refuse("does not name the master that the Sentinels watch",
                          "write redis+sentinel://host:26379/master-name/0");
        }
        place.master = *master;
    }
    if (path.empty()) {
        return {};
    }
    const auto db = parse_decimal(path);
    if (!db || *db > kDbMax) {
        return refuse("ends in " + config::quote(path) + ", which is no number of a database");
    }
    if (place.kind == RedisKind::cluster && *db != 0) {
        return refuse("asks for a database other than 0, which a cluster has not");
    }
    place.db = static_cast<unsigned>(*db);
    return {};
}

std::expected<RedisPlace, Flaw> read_url(std::string_view text) {
    RedisPlace place;
    std::string_view rest = text;
    if (const auto scheme = read_scheme(rest, place); !scheme) {
        return std::unexpected(scheme.error());
    }
    if (rest.find_first_of("?#") != std::string_view::npos) {
        return refuse("holds a ? or #", "write them in a password as %3F and %23");
    }
    if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
        if (rest.find('/') < at) {
            return refuse("holds a / before its @", "write / in a password as %2F");
        }
        if (const auto login = read_login(rest.substr(0, at), place); !login) {
            return std::unexpected(login.error());
        }
        rest.remove_prefix(at + 1);
    }
    if (const auto hosts = read_hosts(take_until(rest, '/'), place); !hosts) {
        return std::unexpected(hosts.error());
    }
    if (const auto path = read_path(rest, place); !path) {
        return std::unexpected(path.error());
    }
    return place;
}

std::expected<RedisPlace, Flaw> read_parts(const RedisOptions& options) {
    RedisPlace place;
    place.kind = !options.sentinels.empty() ? RedisKind::sentinel
                 : options.cluster          ? RedisKind::cluster
                                            : RedisKind::single;
    if (place.kind == RedisKind::sentinel && options.cluster) {
        return refuse("asks for Sentinels and for a cluster", "set sentinels or cluster");
    }
    if (place.kind == RedisKind::cluster && options.db != 0) {
        return refuse("asks for a database other than 0, which a cluster has not", "leave db out");
    }
    if (place.kind == RedisKind::sentinel && options.master.empty()) {
        return refuse("does not name the master that the Sentinels watch", "set sentinel_master");
    }
    for (const std::string& sentinel : options.sentinels) {
        auto host = RedisHost::parse(sentinel, kSentinelPort);
        if (!host) {
            return std::unexpected(host.error());
        }
        place.hosts.push_back(std::move(*host));
    }
    if (place.hosts.empty()) {
        if (check_redis_host(options.host)) {
            return std::unexpected(*check_redis_host(options.host));
        }
        place.hosts.push_back({options.host, options.port});
    }
    place.tls = options.tls;
    place.db = options.db;
    place.master = options.master;
    return place;
}

}  // namespace

std::expected<RedisHost, Flaw> RedisHost::parse(std::string_view text, std::uint16_t default_port) {
    RedisHost result{"", default_port};
    const bool in_brackets = text.starts_with('[');
    const std::size_t end = in_brackets ? text.find(']') : std::min(text.find(':'), text.size());
    if (end == std::string_view::npos) {
        return refuse("lacks the closing bracket of an address", "write [address]:port");
    }
    result.host = text.substr(in_brackets ? 1 : 0, end - (in_brackets ? 1 : 0));
    const bool good = in_brackets ? result.host.find(':') != std::string::npos &&
                                        IpAddress::parse(result.host).has_value()
                                  : is_name(result.host);
    if (!good) {
        return refuse("names " + config::quote(result.host) + ", which is no host",
                      "write host:port");
    }
    text.remove_prefix(end + (in_brackets ? 1 : 0));
    if (text.empty()) {
        return result;
    }
    const auto port = text.starts_with(':') ? parse_decimal(text.substr(1)) : std::nullopt;
    if (!port || *port == 0 || *port > 65'535) {
        return refuse("has no valid port", "write host:port with a port from 1 to 65535");
    }
    result.port = static_cast<std::uint16_t>(*port);
    return result;
}

std::optional<Flaw> check_redis_url(std::string_view text) {
    if (text.empty()) {
        return std::nullopt;
    }
    const auto place = read_url(text);
    return place ? std::nullopt : std::optional(place.error());
}

std::optional<Flaw> check_redis_host(std::string_view text) {
    if (text.empty() || is_name(text) || IpAddress::parse(text)) {
        return std::nullopt;
    }
    return Flaw{"is " + config::quote(text) + ", which is no host",
                "write a name or an IP address; the port is set apart"};
}

std::optional<Flaw> check_sentinel(std::string_view text) {
    const auto host = RedisHost::parse(text, kSentinelPort);
    return host ? std::nullopt : std::optional(host.error());
}

std::expected<RedisPlace, Flaw> place_of(const RedisOptions& options) {
    auto place = options.url.empty() ? read_parts(options) : read_url(options.url);
    if (!place) {
        return place;
    }
    if (place->user.empty()) {
        place->user = options.user;
    }
    if (place->password.empty()) {
        place->password = options.password;
    }
    if (!place->user.empty() && place->password.empty()) {
        return refuse("names a user without a password", "set the password too");
    }
    if (options.cert_file.empty() != options.key_file.empty()) {
        return refuse("has one of tls_cert_file and tls_key_file", "set both or neither");
    }
    place->tls = place->tls || options.tls;
    place->sentinel_password = options.sentinel_password;
    place->ca_file = options.ca_file;
    place->cert_file = options.cert_file;
    place->key_file = options.key_file;
    place->connect_timeout = options.connect_timeout;
    place->command_timeout = options.command_timeout;
    return place;
}

std::expected<RedisPlace, Flaw> place_of_peer(RedisOptions own, const std::string& url) {
    own.url = url;
    own.tls = false;  // its URL says so
    auto place = place_of(own);
    if (place) {
        place->read_only = true;
    }
    return place;
}

}  // namespace gw::state
