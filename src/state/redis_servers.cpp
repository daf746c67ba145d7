#include "state/redis_servers.hpp"

#include <algorithm>

#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr int kHopsMax = 4;  // moved, asking, moved again, and the answer
constexpr Error kAway{Errc::unreachable, Fault::store, Retry::yes, "Redis is not connected"};

}  // namespace

RedisServers::RedisServers(net::Loop& loop, const RedisPlace& place, const RedisTlsContext* tls,
                           RedisTopology& topology, RedisNode::Owner& owner)
    : loop_(loop), place_(place), tls_(tls), topology_(topology), owner_(owner) {}

net::Task<Result<void>> RedisServers::open(std::vector<std::string> prefixes) {
    co_await end();
    auto map = co_await topology_.find();
    if (!map) {
        co_return std::unexpected(map.error());
    }
    map_ = std::move(*map);
    map_is_old_ = false;
    const std::vector<RedisHost> masters = map_.masters;
    for (const RedisHost& master : masters) {
        if (const auto added = co_await add(master, prefixes); !added) {
            co_return added;
        }
    }
    open_ = true;
    co_return Result<void>{};
}

net::Task<Result<void>> RedisServers::add(RedisHost host, std::vector<std::string> prefixes) {
    const auto address = co_await topology_.resolve(host);
    if (!address) {
        co_return std::unexpected(address.error());
    }
    nodes_.push_back(std::make_unique<RedisNode>(loop_, place_, tls_, host, *address, owner_));
    RedisNode& node = *nodes_.back();
    const auto opened = co_await node.open(std::move(prefixes));
    if (opened && node.is_replica() && place_.kind != RedisKind::single) {
        co_return fail(Errc::unreachable, Fault::store, "Redis has no master just now", Retry::yes);
    }
    co_return opened;
}

net::Task<void> RedisServers::end() {
    open_ = false;
    // Out of sight first: who waits for a reply looks for another node when it fails.
    std::vector<std::unique_ptr<RedisNode>> ending;
    ending.swap(nodes_);
    for (const std::unique_ptr<RedisNode>& node : ending) {
        co_await node->end();
    }
}

void RedisServers::give_up(Error why) {
    for (const std::unique_ptr<RedisNode>& node : nodes_) {
        node->close(why);
    }
}

net::Task<Result<bool>> RedisServers::look_again() {
    if (place_.kind == RedisKind::single) {
        co_return true;
    }
    auto map = co_await topology_.find();
    if (!map) {
        co_return std::unexpected(map.error());
    }
    if (map->masters.size() != nodes_.size() ||
        !std::ranges::all_of(map->masters,
                             [this](const RedisHost& host) { return node_at(host) != nullptr; })) {
        co_return false;
    }
    std::ranges::sort(nodes_, {}, [&map](const std::unique_ptr<RedisNode>& node) {
        return std::ranges::find(map->masters, node->host()) - map->masters.begin();
    });
    map_ = std::move(*map);
    map_is_old_ = false;
    co_return true;
}

net::Task<Result<RedisReply>> RedisServers::run(RedisCommand command, Via via, Millis within) {
    const Instant deadline = loop_.now() + within;
    RedisNode* node = node_for(command);
    bool asking = false;
    for (int hop = 0; hop < kHopsMax && node != nullptr && open_; ++hop) {
        RedisConnection& connection = via == Via::relay ? node->relay() : node->commands();
        std::vector<RedisCommand> sent;
        if (asking) {
            sent.push_back({"ASKING"});
        }
        sent.push_back(command);
        auto replies = co_await connection.run_all(std::move(sent), deadline);
        if (!replies) {
            co_return std::unexpected(replies.error());
        }
        RedisReply reply = std::move(replies->back());
        const Complaint complaint =
            reply.is(RedisReply::Kind::error) ? complaint_of(reply.text) : Complaint::other;
        const bool moved = complaint == Complaint::moved;
        asking = complaint == Complaint::ask;
        const auto elsewhere = moved || asking ? redirection_of(reply.text) : std::nullopt;
        if (!elsewhere) {
            co_return reply;
        }
        map_is_old_ = map_is_old_ || moved;
        node = node_at(elsewhere->host);
    }
    co_return std::unexpected(kAway);
}

std::optional<std::size_t> RedisServers::node_of(std::string_view key) const {
    const auto position = map_.node_of(key);
    return position && *position < nodes_.size() ? position : std::nullopt;
}

RedisNode* RedisServers::node_for(const RedisCommand& command) const {
    if (nodes_.empty()) {
        return nullptr;
    }
    const auto key = first_key(command);
    if (!key) {
        return nodes_.front().get();
    }
    const auto position = node_of(*key);
    return position ? nodes_[*position].get() : nullptr;
}

RedisNode* RedisServers::node_at(const RedisHost& host) const {
    const auto found =
        std::ranges::find(nodes_, host, [](const auto& node) { return node->host(); });
    return found == nodes_.end() ? nullptr : found->get();
}

std::optional<Instant> RedisServers::confirmed() const {
    if (!open_ || nodes_.empty()) {
        return std::nullopt;
    }
    Instant oldest = kNever;
    for (const std::unique_ptr<RedisNode>& node : nodes_) {
        oldest = std::min(oldest, node->confirmed());
    }
    return oldest;
}

}  // namespace gw::state
