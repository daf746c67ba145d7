// One Redis server that is followed: a connection for commands, one on which it tells of changed
// keys, and one for operators' commands, which may be slow without holding up the others.
//
// Changes are told by CLIENT TRACKING in broadcast mode (Redis 6+), redirected to the subscribed
// connection: a connection in RESP2 takes them as messages of __redis__:invalidate. Both
// connections are asked all the time whether they live, so that a dead one is found within a
// second. Pinned; one loop's thread; end() must have been awaited before it goes.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/redis_connection.hpp"
#include "state/redis_refusals.hpp"

namespace gw::state {

class RedisNode {
  public:
    class Owner {
      public:
        virtual void changed(std::string_view key) = 0;
        // All keys at once (FLUSHALL).
        virtual void flushed() = 0;
        // Once: the node is of no use any more.
        virtual void lost(Error why) = 0;

      protected:
        ~Owner() = default;
    };

    RedisNode(net::Loop& loop, const RedisPlace& place, const RedisTlsContext* tls, RedisHost host,
              net::Address address, RedisRefusals& refusals, Owner& owner);
    RedisNode(const RedisNode&) = delete;
    RedisNode& operator=(const RedisNode&) = delete;
    ~RedisNode() = default;

    // Connects, and asks to be told of keys under `prefixes`; with none, of nothing.
    net::Task<Result<void>> open(std::vector<std::string> prefixes);

    [[nodiscard]] RedisConnection& commands() { return commands_; }
    [[nodiscard]] RedisConnection& relay() { return *relay_; }
    // Somebody waits for a relay that is not usable: it is opened anew now instead of within
    // kAskEvery.
    void reopen_relay_soon() { next_.wake(); }
    [[nodiscard]] const RedisHost& host() const { return host_; }
    // Of this life of the server: another after a restart. Where INFO is refused, of this
    // connection.
    [[nodiscard]] const std::string& run_id() const { return run_id_; }
    [[nodiscard]] bool is_replica() const { return replica_; }
    // When both connections last proved to live.
    [[nodiscard]] Instant confirmed() const { return confirmed_; }

    void close(Error why);
    net::Task<void> end();

  private:
    struct Told final : RedisConnection::Listener {
        explicit Told(RedisNode& owner) : node(owner) {}
        void pushed(RedisReply message) override { node.told(message); }
        void ended(Error why) override { node.close(why); }
        RedisNode& node;
    };

    net::Task<Result<void>> read_info(Instant deadline);
    net::Task<Result<void>> begin_tracking(std::vector<std::string> prefixes, Instant deadline);
    net::Task<void> watch();
    net::Task<void> reopen_relay();
    void told(const RedisReply& message);
    [[nodiscard]] RedisLogin login() const;

    net::Loop& loop_;
    const RedisPlace& place_;
    const RedisTlsContext* tls_;
    RedisHost host_;
    net::Address address_;
    RedisRefusals& refusals_;
    Owner& owner_;
    bool open_ = false;
    bool closed_ = false;
    bool replica_ = false;
    std::string run_id_;
    Instant confirmed_{};
    Told told_{*this};
    RedisConnection commands_;
    RedisConnection changes_;
    std::unique_ptr<RedisConnection> relay_;
    net::Pause next_;
    net::Scope scope_;
};

}  // namespace gw::state
