// Tokens that were verified, by their exact bytes, so that each is verified once. Whether one is
// revoked, or its owner banned, is asked on every request and never remembered here. One worker's.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "identity/identity.hpp"

namespace gw::identity {

class TokenCache {
  public:
    explicit TokenCache(std::size_t most = 20'000) : most_(most) {}

    // Null if it is not there, or its time is over (exp and leeway). Allocates nothing.
    [[nodiscard]] std::shared_ptr<const Identity> find(std::string_view token, WallTime now) const;
    // until: when it stops being good. Makes room by dropping the oldest.
    std::shared_ptr<const Identity> keep(std::string_view token, Identity identity, WallTime until);
    // The keys have changed: whatever was signed with a key that is gone must not be accepted.
    void clear();
    // With less room than is used, it begins anew.
    void set_most(std::size_t most);
    [[nodiscard]] std::size_t size() const { return found_.size(); }

  private:
    struct Entry {
        std::string token;
        std::shared_ptr<const Identity> identity;
        WallTime until{};
        std::uint64_t hash = 0;
    };
    struct Same {
        std::size_t operator()(std::uint64_t hash) const { return hash; }
    };
    [[nodiscard]] std::uint64_t hash_of(std::string_view token) const;

    std::size_t most_;
    std::uint64_t seed_ = fresh_seed();
    // Index into a ring of entries, so that the oldest is known. Two tokens of one hash: the later
    // one is kept, the other is verified again.
    boost::unordered_flat_map<std::uint64_t, std::size_t, Same> found_;
    std::vector<std::unique_ptr<Entry>> ring_;
    std::size_t next_ = 0;

    static std::uint64_t fresh_seed();
};

}  // namespace gw::identity
