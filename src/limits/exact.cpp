#include "limits/exact.hpp"

#include <algorithm>

namespace gw::limits {
namespace {

using Kind = state::RedisReply::Kind;
using std::chrono::microseconds;

constexpr std::size_t kItems = 7;

}  // namespace

// State: {time seen, end of the block, time, count, time, count …}, in µs.
const std::string_view kTakeScript = R"lua(
local limit, window, block = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local group, permits, life = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local back_id, back = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = tonumber(ARGV[9])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000000 + t[2]
end

local old = {now, 0}
local raw = redis.call('GET', KEYS[1])
if raw then
  local good, value = pcall(cmsgpack.unpack, raw)
  if good and type(value) == 'table' and type(value[2]) == 'number' then old = value end
end
local moved = math.min(now - old[1], 0)
local blocked_until = old[2] + moved

local times, counts, used = {}, {}, 0
for i = 3, #old - 1, 2 do
  local time = old[i] + moved
  if time + window > now then
    times[#times + 1], counts[#times + 1] = time, old[i + 1]
    used = used + old[i + 1]
  end
end

local changed = moved < 0
if back > 0 and back_id + window > now then
  for i = 1, #times do
    -- A group of one is known by its time: what is sent twice is given back once.
    if times[i] == back_id or (group > 1 and times[i] > back_id) then
      local given = math.min(back, counts[i])
      counts[i] = counts[i] - given
      used = used - given
      changed = true
      if counts[i] == 0 then
        table.remove(times, i)
        table.remove(counts, i)
      end
      break
    end
  end
end

local granted, began, id = 0, 0, 0
if permits > 0 and blocked_until <= now then
  granted = math.max(math.min(permits, limit - used), 0)
  if granted > 0 then
    local n = #times
    id = now + life
    if n > 0 and times[n] > id then id = times[n] end
    if n > 0 and counts[n] + granted <= group then
      times[n], counts[n] = id, counts[n] + granted
    else
      times[n + 1], counts[n + 1] = id, granted
    end
    used = used + granted
    changed = true
  elseif block > 0 then
    blocked_until = now + block
    began = 1
    changed = true
  end
end

local free = math.max(limit - used, 0)
local retry, reset = 0, 0
if #times > 0 then
  reset = times[#times] + window - now
  if free == 0 then retry = times[1] + window - now end
end
local blocked = 0
if blocked_until > now then
  blocked, free = 1, 0
  retry, reset = math.max(retry, blocked_until - now), math.max(reset, blocked_until - now)
end

if changed then
  local new = {now, blocked_until}
  for i = 1, #times do
    new[#new + 1] = times[i]
    new[#new + 1] = counts[i]
  end
  local stays = math.max(reset, 1)
  redis.call('SET', KEYS[1], cmsgpack.pack(new), 'PX', math.ceil(stays / 1000))
end
return {granted, free, blocked, began, retry, reset, id}
)lua";

std::string store_key(std::string_view key_text) {
    return "ratelimit:" + std::string(key_text);
}

std::vector<std::string> take_arguments(const Quota& quota, const StoreAsk& ask,
                                        std::uint32_t groups, std::optional<std::int64_t> at) {
    const std::uint32_t group = (quota.limit() + groups - 1) / groups;
    return {std::to_string(quota.limit()),
            std::to_string(microseconds(quota.window()).count()),
            std::to_string(microseconds(quota.block()).count()),
            std::to_string(group),
            std::to_string(ask.permits),
            std::to_string(ask.life.count()),
            std::to_string(ask.back_id),
            std::to_string(ask.back),
            at ? std::to_string(*at) : ""};
}

std::optional<StoreAnswer> read_answer(const state::RedisReply& reply) {
    if (!reply.is(Kind::list) || reply.items.size() != kItems) {
        return std::nullopt;
    }
    // Longer than any window, block and life.
    constexpr std::int64_t kTimeMax = microseconds(std::chrono::hours(24 * 100)).count();
    constexpr std::int64_t kIdMax = std::int64_t{1} << 53;
    constexpr std::array<std::int64_t, kItems> kMost{Quota::kLimitMax, Quota::kLimitMax, 1,     1,
                                                     kTimeMax,         kTimeMax,         kIdMax};
    for (std::size_t i = 0; i < kItems; ++i) {
        const state::RedisReply& item = reply.items[i];
        if (!item.is(Kind::integer) || item.integer < 0 || item.integer > kMost[i]) {
            return std::nullopt;
        }
    }
    const auto number = [&reply](std::size_t i) { return reply.items[i].integer; };
    return StoreAnswer{static_cast<std::uint32_t>(number(0)),
                       static_cast<std::uint32_t>(number(1)),
                       number(2) == 1,
                       number(3) == 1,
                       microseconds(number(4)),
                       microseconds(number(5)),
                       number(6)};
}

Outcome outcome_of(const Quota& quota, const StoreAnswer& answer) {
    Outcome out;
    out.admitted = answer.granted > 0;
    out.blocked = answer.blocked;
    out.block_began = answer.block_began;
    out.limit = quota.limit();
    out.remaining = answer.remaining;
    out.retry_after = answer.retry_after;
    out.reset = answer.reset;
    return out;
}

}  // namespace gw::limits
