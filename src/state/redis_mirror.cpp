#include "state/redis_mirror.hpp"

#include <algorithm>

#include "base/ensure.hpp"
#include "state/redis_complaint.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kKeysAtOnce = 500;       // a round trip; a few milliseconds of Redis' time
constexpr std::size_t kChangedMax = 100'000;   // beyond, listing all is cheaper
constexpr std::size_t kListedMax = 5'000'000;  // a gigabyte: bans, not a cache, are followed
constexpr std::string_view kScanCount = "1000";
// Longer values of keys that are followed are cut: they are reasons for people.
constexpr std::string_view kLastByte = "65535";

using Kind = RedisReply::Kind;

RedisCommand get_command(const std::string& key) {
    return {"GETRANGE", key, "0", std::string(kLastByte)};
}
RedisCommand ttl_command(const std::string& key) {
    return {"PTTL", key};
}

}  // namespace

std::string scan_pattern(const std::vector<std::string>& prefixes) {
    std::size_t common = prefixes.empty() ? 0 : prefixes.front().size();
    for (const std::string& prefix : prefixes) {
        common = std::min(common, prefix.size());
    }
    std::string pattern;
    for (std::size_t i = 0; i < common; ++i) {
        std::set<char> letters;
        for (const std::string& prefix : prefixes) {
            letters.insert(prefix[i]);
        }
        pattern += '[';
        for (const char letter : letters) {
            pattern += '\\';
            pattern += letter;
        }
        pattern += ']';
    }
    return pattern + "*";
}

RedisMirror::RedisMirror(net::Loop& loop, RedisServers& servers, RedisRefusals& refusals,
                         const RedisPlace& place)
    : loop_(loop),
      servers_(servers),
      refusals_(refusals),
      place_(place),
      lives_(loop, servers, place) {}

void RedisMirror::follow(std::vector<std::string> prefixes, Follower& follower) {
    ensure(follower_ == nullptr, "the store has one follower");
    prefixes_ = std::move(prefixes);
    follower_ = &follower;
}

bool RedisMirror::follows(std::string_view key) const {
    return std::ranges::any_of(
        prefixes_, [key](const std::string& prefix) { return key.starts_with(prefix); });
}

void RedisMirror::changed(std::string_view key) {
    if (!follows(key)) {
        return;
    }
    if (changed_.size() == kChangedMax) {
        changed_.clear();
        flushed_ = true;
    }
    if (!changed_.contains(key)) {
        changed_.emplace(key);
    }
}

net::Task<Result<void>> RedisMirror::list() {
    if (follower_ == nullptr) {
        co_return Result<void>{};
    }
    if (const auto looked = co_await lives_.look(); !looked) {
        co_return looked;
    }
    if (const auto collected = co_await collect(); !collected) {
        co_return collected;
    }
    lives_.weigh(listed_);
    if (lives_.in_doubt()) {
        if (place_.read_only) {
            co_return Result<void>{};  // its own gateways give it back what it had
        }
        const auto written = co_await write_back();
        if (!written) {
            co_return std::unexpected(written.error());
        }
        if (!*written) {
            co_return Result<void>{};
        }
        if (const auto collected = co_await collect(); !collected) {
            co_return collected;
        }
    }
    lives_.settle();
    if (unreadable_) {
        co_return Result<void>{};
    }
    follower_->listing_ended();
    told_all_ = true;
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::collect() {
    flushed_ = false;
    unreadable_ = false;
    changed_.clear();  // all is read after this
    listed_.assign(servers_.nodes().size(), 0);
    follower_->listing_began();
    for (std::size_t i = 0; i < servers_.nodes().size(); ++i) {
        if (const auto scanned = co_await scan(*servers_.nodes()[i], listed_[i]); !scanned) {
            co_return scanned;
        }
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::scan(RedisNode& node, std::size_t& listed) {
    const std::string pattern = scan_pattern(prefixes_);
    std::string cursor = "0";
    do {
        const auto page = co_await node.commands().run(
            {"SCAN", cursor, "MATCH", pattern, "COUNT", std::string(kScanCount)},
            loop_.now() + place_.command_timeout);
        if (!page) {
            co_return std::unexpected(page.error());
        }
        if (page->is(Kind::error)) {
            refusals_.bar({"SCAN"}, *page);
            co_return std::unexpected(error_of(page->text));
        }
        if (!page->is(Kind::list) || page->items.size() != 2) {
            co_return fail(Errc::malformed, Fault::store, "Redis sent no page of keys");
        }
        cursor = page->items[0].text;
        std::vector<std::string> keys;
        for (const RedisReply& key : page->items[1].items) {
            if (follows(key.text)) {
                keys.push_back(key.text);
            }
        }
        listed += keys.size();
        if (listed > kListedMax) {
            co_return fail(Errc::too_large, Fault::store, "too many keys to follow");
        }
        if (const auto got = co_await this->read(node, std::move(keys)); !got) {
            co_return got;
        }
        // A long listing must not hold up a ban.
        if (must_read()) {
            if (const auto got = co_await read_changed(); !got) {
                co_return got;
            }
        }
    } while (cursor != "0");
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::read_changed() {
    std::map<std::size_t, std::vector<std::string>> keys_of_node;
    for (std::size_t n = 0; n < kKeysAtOnce && !changed_.empty(); ++n) {
        std::string key = std::move(changed_.extract(changed_.begin()).value());
        if (const auto node = servers_.node_of(key)) {
            keys_of_node[*node].push_back(std::move(key));
        }
    }
    for (auto& [node, keys] : keys_of_node) {
        if (const auto got = co_await this->read(*servers_.nodes()[node], std::move(keys)); !got) {
            co_return got;
        }
        lives_.note_change();
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::read(RedisNode& node, std::vector<std::string> keys) {
    for (std::size_t from = 0; from < keys.size(); from += kKeysAtOnce) {
        const std::size_t end = std::min(from + kKeysAtOnce, keys.size());
        std::vector<RedisCommand> commands;
        for (std::size_t i = from; i < end; ++i) {
            commands.push_back(get_command(keys[i]));
            commands.push_back(ttl_command(keys[i]));
        }
        auto replies = co_await node.commands().run_all(std::move(commands),
                                                        loop_.now() + place_.command_timeout);
        if (!replies) {
            co_return std::unexpected(replies.error());
        }
        for (std::size_t i = from; i < end; ++i) {
            const std::size_t at = 2 * (i - from);
            auto value = co_await read_elsewhere(std::move((*replies)[at]), get_command(keys[i]));
            auto ttl = co_await read_elsewhere(std::move((*replies)[at + 1]), ttl_command(keys[i]));
            if (!value || !ttl) {
                co_return std::unexpected(value ? ttl.error() : value.error());
            }
            if (*value && *ttl) {
                take(keys[i], **value, **ttl);
            }
        }
    }
    co_return Result<void>{};
}

// The same reply, but for a key that has moved the one of its new home.
net::Task<Result<std::optional<RedisReply>>> RedisMirror::read_elsewhere(RedisReply reply,
                                                                         RedisCommand command) {
    if (!reply.is(Kind::error)) {
        co_return std::optional(std::move(reply));
    }
    switch (complaint_of(reply.text)) {
        case Complaint::wrong_type:
            co_return std::optional(RedisReply{});
        case Complaint::permission:
            refusals_.note(command, reply, loop_.now());
            unreadable_ = true;
            co_return std::nullopt;
        case Complaint::moved:
        case Complaint::ask: {
            auto found = co_await servers_.run(std::move(command), RedisServers::Via::commands,
                                               place_.command_timeout);
            if (!found) {
                co_return std::unexpected(found.error());
            }
            if (found->is(Kind::error)) {
                if (complaint_of(found->text) != Complaint::permission) {
                    co_return std::unexpected(error_of(found->text));
                }
                unreadable_ = true;
                co_return std::nullopt;
            }
            co_return std::optional(std::move(*found));
        }
        default:
            co_return std::unexpected(error_of(reply.text));
    }
}

void RedisMirror::take(const std::string& key, const RedisReply& value, const RedisReply& ttl) {
    constexpr std::int64_t kNoKey = -2;
    if (!ttl.is(Kind::integer) || ttl.integer == kNoKey) {
        follower_->gone(key);
        return;
    }
    if (!value.is(Kind::text)) {
        follower_->no_text(key);
        return;
    }
    KnownEntry entry{key, value.text, std::nullopt};
    if (ttl.integer >= 0) {
        entry.expires = end_after(Millis{ttl.integer}, loop_.clock().wall);
    }
    follower_->known(entry);
}

net::Task<Result<bool>> RedisMirror::write_part(RedisNode& node, std::vector<RedisCommand> sets) {
    const auto replies =
        co_await node.commands().run_all(sets, loop_.now() + place_.command_timeout);
    if (!replies) {
        co_return std::unexpected(replies.error());
    }
    bool all = true;
    for (std::size_t i = 0; i < replies->size(); ++i) {
        const RedisReply& reply = (*replies)[i];
        if (!reply.is(Kind::error)) {
            continue;
        }
        switch (complaint_of(reply.text)) {
            case Complaint::no_writes:
            case Complaint::replica:
                co_return false;
            case Complaint::permission:
                refusals_.note(sets[i], reply, loop_.now());
                all = false;
                break;
            default:
                co_return std::unexpected(error_of(reply.text));
        }
    }
    co_return all;
}

// What is known and missing, for as long as it would have lasted. False: a server takes no writes,
// or not all of them from us.
net::Task<Result<bool>> RedisMirror::write_back() {
    const std::set<std::size_t> lost = lives_.nodes_in_doubt();
    std::vector<KnownEntry> entries = follower_->everything();
    const WallTime wall = loop_.clock().wall;
    std::map<std::size_t, std::vector<RedisCommand>> commands_of_node;
    for (KnownEntry& entry : entries) {
        const auto node = servers_.node_of(entry.key);
        if (!node || !lost.contains(*node) || !follows(entry.key) ||
            (entry.expires && *entry.expires <= wall)) {
            continue;
        }
        RedisCommand set{"SET", std::move(entry.key), std::move(entry.value), "NX"};
        if (entry.expires) {
            const auto left = std::chrono::ceil<Millis>(*entry.expires - wall).count();
            set.insert(set.end(), {"PX", std::to_string(left)});
        }
        commands_of_node[*node].push_back(std::move(set));
    }
    for (auto& [node, commands] : commands_of_node) {
        for (std::size_t from = 0; from < commands.size(); from += kKeysAtOnce) {
            const std::size_t end = std::min(from + kKeysAtOnce, commands.size());
            const auto at = [&commands](std::size_t i) {
                return commands.begin() + static_cast<std::ptrdiff_t>(i);
            };
            const auto written = co_await write_part(*servers_.nodes()[node], {at(from), at(end)});
            if (!written || !*written) {
                co_return written;
            }
        }
    }
    co_return true;
}

}  // namespace gw::state
