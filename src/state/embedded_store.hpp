// The store in this process, for a gateway that has no Redis: keys, values, times to live, and the
// commands by which operators reach them. Control thread's loop.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "net/loop.hpp"
#include "state/replica_map.hpp"
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
    [[nodiscard]] bool told_all() const override { return true; }
    [[nodiscard]] Millis lag() const override { return Millis{0}; }
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

    // Is called after each change of a key but its end. Once, before the loop turns.
    void on_change(std::function<void(std::string_view key)> changed) {
        changed_ = std::move(changed);
    }

    // What the commands are made of. now() is the loop's.
    struct Value {
        std::string text;
        std::optional<WallTime> expires;
    };
    using Arguments = std::vector<std::string>;
    // Valid until the next call that changes anything.
    [[nodiscard]] const Value* find(std::string_view key);
    // False: there is no room.
    [[nodiscard]] bool put(std::string_view key, Value value);
    bool remove(std::string_view key);
    void clear();
    [[nodiscard]] std::size_t size();
    [[nodiscard]] std::size_t size_ending();  // of those, how many have an end

    // Visits `least` keys or a few more from where `cursor` points: 0 is the beginning, and the
    // cursor returned the place to go on at, or 0 at the end. Whatever changes between the calls,
    // they come to an end, and a key that was there all the time is visited exactly once. visit
    // must change nothing.
    using Visit = std::function<void(const std::string& key, const Value& value)>;
    std::uint64_t visit_from(std::uint64_t cursor, std::size_t least, const Visit& visit) const;

    [[nodiscard]] WallTime now() const { return loop_.clock().wall; }
    [[nodiscard]] Instant started() const { return started_; }
    [[nodiscard]] Instant instant() const { return loop_.now(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }
    [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }

  private:
    // Keys are kept in the order of their hashes, which no change alters: that is what cursors
    // point into.
    struct Place {
        std::uint64_t hash = 0;  // never 0; 63 bits: some clients' cursors have a sign
        std::string key;
    };
    struct PlaceView {
        std::uint64_t hash = 0;
        std::string_view key;
    };
    struct Before {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return a.hash != b.hash ? a.hash < b.hash
                                    : std::string_view(a.key) < std::string_view(b.key);
        }
    };
    using Values = std::map<Place, Value, Before>;

    [[nodiscard]] PlaceView place_of(std::string_view key) const;
    void erase_at(Values::iterator at);
    void forget_end(Values::iterator at);
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
    const Instant started_;
    const ReplicaHash hash_;
    std::size_t bytes_ = 0;
    Values values_;
    std::set<std::pair<WallTime, const Place*>> ends_;
    std::vector<std::string> prefixes_;
    Follower* follower_ = nullptr;
    std::function<void(std::string_view key)> changed_;
    ExpiryTimer timer_{*this};
};

}  // namespace gw::state
