// Keeps a Follower informed of the keys under its prefixes: lists them all, reads again what
// changed, and writes everything back to a server that came back empty.
//
// What follows is not transactional, and need not be: whatever changes after it was read is told as
// changed, and read again. Pinned; one loop's thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "state/redis_servers.hpp"
#include "state/store.hpp"

namespace gw::state {

// A glob that all keys with one of the prefixes match, and few others: SCAN takes only one.
std::string scan_pattern(const std::vector<std::string>& prefixes);

class RedisMirror {
  public:
    RedisMirror(net::Loop& loop, RedisServers& servers, const RedisPlace& place);

    void follow(std::vector<std::string> prefixes, Follower& follower);
    [[nodiscard]] const std::vector<std::string>& prefixes() const { return prefixes_; }
    [[nodiscard]] Follower* follower() const { return follower_; }

    // Told by the servers.
    void changed(std::string_view key);
    void flushed() { flushed_ = true; }
    [[nodiscard]] bool must_list() const { return flushed_; }
    [[nodiscard]] bool must_read() const { return !changed_.empty(); }

    // After a connection was made: lists all, and writes all back if the servers have lost it.
    net::Task<Result<void>> begin();
    net::Task<Result<void>> list();
    // The next of what changed.
    net::Task<Result<void>> read_changed();

    // Writes the key by which a server that has lost its data is told from one that has not.
    // nullptr: it takes writes; else why not, a literal.
    net::Task<Result<const char*>> mark();

  private:
    enum class Purpose : std::uint8_t { list, tell };

    net::Task<Result<void>> collect();
    net::Task<Result<void>> scan(RedisNode& node);
    net::Task<Result<void>> read(RedisNode& node, std::vector<std::string> keys, Purpose purpose);
    net::Task<Result<RedisReply>> read_elsewhere(RedisReply reply, RedisCommand command);
    net::Task<Result<bool>> is_marked();
    net::Task<Result<void>> write_back(std::vector<KnownEntry> entries);
    void take(std::string key, const RedisReply& value, const RedisReply& ttl, Purpose purpose);
    void tell_listing();
    [[nodiscard]] bool follows(std::string_view key) const;
    [[nodiscard]] std::set<std::string> run_ids() const;

    net::Loop& loop_;
    RedisServers& servers_;
    const RedisPlace& place_;
    std::vector<std::string> prefixes_;
    Follower* follower_ = nullptr;
    bool flushed_ = false;
    std::set<std::string, std::less<>> changed_;
    std::optional<std::map<std::string, KnownEntry>> listing_;  // while one is being made
    std::set<std::string> no_texts_;                            // that the listing has met
    std::set<std::string> known_run_ids_;                       // of the servers last listed
    bool marked_ = false;  // the mark has been written or seen once
};

}  // namespace gw::state
