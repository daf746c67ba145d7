// How much is kept until it ends by itself, so that it never takes the room of what matters more.
// Pure.
#pragma once

#include <queue>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace gw::control {

class KeptBytes {
  public:
    explicit KeptBytes(std::size_t most) : most_(most) {}

    void add(std::size_t bytes, Instant until) {
        ends_.emplace(until, bytes);
        bytes_ += bytes;
    }
    // Forgets what has ended.
    [[nodiscard]] bool full(Instant now) {
        while (!ends_.empty() && ends_.top().first <= now) {
            bytes_ -= ends_.top().second;
            ends_.pop();
        }
        return bytes_ >= most_;
    }

  private:
    using End = std::pair<Instant, std::size_t>;
    const std::size_t most_;
    std::size_t bytes_ = 0;
    std::priority_queue<End, std::vector<End>, std::greater<>> ends_;  // the next one first
};

}  // namespace gw::control
