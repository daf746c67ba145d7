// Between a request and what the store says to it, which may come when the request waits no longer,
// or is over. What is granted then, and does not count, goes back.
//
// On the request's worker.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/rate_limits.hpp"
#include "net/loop.hpp"

namespace gw::gateway {

struct LimitQuestion {
    void answered(RateLimits& limits, const std::optional<limits::StoreAnswer>& what, Instant now) {
        told = true;
        answer = what;
        if (pause != nullptr) {
            pause->wake();
        } else if (back) {
            give_back(limits, back->key, back->quota, now);
        }
    }
    // Also what is not granted yet.
    void give_back(RateLimits& limits, std::string_view key, const limits::Quota& quota,
                   Instant now) {
        if (!told) {
            back = {std::string(key), quota};
        } else if (answer && answer->granted > 0) {
            limits.give_back(key, quota, answer->id, now);
        }
    }

    net::Pause* pause = nullptr;  // of whoever waits
    bool told = false;
    std::optional<limits::StoreAnswer> answer;  // nothing: the store did not say

  private:
    struct Back {
        std::string key;
        limits::Quota quota;
    };
    std::optional<Back> back;
};

}  // namespace gw::gateway
