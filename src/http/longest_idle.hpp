// Who gives way where as many clients are connected as may be: those that have not asked for
// anything for the longest time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace gw::http {

// Of a list of connections, at most so many of those that have been idle since `before` or longer.
// Connection: idle_since() and give_way(), which ends none before this returns. The worker's
// thread.
template <class Connection, class Next>
void end_longest_idle(Connection* first, Next next, Instant before, std::size_t most) {
    std::vector<std::pair<Instant, Connection*>> idle;
    for (Connection* connection = first; connection != nullptr; connection = next(*connection)) {
        const std::optional<Instant> since = connection->idle_since();
        if (since && *since <= before) {
            idle.emplace_back(*since, connection);
        }
    }
    const auto ended = idle.begin() + static_cast<std::ptrdiff_t>(std::min(most, idle.size()));
    std::ranges::partial_sort(idle, ended, {}, &std::pair<Instant, Connection*>::first);
    std::for_each(idle.begin(), ended, [](const auto& one) { one.second->give_way(); });
}

}  // namespace gw::http
