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
    window_update,  // WINDOW_UPDATE; DATA that is sent earns credits
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
            store.left = std::max(store.left, rate.most);  // answers may have brought more
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

    // So many bytes of DATA were sent: clients acknowledge each frame with a WINDOW_UPDATE for its
    // stream and one for the connection. They may do so long after: what is earned so is kept. A
    // client that acknowledges each frame by itself gets windows, and so frames, that become ever
    // smaller, down to some bytes among larger ones; one that opens its window byte by byte from
    // the start wants a frame for each (CVE-2019-9511), and earns next to nothing.
    void sent_data(std::size_t bytes) {
        constexpr std::size_t kBytesOfAnUpdate = 16;
        acknowledged_later_ += bytes;
        stores_[std::to_underlying(H2Cost::window_update)].left +=
            static_cast<std::int64_t>(acknowledged_later_ / kBytesOfAnUpdate);
        acknowledged_later_ %= kBytesOfAnUpdate;
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
        {2'000, 200},  // and what the DATA frames sent bring
    }};
    struct Store {
        std::int64_t left = 0;
        Instant refilled{};
    };

    std::array<Store, kH2Costs> stores_{};
    std::size_t acknowledged_later_ = 0;  // of bytes sent, what has earned nothing yet
};

}  // namespace gw::http
