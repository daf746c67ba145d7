#include "control/answer_link.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/shared_record.hpp"
#include "security/request_signature.hpp"

namespace gw::control {
namespace {

using gateway::SharedPlace;
using gateway::StoredAnswer;
using Found = gateway::SharedAnswers::Found;
using std::chrono::duration_cast;

// What a write to a service and its answer's way here may be apart, beside what we have measured.
constexpr Millis kMargin{1'000};
// Who fetches for all and is gone is not waited for longer.
constexpr Millis kFetchFor{3'000};
// Longer than any fetch whose answer is still taken.
constexpr Millis kOutdatedFor{300'000};
constexpr Millis kFetchMost{240'000};
constexpr Millis kTellFor{10'000};         // gateways that are away for a moment
constexpr std::size_t kNamesMost = 1'024;  // of a Vary; what is longer was not written by us
constexpr int kInVainMost = 3;
constexpr Millis kClosedFor{1'000};

// KEYS[1]: the URI's answers. ARGV: the field, the caller's digest, who asks, how long a fetch is
// waited for. {time, "a", came, answer}, {time, "v", names}, {time, "f"} (for us to fetch) or
// {time, "e"} (somebody else does).
constexpr std::string_view kFindScript = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value then
  if string.sub(value, 1, 1) == 'v' then return {now, 'v', string.sub(value, 2)} end
  local came, ends, from = string.match(value, '^a(%d+) (%d+) ()')
  if came and tonumber(ends) > now then
    return {now, 'a', came, string.sub(value, from)}
  end
end
if redis.call('SET', KEYS[1] .. ':fetch:' .. ARGV[2], ARGV[3], 'NX', 'PX', ARGV[4]) then
  return {now, 'f'}
end
return {now, 'e'}
)";

// KEYS[1]: the URI's answers. ARGV: the field, the caller's digest, milliseconds since it came,
// since it was asked for, to live, the answer, the names that it varies by, the field for those.
// 1: kept; 0: it was outdated meanwhile; 2: Redis has no room to spare: what matters more is there.
// Who may not ask Redis for INFO keeps within its own maxmemory only.
constexpr std::string_view kKeepScript = R"(
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('DEL', KEYS[1] .. ':fetch:' .. ARGV[2])
local outdated = redis.call('GET', KEYS[1] .. ':outdated')
if outdated and tonumber(outdated) >= now - tonumber(ARGV[4]) then return 0 end
local memory = redis.pcall('INFO', 'memory')
if type(memory) == 'string' then
  local used = tonumber(string.match(memory, '\nused_memory:(%d+)'))
  local most = tonumber(string.match(memory, '\nmaxmemory:(%d+)'))
  if most == 0 then most = 1073741824 end
  if used > most * 3 / 4 then return 2 end
end
if redis.call('HLEN', KEYS[1]) >= 64 then redis.call('DEL', KEYS[1]) end
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], ARGV[8], 'v' .. ARGV[7]) end
local ttl = tonumber(ARGV[5])
redis.call('HSET', KEYS[1], ARGV[1],
  string.format('a%.0f %.0f ', now - tonumber(ARGV[3]), now + ttl) .. ARGV[6])
if redis.call('PTTL', KEYS[1]) < ttl then redis.call('PEXPIRE', KEYS[1], ttl) end
return 1
)";

// KEYS[1]: the URI's answers. ARGV: the caller's digest, who has asked.
constexpr std::string_view kReleaseScript = R"(
local key = KEYS[1] .. ':fetch:' .. ARGV[1]
if redis.call('GET', key) == ARGV[2] then redis.call('DEL', key) end
return 1
)";

// KEYS[1]: the URI's answers. ARGV: the field.
constexpr std::string_view kDropScript = R"(
return redis.call('HDEL', KEYS[1], ARGV[1])
)";

// KEYS[1]: the URI's answers. ARGV: how long a fetch may have begun before this.
constexpr std::string_view kForgetScript = R"(
local t = redis.call('TIME')
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1] .. ':outdated', t[1] * 1000 + math.floor(t[2] / 1000), 'PX', ARGV[1])
return 1
)";

// KEYS[1]: a purge, as somebody wrote it. ARGV: the value that was seen, how long it is remembered.
// When it was.
constexpr std::string_view kStampScript = R"(
local value = redis.call('GET', KEYS[1])
if value and value ~= ARGV[1] then return string.sub(value, 1, 3) == 'at:' and value or 0 end
local t = redis.call('TIME')
local stamped = string.format('at:%.0f', t[1] * 1000 + math.floor(t[2] / 1000))
redis.call('SET', KEYS[1], stamped, 'PX', ARGV[2])
return stamped
)";

constexpr std::string_view kStamp = "at:";

std::optional<std::int64_t> stamp_of(std::string_view value) {
    if (!value.starts_with(kStamp) || value.size() > kStamp.size() + 15) {
        return std::nullopt;
    }
    const auto at = parse_decimal(value.substr(kStamp.size()));
    return at ? std::optional(static_cast<std::int64_t>(*at)) : std::nullopt;
}

std::string key_of(std::string_view site, std::string_view uri) {
    return "cache:answer:{" + security::digest_of({site, uri}) + "}";
}
std::string field_of(std::string_view who, std::string_view selection) {
    return security::digest_of({who, selection});
}
std::string text_of(Millis time) {
    return std::to_string(std::max<std::int64_t>(time.count(), 1));
}

// How long it may be of use: while it is fresh, and as long as it may be given after that.
Millis life_of(const StoredAnswer& answer, Instant now) {
    using std::chrono::seconds;
    const http::Freshness& fresh = answer.freshness;
    if (fresh.always_validate) {
        return Millis{0};
    }
    const seconds after = fresh.never_stale
                              ? seconds{0}
                              : std::max(fresh.stale_while_revalidate, fresh.stale_if_error);
    return duration_cast<Millis>(std::min<seconds>(fresh.lifetime + after - answer.age(now),
                                                   duration_cast<seconds>(AnswerLink::kKeptMost)));
}

}  // namespace

void AnswerLink::configure(Settings settings) {
    settings_ = std::move(settings);
    tell_availability();
}

void AnswerLink::use_store(state::Store& store) {
    store_ = &store;
    on_redis_ = store.backend() == "redis";
    tell_availability();
}

void AnswerLink::store_changed(bool) {
    tell_availability();
}

void AnswerLink::tell_availability() {
    available_.store(settings_.on && store_ != nullptr && on_redis_ && store_->available(),
                     std::memory_order_relaxed);
}

void AnswerLink::waited_in_vain(Instant now) {
    if (in_vain_.fetch_add(1, std::memory_order_relaxed) + 1 >= kInVainMost) {
        closed_until_.store((now + kClosedFor).time_since_epoch().count(),
                            std::memory_order_relaxed);
    }
}

void AnswerLink::ask(SharedPlace place, std::string selection, Told told) {
    loop_.post([this, place = std::move(place), selection = std::move(selection),
                told = std::move(told)]() mutable {
        if (ready()) {
            scope_.spawn(ask_now(std::move(place), std::move(selection), std::move(told)));
        } else {
            told({});
        }
    });
}

net::Task<void> AnswerLink::ask_now(SharedPlace place, std::string selection, Told told) {
    const std::string key = key_of(place.site, place.uri);
    const std::string field = field_of(place.who, selection);
    for (bool again = true;; again = false) {
        const Instant asked = loop_.now();
        const Result<state::RedisReply> reply = co_await store_->run_script(
            kFindScript, key, {field, field_of(place.who, ""), name_, text_of(kFetchFor)});
        if (reply && loop_.now() - asked < kPatience) {
            in_vain_.store(0, std::memory_order_relaxed);
        }
        bool purged = false;
        Found found = reply ? read(place, *reply, purged) : Found{};
        if (!purged || !again || stopping_) {
            told(std::move(found));
            co_return;
        }
        co_await take_out_now(key, field);
    }
}

// purged: what stands there is not good any more.
Found AnswerLink::read(const SharedPlace& place, const state::RedisReply& reply, bool& purged) {
    using Kind = state::RedisReply::Kind;
    if (!reply.is(Kind::list) || reply.items.size() < 2 || !reply.items[0].is(Kind::integer)) {
        return {};
    }
    const std::int64_t now = reply.items[0].integer;
    const std::string& is = reply.items[1].text;
    if (is == "f" || is == "e") {
        return {.is = is == "f" ? Found::Is::fetch : Found::Is::elsewhere};
    }
    if (is == "v" && reply.items.size() == 3 && reply.items[2].text.size() <= kNamesMost) {
        return {.is = Found::Is::varies, .names = reply.items[2].text};
    }
    if (is != "a" || reply.items.size() != 4) {
        return {};
    }
    const auto came = parse_decimal(reply.items[2].text);
    std::optional<gateway::SharedRecord> record =
        gateway::read_shared(reply.items[3].text, place, settings_.secret);
    if (!came || !record || static_cast<std::int64_t>(*came) > now) {
        return {};
    }
    const Millis since{now - static_cast<std::int64_t>(*came)};
    const auto began =
        static_cast<std::int64_t>(*came) - record->fetched_in.count() - kMargin.count();
    if (since > kKeptMost || purges_.covers(*record->answer, began, loop_.now())) {
        purged = true;
        return {};
    }
    record->answer->came = loop_.now() - since;
    return {.is = Found::Is::answer, .answer = std::move(record->answer)};
}

void AnswerLink::keep(SharedPlace place, gateway::StoredPtr answer, Instant began) {
    loop_.post([this, place = std::move(place), answer = std::move(answer), began]() mutable {
        const Instant now = loop_.now();
        const Millis life = life_of(*answer, now);
        std::string names;
        for (const StoredAnswer::Selecting& one : answer->vary) {
            names.append(names.empty() ? "" : ",").append(one.name);
        }
        const std::size_t bytes = answer->bytes();
        if (!ready() || life <= Millis{0} || answer->body->size() > settings_.body_bytes_max ||
            bytes_on_their_way_ + bytes > kBytesAtOnceMax || now - began > kFetchMost ||
            names.size() > kNamesMost) {
            if (ready()) {
                scope_.spawn(release_now(std::move(place)));
            }
            return;
        }
        const Millis fetched_in = duration_cast<Millis>(answer->came - began);
        bytes_on_their_way_ += bytes;
        scope_.spawn(
            keep_now(key_of(place.site, place.uri),
                     {field_of(place.who, gateway::selection_of(answer->vary)),
                      field_of(place.who, ""), text_of(duration_cast<Millis>(now - answer->came)),
                      text_of(duration_cast<Millis>(now - began) + kMargin), text_of(life),
                      gateway::write_shared(place, *answer, fetched_in, settings_.secret), names,
                      field_of(place.who, "")},
                     bytes));
    });
}

net::Task<void> AnswerLink::keep_now(std::string key, std::vector<std::string> arguments,
                                     std::size_t bytes) {
    // Lost with the store: another gateway then fetches it for itself.
    [[maybe_unused]] const Result<state::RedisReply> reply =
        co_await store_->run_script(kKeepScript, std::move(key), std::move(arguments));
    bytes_on_their_way_ -= bytes;
}

void AnswerLink::release(SharedPlace place) {
    loop_.post([this, place = std::move(place)]() mutable {
        if (ready()) {
            scope_.spawn(release_now(std::move(place)));
        }
    });
}

net::Task<void> AnswerLink::release_now(SharedPlace place) {
    [[maybe_unused]] const Result<state::RedisReply> reply = co_await store_->run_script(
        kReleaseScript, key_of(place.site, place.uri), {field_of(place.who, ""), name_});
}

void AnswerLink::take_out(SharedPlace place, gateway::StoredPtr answer) {
    loop_.post([this, place = std::move(place), answer = std::move(answer)] {
        if (ready()) {
            scope_.spawn(take_out_now(key_of(place.site, place.uri),
                                      field_of(place.who, gateway::selection_of(answer->vary))));
        }
    });
}

net::Task<void> AnswerLink::take_out_now(std::string key, std::string field) {
    [[maybe_unused]] const Result<state::RedisReply> reply =
        co_await store_->run_script(kDropScript, std::move(key), {std::move(field)});
}

void AnswerLink::forget(std::string site, std::string uri) {
    if (!available_.load(std::memory_order_relaxed)) {
        return;
    }
    loop_.post([this, site = std::move(site), uri = std::move(uri)]() mutable {
        if (ready()) {
            scope_.spawn(forget_now(key_of(site, uri), std::move(uri)));
        }
    });
}

net::Task<void> AnswerLink::forget_now(std::string key, std::string uri) {
    std::string digest = security::digest_of({uri});
    [[maybe_unused]] const Result<state::RedisReply> reply =
        co_await store_->run_script(kForgetScript, std::move(key), {text_of(kOutdatedFor)});
    [[maybe_unused]] const Result<bool> set =
        co_await store_->set("cache:outdated:" + digest, name_ + "\n" + uri, {.ttl = kTellFor});
}

std::string_view AnswerLink::outdated_elsewhere(std::string_view value) const {
    const std::size_t end = value.find('\n');
    return end == std::string_view::npos || value.substr(0, end) == name_ ? std::string_view{}
                                                                          : value.substr(end + 1);
}

bool AnswerLink::note_purge(const gateway::Purge& purge, std::string_view what,
                            std::string_view value) {
    if (!on_redis_ || !settings_.on) {
        return true;
    }
    if (const auto at = stamp_of(value)) {
        return purges_.note(purge, *at, loop_.now());
    }
    purges_.note(purge, gateway::PurgeLog::kNotKnown, loop_.now());
    if (!stopping_ && scope_.live() < kAtOnceMax) {
        scope_.spawn(stamp(purge, std::string(what), std::string(value)));
    }
    return true;
}

net::Task<void> AnswerLink::stamp(gateway::Purge purge, std::string what, std::string value) {
    const Result<state::RedisReply> reply = co_await store_->run_script(
        kStampScript, "cache:purge:" + what, {std::move(value), text_of(kKeptMost)});
    if (!reply) {
        co_return;  // it is told again when the store is back
    }
    if (const auto at = stamp_of(reply->text)) {
        purges_.note(purge, *at, loop_.now());
    }
}

}  // namespace gw::control
