#include "state/redis_lives.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr std::string_view kKey = "gateway:lives";
constexpr unsigned kTagsMax = 100'000;  // finds a master of 3 slots in 16,384 all but surely
// A gateway that was cut off for more restarts than that takes what it misses for lost.
constexpr std::size_t kLivesMax = 32;

using Kind = RedisReply::Kind;

}  // namespace

RedisLives::RedisLives(net::Loop& loop, RedisServers& servers, const RedisPlace& place)
    : loop_(loop), servers_(servers), place_(place) {}

bool RedisLives::goes_on(const Life& life) const {
    return std::ranges::any_of(servers_.nodes(),
                               [&](const auto& node) { return node->run_id() == life.run_id; });
}

// In a Cluster each master counts for itself, by a key that lives there.
std::string RedisLives::key_at(std::size_t node, const std::string& before) const {
    if (place_.kind != RedisKind::cluster) {
        return std::string(kKey);
    }
    if (!before.empty() && servers_.node_of(before) == node) {
        return before;
    }
    for (unsigned tag = 0; tag < kTagsMax; ++tag) {
        std::string key = std::string(kKey) + ":{" + std::to_string(tag) + "}";
        if (servers_.node_of(key) == node) {
            return key;
        }
    }
    return std::string(kKey);
}

// Nothing: we are not to know, or somebody has written something else there.
net::Task<Result<std::optional<RedisLives::Counts>>> RedisLives::read(std::string key) {
    const auto reply = co_await servers_.run({"HGETALL", std::move(key)},
                                             RedisServers::Via::optional, place_.command_timeout);
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    if (reply->is(Kind::error) && complaint_of(reply->text) == Complaint::not_ready) {
        co_return std::unexpected(error_of(reply->text));
    }
    if (!reply->is(Kind::list)) {
        co_return std::optional<Counts>{};
    }
    Counts counts;
    for (std::size_t i = 0; i + 1 < reply->items.size(); i += 2) {
        if (const auto count = parse_decimal(reply->items[i + 1].text)) {
            counts.emplace(reply->items[i].text, static_cast<std::int64_t>(*count));
        }
    }
    co_return std::optional(std::move(counts));
}

net::Task<Result<bool>> RedisLives::has_lost(Life life) {
    // A replica that is read only for its master lives on while it is emptied and filled again.
    if (!life.count || (!place_.read_only && goes_on(life))) {
        co_return false;
    }
    if (uncounted_) {
        co_return true;
    }
    const auto counts = co_await read(life.key);
    if (!counts) {
        co_return std::unexpected(counts.error());
    }
    if (!*counts) {
        co_return false;
    }
    const auto found = (*counts)->find(life.run_id);
    co_return found == (*counts)->end() || found->second < *life.count;
}

// The youngest life of each node: counts begin with the time.
net::Task<Result<void>> RedisLives::read_all() {
    others_.clear();
    for (std::size_t node = 0; node < servers_.nodes().size(); ++node) {
        Life life{key_at(node, ""), servers_.nodes()[node]->run_id()};
        const auto counts = co_await read(life.key);
        if (!counts) {
            co_return std::unexpected(counts.error());
        }
        for (const auto& [run_id, count] : counts->value_or(Counts{})) {
            if (!life.count || count > *life.count) {
                life.run_id = run_id;
                life.count = count;
            }
        }
        others_.push_back(std::move(life));
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisLives::look() {
    if (place_.read_only) {
        if (const auto got = co_await read_all(); !got) {
            co_return got;
        }
        // Who counted there and has come back has also given back what was lost.
        const bool counted =
            std::ranges::all_of(others_, [](const Life& life) { return life.count.has_value(); });
        std::erase_if(doubts_, [&](const Life& life) { return !life.count || counted; });
    }
    for (std::size_t i = 0; i < lives_.size();) {
        const auto lost = co_await has_lost(lives_[i]);
        if (!lost) {
            co_return std::unexpected(lost.error());
        }
        if (*lost) {
            doubts_.push_back(std::move(lives_[i]));
            lives_.erase(lives_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            ++i;
        }
    }
    co_return Result<void>{};
}

void RedisLives::weigh(const std::vector<std::size_t>& keys) {
    std::erase_if(lives_, [&](Life& life) {
        const auto node = servers_.node_of(life.key);
        if (life.count || goes_on(life) || !node || *node >= keys.size() || keys[*node] > 0) {
            return false;
        }
        doubts_.push_back(std::move(life));
        return true;
    });
}

std::set<std::size_t> RedisLives::nodes_in_doubt() const {
    std::set<std::size_t> nodes;
    for (const Life& life : doubts_) {
        if (const auto node = servers_.node_of(life.key)) {
            nodes.insert(*node);
        }
    }
    return nodes;
}

void RedisLives::settle() {
    doubts_.clear();
    if (place_.read_only) {
        lives_ = std::move(others_);
    }
}

net::Task<Result<const char*>> RedisLives::count() {
    std::vector<Life> lives;
    const char* trouble = nullptr;
    bool all = true;
    for (std::size_t i = 0; i < servers_.nodes().size(); ++i) {
        RedisNode& node = *servers_.nodes()[i];
        const auto known = std::ranges::find(lives_, node.run_id(), &Life::run_id);
        Life life = known != lives_.end() ? *known : Life{"", node.run_id()};
        life.key = key_at(i, life.key);
        const std::string begin = std::to_string(epoch_ms(loop_.clock().wall));
        const auto replies = co_await node.commands().run_all(
            {{"HSETNX", life.key, life.run_id, begin}, {"HINCRBY", life.key, life.run_id, "1"}},
            loop_.now() + place_.command_timeout);
        if (!replies) {
            co_return std::unexpected(replies.error());
        }
        const RedisReply& counted = replies->back();
        if (counted.is(Kind::integer)) {
            life.count = counted.integer;
        } else if (const Complaint complaint = complaint_of(counted.text);
                   complaint == Complaint::no_writes || complaint == Complaint::replica) {
            trouble = error_of(counted.text).detail;
        }
        // A user that may not write this key may well write the others.
        all = all && counted.is(Kind::integer);
        if (counted.is(Kind::integer) && replies->front().integer == 1) {
            if (const auto trimmed = co_await trim(node, life.key); !trimmed) {
                co_return std::unexpected(trimmed.error());
            }
        }
        lives.push_back(std::move(life));
    }
    lives_ = std::move(lives);
    uncounted_ = uncounted_ && !all;
    co_return trouble;
}

net::Task<Result<void>> RedisLives::trim(RedisNode& node, std::string key) {
    const auto counts = co_await read(key);
    if (!counts) {
        co_return std::unexpected(counts.error());
    }
    if (!*counts || (*counts)->size() <= kLivesMax) {
        co_return Result<void>{};
    }
    std::vector<std::pair<std::int64_t, std::string>> oldest;
    for (const auto& [run_id, count] : **counts) {
        oldest.emplace_back(count, run_id);
    }
    std::ranges::sort(oldest);
    RedisCommand drop{"HDEL", std::move(key)};
    for (std::size_t i = 0; i + kLivesMax < oldest.size(); ++i) {
        drop.push_back(std::move(oldest[i].second));
    }
    const auto dropped =
        co_await node.commands().run(std::move(drop), loop_.now() + place_.command_timeout);
    co_return dropped ? Result<void>{} : std::unexpected(dropped.error());
}

}  // namespace gw::state
