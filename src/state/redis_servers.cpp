#include "state/redis_servers.hpp"

#include <algorithm>

#include "state/redis_complaint.hpp"
#include "state/redis_spread.hpp"

namespace gw::state {
namespace {

constexpr int kHopsMax = 4;  // moved, asking, moved again, and the answer
// How long a command waits for its connection, and how often it looks: Redis answers in less.
constexpr Millis kRelayWait{500};
constexpr Millis kRelayLook{5};
constexpr Error kAway{Errc::unreachable, Fault::store, Retry::yes, "Redis is not connected"};

}  // namespace

RedisServers::RedisServers(net::Loop& loop, const RedisPlace& place, const RedisTlsContext* tls,
                           RedisTopology& topology, RedisRefusals& refusals,
                           RedisNode::Owner& owner)
    : loop_(loop),
      place_(place),
      tls_(tls),
      topology_(topology),
      refusals_(refusals),
      owner_(owner) {}

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
    nodes_.push_back(
        std::make_unique<RedisNode>(loop_, place_, tls_, host, *address, refusals_, owner_));
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
            if (via == Via::commands) {
                refusals_.note(command, reply, loop_.now());
            }
            co_return reply;
        }
        map_is_old_ = map_is_old_ || moved;
        node = node_at(elsewhere->host);
    }
    co_return std::unexpected(kAway);
}

// A command that is queued and dropped is judged by its rights like any other, and nothing is done.
net::Task<Result<bool>> RedisServers::try_refused(Millis within) {
    const auto is_error = [](const RedisReply& reply) { return reply.is(RedisReply::Kind::error); };
    bool some = refusals_.forget_old(loop_.now());
    for (const RedisCommand& command : refusals_.to_try()) {
        bool refused = false;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            RedisConnection& connection = nodes_[i]->commands();
            const Instant deadline = loop_.now() + within;
            // Where these are refused the command would be executed.
            const auto queues = co_await connection.run_all(
                {RedisCommand{"MULTI"}, RedisCommand{"DISCARD"}}, deadline);
            if (!queues) {
                co_return std::unexpected(queues.error());
            }
            if (std::ranges::any_of(*queues, is_error)) {
                co_return some;
            }
            const auto tried = co_await connection.run_all(
                {RedisCommand{"MULTI"}, command, RedisCommand{"DISCARD"}}, deadline);
            if (!tried) {
                co_return std::unexpected(tried.error());
            }
            refused = refused || is_refusal((*tried)[1]);
        }
        if (refused) {
            refusals_.still_refused(command, loop_.now());
        } else {
            refusals_.permitted(command);
            some = true;
        }
    }
    co_return some;
}

net::Task<void> RedisServers::await_relays(Instant deadline) {
    const auto lost = [](const std::unique_ptr<RedisNode>& node) {
        return !node->relay().usable();
    };
    while (open_ && loop_.now() < deadline && std::ranges::any_of(nodes_, lost)) {
        for (const std::unique_ptr<RedisNode>& node : nodes_) {
            if (lost(node)) {
                node->reopen_relay_soon();
            }
        }
        net::Pause pause(loop_);
        co_await pause.until(loop_.now() + kRelayLook);
    }
}

net::Task<Result<RedisReply>> RedisServers::relay(RedisCommand command, Millis within) {
    co_await await_relays(loop_.now() + std::min(within, kRelayWait));
    const std::size_t count = nodes_.size();
    if (count < 2) {
        co_return co_await run(std::move(command), Via::relay, within);
    }
    const Instant deadline = loop_.now() + within;
    if (const auto step = scan_step(command, count)) {
        auto page = co_await nodes_[step->node]->relay().run(step->command, deadline);
        if (page) {
            co_return after_step(std::move(*page), *step, count);
        }
        co_return page;
    }
    if (!goes_to_all(command)) {
        co_return co_await run(std::move(command), Via::relay, within);
    }
    std::vector<RedisReply> replies;
    for (std::size_t i = 0; i < count; ++i) {
        if (nodes_.size() != count) {
            co_return std::unexpected(kAway);
        }
        auto reply = co_await nodes_[i]->relay().run(command, deadline);
        if (!reply) {
            co_return reply;
        }
        replies.push_back(std::move(*reply));
    }
    co_return joined(std::move(replies));
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
