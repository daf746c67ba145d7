// How much of what costs us more than it costs the client one HTTP/2 connection may ask for
// (RFC 9113, 10.5). Each kind has a store of credits that time refills; honest clients never come
// near its end. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace gw::http {

// What is counted.
enum class H2Cost : std::uint8_t {
    reset,          // streams that ended without an answer, whoever reset them
    settings,       // SETTINGS
    ping,           // PING
    priority,       // PRIORITY, PRIORITY_UPDATE and frames of unknown types
    empty_data,     // DATA, CONTINUATION and HEADERS without content that end nothing
    window_update,  // WINDOW_UPDATE; what was sent since earns credits
};
inline constexpr std::size_t kH2Costs = 6;

class H2Flood {
  public:
    // False: too much. What is a flood stays one.
    [[nodiscard]] bool spend(H2Cost cost, Instant now) {
        Store& store = stores_[std::to_underlying(cost)];
        const Rate& rate = kRates[std::to_underlying(cost)];
        const auto passed = std::chrono::duration_cast<Millis>(now - store.refilled).count();
        const auto earned = passed * rate.per_second / 1'000;
        if (store.refilled == Instant{} || earned >= rate.most - store.left) {
            store.left = rate.most;
            store.refilled = now;
        } else if (earned > 0) {
            store.left += earned;
            store.refilled = now;
        }
        if (store.left == 0) {
            return false;
        }
        --store.left;
        return true;
    }

    // Body bytes were sent: clients acknowledge them with WINDOW_UPDATE.
    void sent(std::size_t bytes) {
        bytes_ += bytes;
        constexpr std::size_t kBytesPerUpdate = 512;
        Store& store = stores_[std::to_underlying(H2Cost::window_update)];
        store.left =
            std::min<std::int64_t>(store.left + static_cast<std::int64_t>(bytes_ / kBytesPerUpdate),
                                   kRates[std::to_underlying(H2Cost::window_update)].most);
        bytes_ %= kBytesPerUpdate;
    }

  private:
    struct Rate {
        std::int64_t most;  // at once
        std::int64_t per_second;
    };
    static constexpr std::array<Rate, kH2Costs> kRates{{
        {200, 20},     // a page that is left cancels all that it asked for, up to streams_max
        {100, 10},     // once in the life of most connections
        {1'000, 100},  // clients that measure the way do it once a round trip
        {500, 50},     // older browsers send a few with each request
        {100, 10},     // nobody has a reason
        {2'000, 200},  // two for each small answer, and what the bytes sent bring
    }};
    struct Store {
        std::int64_t left = 0;
        Instant refilled{};
    };

    std::array<Store, kH2Costs> stores_{};
    std::size_t bytes_ = 0;
};

}  // namespace gw::http
