// Who was refused by rate limits of late, and how often: the keys that meet them most. Bounded:
// when there is no room, the key that was refused least goes, and its successor takes over its
// count, so that whoever is refused often is never overlooked (Metwally, Agrawal, El Abbadi:
// "Efficient computation of frequent and top-k elements in data streams"). Counts halve with every
// minute.
//
// Any thread. Who finds another one noting is not counted: refusals are many where this matters.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace gw::limits {

class RefusedKeys {
  public:
    static constexpr std::size_t kKeysMax = 128;  // a look at all of them costs some 100 ns
    static constexpr Millis kHalfLife{60'000};

    void note(std::string_view key, Instant now);

    struct Entry {
        std::string key;  // as KeyText writes it, the policy first
        std::uint32_t refused = 0;
        Instant last{};
    };
    // The most often refused first.
    [[nodiscard]] std::vector<Entry> list(Instant now);
    void forget(std::string_view key);

  private:
    void age(Instant now);

    std::mutex mutex_;
    std::array<std::size_t, kKeysMax> hashes_{};  // of those in use
    std::vector<Entry> entries_;
    Instant aged_{};
};

}  // namespace gw::limits
