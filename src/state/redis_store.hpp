// The store kept in Redis: one server, the master that Sentinels name, or a Cluster.
//
// It connects by itself and for as long as it lives, with pauses that grow and vary. While Redis is
// away every call fails at once, the follower keeps what it knows, and is told when Redis is back.
// A server that answers but takes no writes (out of memory, a replica) is followed all the same and
// counts as not available. What its user may not do is told, and tried again until it may: the rest
// goes on.
//
// Pinned; one loop's thread; stop() must have been awaited before it goes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "net/resolver.hpp"
#include "net/scope.hpp"
#include "state/redis_mirror.hpp"
#include "state/redis_servers.hpp"
#include "state/store.hpp"

namespace gw::state {

class RedisStore final : public Store, RedisNode::Owner {
  public:
    // name_servers: as net::Resolver takes them. seed: of the pauses between attempts.
    RedisStore(net::Loop& loop, RedisPlace place, const std::string& name_servers,
               std::uint64_t seed);
    RedisStore(const RedisStore&) = delete;
    RedisStore& operator=(const RedisStore&) = delete;
    ~RedisStore() override = default;

    [[nodiscard]] std::string_view backend() const override { return "redis"; }
    [[nodiscard]] bool available() const override { return up_ && write_trouble_ == nullptr; }
    [[nodiscard]] bool told_all() const override { return mirror_.told_all(); }
    [[nodiscard]] Millis lag() const override;

    net::Task<Result<bool>> set(std::string key, std::string value, SetOptions options) override;
    net::Task<Result<std::optional<KnownEntry>>> get(std::string key) override;
    net::Task<Result<bool>> replace(std::string key, std::string expected,
                                    std::optional<std::string> value,
                                    std::optional<Millis> ttl) override;
    net::Task<Result<std::int64_t>> erase(std::vector<std::string> keys) override;
    net::Task<Result<RedisReply>> run_script(std::string_view script, std::string key,
                                             std::vector<std::string> arguments) override;
    net::Task<Result<RedisReply>> run_own(RedisCommand command) override;
    void follow(std::vector<std::string> prefixes, Follower& follower) override;
    net::Task<std::string> run_command(std::vector<std::string> arguments) override;
    net::Task<void> stop() override;

  private:
    void changed(std::string_view key) override;
    void flushed() override;
    void lost(Error why) override;

    net::Task<void> keep();
    net::Task<Result<void>> begin();
    // Until the connections are of no use any more; says why.
    net::Task<Error> keep_up();
    net::Task<Result<void>> list();
    net::Task<Result<void>> list_again();
    net::Task<Result<void>> count();
    [[nodiscard]] bool clock_was_set() const;
    [[nodiscard]] Millis next_pause();
    void tell(const Error* why);
    void tell_refusals();
    net::Task<Result<void>> try_refused();
    net::Task<Result<RedisReply>> run(RedisCommand command);
    Result<RedisReply> judged(Result<RedisReply> reply);
    struct Script {
        std::string_view text;
        std::string hash;  // by which Redis knows it
    };

    net::Loop& loop_;
    const RedisPlace place_;
    Random random_;
    net::Resolver resolver_;
    RedisTlsContext tls_;
    RedisTopology topology_;
    RedisRefusals refusals_;
    RedisServers servers_;
    RedisMirror mirror_;
    bool up_ = false;
    WallTime::duration listed_apart_{};  // the clocks, when ends were reckoned last
    Instant confirmed_;  // while not up: until when changes reached us; at first the beginning
    bool stopping_ = false;
    const char* write_trouble_ = nullptr;  // why Redis takes no writes, a literal
    std::optional<Error> lost_;            // the connections ended, and why
    std::optional<bool> told_;             // what the follower was told last
    std::string told_why_;
    std::optional<std::string> told_refused_;  // nothing: since it was told to be up
    std::vector<Script> scripts_;              // the few of this program, once they were used
    unsigned failures_ = 0;                    // in a row
    net::Pause work_;
    net::Scope scope_;
};

}  // namespace gw::state
