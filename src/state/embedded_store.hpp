// The store in this process, for a gateway that has no Redis: keys, values, times to live, and the
// commands by which operators reach them. Control thread's loop.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/loop.hpp"
#include "state/store.hpp"

namespace gw::state {

class EmbeddedStore final : public Store {
  public:
    // bytes_max: of keys and values; beyond it SET is refused as Redis refuses when out of memory.
    static constexpr std::size_t kBytesMax = 256UL * 1024 * 1024;
    explicit EmbeddedStore(net::Loop& loop, std::size_t bytes_max = kBytesMax);
    EmbeddedStore(const EmbeddedStore&) = delete;
    EmbeddedStore& operator=(const EmbeddedStore&) = delete;
    ~EmbeddedStore() override = default;

    [[nodiscard]] std::string_view backend() const override { return "embedded"; }
    [[nodiscard]] bool available() const override { return true; }
    net::Task<Result<bool>> set(std::string key, std::string value, SetOptions options) override;
    net::Task<Result<std::optional<KnownEntry>>> get(std::string key) override;
    net::Task<Result<std::int64_t>> erase(std::vector<std::string> keys) override;
    net::Task<Result<RedisReply>> run_script(std::string_view script, std::string key,
                                             std::vector<std::string> arguments) override;
    void follow(std::vector<std::string> prefixes, Follower& follower) override;
    net::Task<std::string> run_command(std::vector<std::string> arguments) override;
    net::Task<void> stop() override;

    // What the commands are made of. now() is the loop's.
    struct Value {
        std::string text;
        std::optional<WallTime> expires;
    };
    using Arguments = std::vector<std::string>;
    [[nodiscard]] const Value* find(const std::string& key);
    // False: there is no room.
    [[nodiscard]] bool put(const std::string& key, Value value);
    bool remove(const std::string& key);
    void clear();
    [[nodiscard]] const std::unordered_map<std::string, Value>& values();
    [[nodiscard]] WallTime now() const { return loop_.clock().wall; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

  private:
    void tell(const std::string& key, const Value* value);
    void drop_ended();
    struct ExpiryTimer : net::Timer {
        explicit ExpiryTimer(EmbeddedStore& owner)
            : Timer([](Timer& t) { static_cast<ExpiryTimer&>(t).store.tick(); }), store(owner) {}
        EmbeddedStore& store;
    };
    void tick();

    net::Loop& loop_;
    const std::size_t bytes_max_;
    std::size_t bytes_ = 0;
    std::unordered_map<std::string, Value> values_;
    std::multimap<WallTime, std::string> ends_;  // also of keys whose end has moved since
    std::vector<std::string> prefixes_;
    Follower* follower_ = nullptr;
    ExpiryTimer timer_{*this};
};

}  // namespace gw::state
