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
constexpr std::size_t kNoTextsMax = 1'000;  // somebody's slips; who makes more knows of them
// Longer values of keys that are followed are cut: they are reasons for people.
constexpr std::string_view kLastByte = "65535";
// Without a time to live: as long as it is there, the server has not lost what it knew.
constexpr std::string_view kMark = "gateway:present";

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

RedisMirror::RedisMirror(net::Loop& loop, RedisServers& servers, const RedisPlace& place)
    : loop_(loop), servers_(servers), place_(place) {}

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

std::set<std::string> RedisMirror::run_ids() const {
    std::set<std::string> ids;
    for (const auto& node : servers_.nodes()) {
        ids.insert(node->run_id());
    }
    return ids;
}

net::Task<Result<void>> RedisMirror::begin() {
    if (follower_ == nullptr) {
        co_return Result<void>{};
    }
    std::set<std::string> ids = run_ids();
    const bool restarted = !std::ranges::includes(known_run_ids_, ids);
    const auto marked = co_await is_marked();
    if (!marked) {
        co_return std::unexpected(marked.error());
    }
    if (const auto collected = co_await collect(); !collected) {
        co_return collected;
    }
    // Where the mark could never be written, or in a cluster, an empty server must do as a sign.
    const bool lost = restarted && (marked_ ? !*marked : listing_->empty());
    if (lost && place_.read_only) {
        listing_.reset();  // its own gateways give it back what it had; until then that stays
        co_return Result<void>{};
    }
    if (lost) {
        std::vector<KnownEntry> entries = follower_->everything();
        if (!entries.empty()) {
            if (const auto written = co_await write_back(std::move(entries)); !written) {
                co_return written;
            }
            if (const auto collected = co_await collect(); !collected) {
                co_return collected;
            }
        }
    }
    marked_ = marked_ || *marked;
    known_run_ids_ = std::move(ids);
    tell_listing();
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::list() {
    if (place_.read_only && marked_) {
        const auto marked = co_await is_marked();
        if (!marked) {
            co_return std::unexpected(marked.error());
        }
        if (!*marked) {
            flushed_ = false;
            co_return Result<void>{};  // as in begin()
        }
    }
    const auto collected = co_await collect();
    if (collected) {
        tell_listing();
    }
    co_return collected;
}

net::Task<Result<void>> RedisMirror::collect() {
    flushed_ = false;
    changed_.clear();  // all is read after this
    listing_.emplace();
    no_texts_.clear();
    for (const auto& node : servers_.nodes()) {
        if (const auto scanned = co_await scan(*node); !scanned) {
            listing_.reset();
            co_return scanned;
        }
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::scan(RedisNode& node) {
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
        if (listing_->size() + keys.size() > kListedMax) {
            co_return fail(Errc::too_large, Fault::store, "too many keys to follow");
        }
        if (const auto got = co_await this->read(node, std::move(keys), Purpose::list); !got) {
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
        if (const auto got =
                co_await this->read(*servers_.nodes()[node], std::move(keys), Purpose::tell);
            !got) {
            co_return got;
        }
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisMirror::read(RedisNode& node, std::vector<std::string> keys,
                                          Purpose purpose) {
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
            take(std::move(keys[i]), *value, *ttl, purpose);
        }
    }
    co_return Result<void>{};
}

// The same reply, but for a key that has moved the one of its new home.
net::Task<Result<RedisReply>> RedisMirror::read_elsewhere(RedisReply reply, RedisCommand command) {
    if (!reply.is(Kind::error)) {
        co_return reply;
    }
    switch (complaint_of(reply.text)) {
        case Complaint::wrong_type:
            co_return RedisReply{};
        case Complaint::moved:
        case Complaint::ask: {
            auto found = co_await servers_.run(std::move(command), RedisServers::Via::commands,
                                               place_.command_timeout);
            if (found && found->is(Kind::error)) {
                co_return std::unexpected(error_of(found->text));
            }
            co_return found;
        }
        default:
            co_return std::unexpected(error_of(reply.text));
    }
}

void RedisMirror::take(std::string key, const RedisReply& value, const RedisReply& ttl,
                       Purpose purpose) {
    constexpr std::int64_t kNoKey = -2;
    const WallTime wall = loop_.clock().wall;
    const bool there = ttl.is(Kind::integer) && ttl.integer != kNoKey;
    no_texts_.erase(key);
    if (!there || !value.is(Kind::text)) {
        if (purpose == Purpose::tell) {
            there ? follower_->no_text(key) : follower_->gone(key);
        }
        if (listing_) {
            listing_->erase(key);
        }
        if (listing_ && there && no_texts_.size() < kNoTextsMax) {
            no_texts_.insert(std::move(key));
        }
        return;
    }
    KnownEntry entry{std::move(key), value.text, std::nullopt};
    if (ttl.integer >= 0) {
        entry.expires = wall + Millis{ttl.integer};
    }
    if (purpose == Purpose::tell) {
        follower_->known(entry);
    }
    if (listing_) {
        std::string name = entry.key;
        listing_->insert_or_assign(std::move(name), std::move(entry));
    }
}

void RedisMirror::tell_listing() {
    const WallTime wall = loop_.clock().wall;
    follower_->listing_began();
    for (const auto& [key, entry] : *listing_) {
        if (!entry.expires || *entry.expires > wall) {
            follower_->known(entry);
        }
    }
    for (const std::string& key : no_texts_) {
        follower_->no_text(key);
    }
    follower_->listing_ended();
    listing_.reset();
    no_texts_.clear();
}

net::Task<Result<bool>> RedisMirror::is_marked() {
    if (place_.kind == RedisKind::cluster) {
        co_return false;
    }
    const auto reply = co_await servers_.nodes().front()->commands().run(
        {"EXISTS", std::string(kMark)}, loop_.now() + place_.command_timeout);
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    co_return reply->integer == 1;
}

net::Task<Result<const char*>> RedisMirror::mark() {
    if (place_.kind == RedisKind::cluster || servers_.nodes().empty()) {
        co_return nullptr;
    }
    const auto reply = co_await servers_.nodes().front()->commands().run(
        {"SET", std::string(kMark), "1"}, loop_.now() + place_.command_timeout);
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    if (!reply->is(Kind::error)) {
        marked_ = true;
        co_return nullptr;
    }
    const Complaint complaint = complaint_of(reply->text);
    if (complaint == Complaint::no_writes || complaint == Complaint::replica) {
        co_return error_of(reply->text).detail;
    }
    co_return nullptr;  // a user that may not write this key may well write the others
}

net::Task<Result<void>> RedisMirror::write_back(std::vector<KnownEntry> entries) {
    const WallTime wall = loop_.clock().wall;
    std::map<std::size_t, std::vector<RedisCommand>> commands_of_node;
    for (KnownEntry& entry : entries) {
        const auto node = servers_.node_of(entry.key);
        if (!node || !follows(entry.key) || (entry.expires && *entry.expires <= wall)) {
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
            std::vector<RedisCommand> part(
                std::make_move_iterator(commands.begin() + static_cast<std::ptrdiff_t>(from)),
                std::make_move_iterator(commands.begin() + static_cast<std::ptrdiff_t>(end)));
            const auto replies = co_await servers_.nodes()[node]->commands().run_all(
                std::move(part), loop_.now() + place_.command_timeout);
            if (!replies) {
                co_return std::unexpected(replies.error());
            }
            for (const RedisReply& reply : *replies) {
                if (reply.is(Kind::error)) {
                    co_return std::unexpected(error_of(reply.text));
                }
            }
        }
    }
    co_return Result<void>{};
}

}  // namespace gw::state
