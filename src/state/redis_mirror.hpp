// Keeps a Follower informed of the keys under its prefixes: lists them all, reads again what
// changed, and writes back what a server has lost.
//
// What follows is not transactional, and need not be: whatever changes after it was read is told as
// changed, and read again. Pinned; one loop's thread.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "state/redis_lives.hpp"
#include "state/redis_servers.hpp"
#include "state/store.hpp"

namespace gw::state {

// A glob that all keys with one of the prefixes match, and few others: SCAN takes only one.
std::string scan_pattern(const std::vector<std::string>& prefixes);

class RedisMirror {
  public:
    RedisMirror(net::Loop& loop, RedisServers& servers, RedisRefusals& refusals,
                const RedisPlace& place);

    void follow(std::vector<std::string> prefixes, Follower& follower);
    [[nodiscard]] const std::vector<std::string>& prefixes() const { return prefixes_; }
    [[nodiscard]] Follower* follower() const { return follower_; }

    // Told by the servers.
    void changed(std::string_view key);
    void flushed() { flushed_ = true; }
    // More may be read or written than was.
    void permitted() { flushed_ = true; }
    [[nodiscard]] bool must_list() const { return flushed_; }
    [[nodiscard]] bool must_read() const { return !changed_.empty(); }

    // Lists all; each page is told as it comes. What servers have lost is written back first; where
    // that cannot be, what was known stays. So it does where keys may not be read: those that may
    // be are told all the same.
    net::Task<Result<void>> list();
    // A listing has come to its end: the follower knows all.
    [[nodiscard]] bool told_all() const { return told_all_; }
    // What was known stays, because a server has lost it and it is not written back yet.
    [[nodiscard]] bool in_doubt() const { return lives_.in_doubt(); }
    // The next of what changed.
    net::Task<Result<void>> read_changed();

    // What was read is to be counted, by which a server that loses it is found.
    [[nodiscard]] bool must_count() const { return lives_.must_count(); }
    // nullptr: the servers take writes; else why not, a literal.
    net::Task<Result<const char*>> count() { return lives_.count(); }

  private:
    net::Task<Result<void>> collect();
    net::Task<Result<void>> scan(RedisNode& node, std::size_t& listed);
    net::Task<Result<void>> read(RedisNode& node, std::vector<std::string> keys);
    // Nothing: it may not be read.
    net::Task<Result<std::optional<RedisReply>>> read_elsewhere(RedisReply reply,
                                                                RedisCommand command);
    net::Task<Result<bool>> write_back();
    net::Task<Result<bool>> write_part(RedisNode& node, std::vector<RedisCommand> sets);
    void take(const std::string& key, const RedisReply& value, const RedisReply& ttl);
    [[nodiscard]] bool follows(std::string_view key) const;

    net::Loop& loop_;
    RedisServers& servers_;
    RedisRefusals& refusals_;
    const RedisPlace& place_;
    RedisLives lives_;
    std::vector<std::string> prefixes_;
    Follower* follower_ = nullptr;
    bool flushed_ = false;
    std::set<std::string, std::less<>> changed_;
    std::vector<std::size_t> listed_;  // keys at each node, by the last listing
    bool told_all_ = false;
    bool unreadable_ = false;  // a key, since the last listing began
};

}  // namespace gw::state
