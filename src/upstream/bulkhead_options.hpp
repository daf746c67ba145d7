// What an operator may set about how many requests a service is sent at once.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "config/field.hpp"

namespace gw::upstream {

struct BulkheadOptions {
    std::uint32_t limit = 1'024;
    bool adaptive = false;
    std::uint32_t limit_min = 8;
    std::uint32_t queue_max = 512;
    Millis wait_max{1'000};
    std::uint32_t tenant_share_max = 80;

    bool operator==(const BulkheadOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, BulkheadOptions& o) {
    using namespace config;
    field("limit", o.limit, Range{1, 100'000}, "most requests of each worker in flight at once");
    field("adaptive", o.adaptive,
          "fewer, when answers take longer than they do without a crowd; `limit` is then the most");
    field("limit_min", o.limit_min, Range{1, 100'000}, "the least that `adaptive` makes of it");
    field("queue_max", o.queue_max, Range{0, 10'000},
          "most requests that wait for their turn; others are refused with 503");
    field("wait_max_ms", o.wait_max, Range{0, 60'000}, "the longest that one waits");
    field("tenant_share_max", o.tenant_share_max, Range{1, 100},
          "most of the limit that one tenant has in flight, in percent");
}

}  // namespace gw::upstream
