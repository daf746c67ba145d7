#include "state/redis_topology.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr Error kCancelled{Errc::cancelled, Fault::self, Retry::never, "the gateway is stopping"};

Result<RedisMap> read_master(const RedisReply& reply) {
    if (reply.is(RedisReply::Kind::nil)) {
        return fail(Errc::unreachable, Fault::store, "the Sentinels know no such master",
                    Retry::yes);
    }
    if (!reply.is(RedisReply::Kind::list) || reply.items.size() != 2) {
        return fail(Errc::malformed, Fault::store, "a Sentinel gave no address", Retry::yes);
    }
    const auto port = parse_decimal(reply.items[1].text);
    if (!port || *port == 0 || *port > 65'535 || reply.items[0].text.empty()) {
        return fail(Errc::malformed, Fault::store, "a Sentinel gave no address", Retry::yes);
    }
    RedisMap map;
    map.masters.push_back({reply.items[0].text, static_cast<std::uint16_t>(*port)});
    return map;
}

}  // namespace

RedisTopology::RedisTopology(net::Loop& loop, net::Resolver& resolver, const RedisPlace& place,
                             const RedisTlsContext* tls)
    : loop_(loop), resolver_(resolver), place_(place), tls_(tls), known_(place.hosts) {}

net::Task<Result<net::Address>> RedisTopology::resolve(RedisHost host) {
    const auto resolution = co_await resolver_.resolve(host.host);
    if (!resolution || resolution->addresses.empty()) {
        co_return fail(Errc::unreachable, Fault::store, "the name of Redis has no address",
                       Retry::yes);
    }
    co_return net::Address{resolution->addresses.front(), host.port};
}

net::Task<Result<RedisMap>> RedisTopology::find() {
    if (place_.kind == RedisKind::single) {
        RedisMap map;
        map.masters = place_.hosts;
        co_return map;
    }
    Error why{Errc::unreachable, Fault::store, Retry::yes, "nobody knows where Redis is"};
    const std::vector<RedisHost> round = known_;
    for (const RedisHost& host : round) {
        if (cancelled_) {
            co_return std::unexpected(kCancelled);
        }
        auto map = co_await ask_one(host);
        if (!map) {
            why = map.error();
            continue;
        }
        // Configured hosts stay known: all masters may be replaced while we do not look.
        known_ = {host};
        if (place_.kind == RedisKind::cluster) {
            known_.insert(known_.end(), map->masters.begin(), map->masters.end());
        }
        for (const RedisHost& configured : place_.hosts) {
            if (std::ranges::find(known_, configured) == known_.end()) {
                known_.push_back(configured);
            }
        }
        co_return map;
    }
    co_return std::unexpected(why);
}

net::Task<Result<RedisMap>> RedisTopology::ask_one(RedisHost host) {
    const bool sentinel = place_.kind == RedisKind::sentinel;
    RedisLogin login{sentinel ? "" : place_.user,
                     sentinel ? place_.sentinel_password : place_.password, 0};
    RedisCommand question{"CLUSTER", "SLOTS"};
    if (sentinel) {
        question = {"SENTINEL", "get-master-addr-by-name", place_.master};
    }
    const auto reply = co_await ask(host, std::move(login), std::move(question));
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    if (reply->is(RedisReply::Kind::error)) {
        co_return std::unexpected(error_of(reply->text));
    }
    if (sentinel) {
        co_return read_master(*reply);
    }
    auto map = read_slots(*reply, host);
    if (!map) {
        co_return fail(Errc::malformed, Fault::store, "the Redis cluster gave no map of its slots",
                       Retry::yes);
    }
    co_return std::move(*map);
}

net::Task<Result<RedisReply>> RedisTopology::ask(RedisHost host, RedisLogin login,
                                                 RedisCommand question) {
    const auto address = co_await resolve(host);
    if (!address) {
        co_return std::unexpected(address.error());
    }
    if (cancelled_) {
        co_return std::unexpected(kCancelled);
    }
    RedisConnection connection(loop_, tls_, nullptr);
    asking_ = &connection;
    const auto opened = co_await connection.open(*address, host.host, std::move(login),
                                                 loop_.now() + place_.connect_timeout);
    Result<RedisReply> reply = RedisReply{};
    if (opened) {
        reply = co_await connection.run(std::move(question), loop_.now() + place_.command_timeout);
    } else {
        reply = std::unexpected(opened.error());
    }
    asking_ = nullptr;
    co_await connection.end();
    co_return reply;
}

void RedisTopology::cancel() {
    cancelled_ = true;
    resolver_.cancel();
    if (asking_ != nullptr) {
        asking_->close(kCancelled);
    }
}

}  // namespace gw::state
