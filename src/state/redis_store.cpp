#include "state/redis_store.hpp"

#include <algorithm>
#include <cstring>

#include "state/redis_complaint.hpp"
#include "state/redis_relay.hpp"
#include "state/store_advice.hpp"

namespace gw::state {
namespace {

// Changes are told; listing now and then is for those that got lost on the way all the same.
constexpr Millis kListEvery{30'000};
constexpr Millis kWriteProbeEvery{500};
constexpr Millis kCountEvery{1'000};
// Two round trips for each thing that is refused.
constexpr Millis kTryEvery{2'000};
// Ends are told as times on the wall; when its clock is set, they are reckoned anew.
constexpr Millis kClockLookEvery{100};
constexpr Millis kClockSet{500};
// The first attempt comes soon, because most outages are a restart; later ones are spread, so that
// a fleet does not come back in one moment.
constexpr Millis kPauseMin{20};
constexpr Millis kPauseMax{1'000};
// A connection that lived so long was a good one.
constexpr Millis kGoodAfter{1'000};
// Operators' commands may look at many keys.
constexpr Millis kRelayWithin{2'000};

// KEYS[1]: the key. ARGV: what is to stand there; for another value, that and milliseconds to live.
constexpr std::string_view kReplaceScript = R"(
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[3] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
elseif ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('DEL', KEYS[1])
end
return 1
)";

constexpr Error kStopped{Errc::cancelled, Fault::self, Retry::never, "the gateway is stopping"};
constexpr Error kMovedAway{Errc::cancelled, Fault::store, Retry::yes,
                           "the keys are kept by other servers now"};

using Kind = RedisReply::Kind;

// Only a person can put this right, so it must be seen.
bool needs_person(const Error& why) {
    return why.code == Errc::refused && why.fault == Fault::store && why.retry == Retry::never;
}

WallTime::duration apart(const Clock& clock) {
    return clock.wall.time_since_epoch() - clock.now.time_since_epoch();
}

}  // namespace

RedisStore::RedisStore(net::Loop& loop, RedisPlace place, const std::string& name_servers,
                       std::uint64_t seed)
    : loop_(loop),
      place_(std::move(place)),
      random_(seed),
      resolver_(loop, name_servers),
      tls_(place_),
      topology_(loop, resolver_, place_, place_.tls ? &tls_ : nullptr),
      servers_(loop, place_, place_.tls ? &tls_ : nullptr, topology_, refusals_, *this),
      mirror_(loop, servers_, refusals_, place_),
      confirmed_(loop.now()),
      work_(loop) {
    scope_.spawn(keep());
}

void RedisStore::follow(std::vector<std::string> prefixes, Follower& follower) {
    mirror_.follow(std::move(prefixes), follower);
}

Millis RedisStore::lag() const {
    const auto confirmed = up_ ? servers_.confirmed() : std::nullopt;
    return std::chrono::ceil<Millis>(loop_.now() - confirmed.value_or(confirmed_));
}

void RedisStore::changed(std::string_view key) {
    mirror_.changed(key);
    work_.wake();
}

void RedisStore::flushed() {
    mirror_.flushed();
    work_.wake();
}

void RedisStore::lost(Error why) {
    if (!lost_) {
        lost_ = why;
    }
    work_.wake();
}

net::Task<void> RedisStore::keep() {
    // Who follows is named before the loop turns.
    co_await work_.until(loop_.now() + Millis{1});
    while (!stopping_) {
        lost_.reset();
        const Result<void> begun = co_await begin();
        const Instant since = loop_.now();
        Error why = kStopped;
        if (begun) {
            up_ = true;
            tell(nullptr);
            why = co_await keep_up();
            confirmed_ = servers_.confirmed().value_or(confirmed_);
            up_ = false;
        } else {
            why = lost_.value_or(begun.error());
        }
        const bool quietly = std::strcmp(why.detail, kMovedAway.detail) == 0;
        if (!stopping_ && !quietly) {
            tell(&why);
        }
        co_await servers_.end();
        failures_ = begun && loop_.now() - since >= kGoodAfter ? 0 : failures_ + 1;
        if (!stopping_ && !(quietly && failures_ == 0)) {
            co_await work_.until(loop_.now() + next_pause());
        }
    }
}

net::Task<Result<void>> RedisStore::begin() {
    write_trouble_ = nullptr;
    refusals_.lift_bar();
    Result<void> good = co_await servers_.open(mirror_.prefixes());
    if (good) {
        good = co_await list();
    }
    if (good && (stopping_ || lost_)) {
        good = std::unexpected(lost_.value_or(kStopped));
    }
    co_return good;
}

net::Task<Result<void>> RedisStore::count() {
    if (mirror_.follower() == nullptr || place_.read_only) {
        co_return Result<void>{};
    }
    const auto trouble = co_await mirror_.count();
    if (!trouble) {
        co_return std::unexpected(trouble.error());
    }
    write_trouble_ = *trouble;
    co_return Result<void>{};
}

net::Task<Result<void>> RedisStore::list() {
    listed_apart_ = apart(loop_.clock());
    if (const auto listed = co_await mirror_.list(); !listed) {
        co_return listed;
    }
    co_return co_await count();
}

bool RedisStore::clock_was_set() const {
    return std::chrono::abs(apart(loop_.clock()) - listed_apart_) > kClockSet;
}

net::Task<Error> RedisStore::keep_up() {
    Instant list_at = loop_.now() + kListEvery;
    Instant count_at = loop_.now();
    Instant probe_at = kNever;
    Instant try_at = loop_.now() + kTryEvery;
    while (true) {
        if (stopping_ || lost_) {
            co_return stopping_ ? kStopped : *lost_;
        }
        Result<void> good{};
        if (mirror_.must_list() || servers_.map_is_old() || loop_.now() >= list_at ||
            clock_was_set()) {
            good = co_await list_again();
            list_at = loop_.now() + kListEvery;
        } else if (mirror_.must_read()) {
            good = co_await mirror_.read_changed();
        } else if (loop_.now() >= probe_at || (mirror_.must_count() && loop_.now() >= count_at)) {
            good = co_await count();
            count_at = loop_.now() + kCountEvery;
            probe_at = kNever;
            if (write_trouble_ == nullptr && mirror_.in_doubt()) {
                mirror_.flushed();  // what could not be written back now can
            }
        } else if (!refusals_.empty() && loop_.now() >= try_at) {
            good = co_await try_refused();
            try_at = loop_.now() + kTryEvery;
        } else {
            if (write_trouble_ != nullptr && probe_at == kNever) {
                probe_at = loop_.now() + kWriteProbeEvery;
            }
            co_await work_.until(std::min({list_at, probe_at, loop_.now() + kClockLookEvery,
                                           mirror_.must_count() ? count_at : kNever}));
        }
        if (!good) {
            co_return lost_.value_or(good.error());
        }
        if (!stopping_ && !lost_) {
            tell(nullptr);
        }
    }
}

net::Task<Result<void>> RedisStore::try_refused() {
    const auto some = co_await servers_.try_refused(place_.command_timeout);
    if (!some) {
        co_return std::unexpected(some.error());
    }
    if (*some) {
        mirror_.permitted();
    }
    co_return Result<void>{};
}

net::Task<Result<void>> RedisStore::list_again() {
    const auto same = co_await servers_.look_again();
    if (same && !*same) {
        co_return std::unexpected(kMovedAway);
    }
    // Who says where the keys are may be away while they are not.
    if (!same && servers_.map_is_old()) {
        co_return std::unexpected(same.error());
    }
    co_return co_await list();
}

Millis RedisStore::next_pause() {
    const unsigned doublings = std::min(failures_, 10U);
    const auto whole = std::min<std::int64_t>(kPauseMin.count() << doublings, kPauseMax.count());
    const auto half = static_cast<std::uint64_t>(whole / 2);
    return Millis{static_cast<std::int64_t>(half + random_.below(half + 1))};
}

// why: nullptr while connected.
void RedisStore::tell(const Error* why) {
    Follower* const follower = mirror_.follower();
    const bool now = why == nullptr && write_trouble_ == nullptr;
    std::string detail = why != nullptr ? why->detail : now ? "" : write_trouble_;
    if (why != nullptr && !refusals_.barred().empty() && needs_person(*why)) {
        detail = refusals_.barred();
    }
    const bool news = told_ != now;
    const bool worse = !now && why != nullptr && needs_person(*why) && told_why_ != detail;
    if (news || worse) {
        told_ = now;
        told_why_ = std::move(detail);
        if (follower != nullptr) {
            follower->backend_changed(now, told_why_.c_str());
        }
        if (now) {
            told_refused_.reset();
        }
    }
    if (why == nullptr) {
        tell_refusals();
    }
}

void RedisStore::tell_refusals() {
    std::string text = refusals_.text();
    if (text == told_refused_) {
        return;
    }
    told_refused_ = std::move(text);
    if (Follower* const follower = mirror_.follower(); follower != nullptr) {
        follower->refuses(*told_refused_);
    }
}

net::Task<Result<RedisReply>> RedisStore::run(RedisCommand command) {
    co_return judged(co_await servers_.run(std::move(command), RedisServers::Via::commands,
                                           place_.command_timeout));
}

// What a reply says about the servers; an error of Redis becomes one of ours.
Result<RedisReply> RedisStore::judged(Result<RedisReply> reply) {
    if (servers_.map_is_old()) {
        work_.wake();
    }
    if (!reply || !reply->is(Kind::error)) {
        return reply;
    }
    const Error error = error_of(reply->text);
    const Complaint complaint = complaint_of(reply->text);
    if (complaint == Complaint::replica && place_.kind != RedisKind::single) {
        servers_.give_up(error);
    } else if (up_ && (complaint == Complaint::no_writes || complaint == Complaint::replica)) {
        write_trouble_ = error.detail;
        work_.wake();
    }
    return std::unexpected(error);
}

net::Task<Result<RedisReply>> RedisStore::run_script(std::string_view script, std::string key,
                                                     std::vector<std::string> arguments) {
    const auto same = [script](const Script& s) { return s.text.data() == script.data(); };
    auto known = std::ranges::find_if(scripts_, same);
    if (known == scripts_.end()) {
        const auto hash = co_await run({"SCRIPT", "LOAD", std::string(script)});
        if (!hash) {
            co_return std::unexpected(hash.error());
        }
        // Others may have asked the same meanwhile.
        known = std::ranges::find_if(scripts_, same);
        if (known == scripts_.end()) {
            known = scripts_.insert(known, Script{script, hash->text});
        }
    }
    RedisCommand command{"EVALSHA", known->hash, "1", std::move(key)};
    command.insert(command.end(), std::make_move_iterator(arguments.begin()),
                   std::make_move_iterator(arguments.end()));
    auto reply =
        co_await servers_.run(command, RedisServers::Via::commands, place_.command_timeout);
    if (reply && reply->is(Kind::error) && complaint_of(reply->text) == Complaint::no_script) {
        // A server that was restarted, or another one of the Cluster: EVAL teaches it.
        command[0] = "EVAL";
        command[1] = script;
        co_return co_await run(std::move(command));
    }
    co_return judged(std::move(reply));
}

net::Task<Result<bool>> RedisStore::set(std::string key, std::string value, SetOptions options) {
    RedisCommand command{"SET", std::move(key), std::move(value)};
    if (options.ttl) {
        command.insert(command.end(),
                       {"PX", std::to_string(std::max<std::int64_t>(options.ttl->count(), 1))});
    }
    if (options.when != SetIf::always) {
        command.emplace_back(options.when == SetIf::absent ? "NX" : "XX");
    }
    const auto reply = co_await run(std::move(command));
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    co_return !reply->is(Kind::nil);
}

net::Task<Result<bool>> RedisStore::replace(std::string key, std::string expected,
                                            std::optional<std::string> value,
                                            std::optional<Millis> ttl) {
    std::vector<std::string> arguments{std::move(expected)};
    if (value) {
        arguments.push_back(std::move(*value));
        if (ttl) {
            arguments.push_back(std::to_string(std::max<std::int64_t>(ttl->count(), 1)));
        }
    }
    const auto reply = co_await run_script(kReplaceScript, std::move(key), std::move(arguments));
    if (!reply) {
        co_return std::unexpected(reply.error());
    }
    co_return reply->integer == 1;
}

net::Task<Result<std::optional<KnownEntry>>> RedisStore::get(std::string key) {
    const auto value = co_await run({"GET", key});
    if (!value) {
        co_return std::unexpected(value.error());
    }
    const auto ttl = co_await run({"PTTL", key});
    if (!ttl) {
        co_return std::unexpected(ttl.error());
    }
    constexpr std::int64_t kNoKey = -2;
    if (!value->is(Kind::text) || ttl->integer == kNoKey) {
        co_return std::nullopt;
    }
    KnownEntry entry{std::move(key), value->text, std::nullopt};
    if (ttl->integer >= 0) {
        entry.expires = end_after(Millis{ttl->integer}, loop_.clock().wall);
    }
    co_return std::optional(std::move(entry));
}

net::Task<Result<std::int64_t>> RedisStore::erase(std::vector<std::string> keys) {
    std::int64_t erased = 0;
    if (place_.kind != RedisKind::cluster && !keys.empty()) {
        RedisCommand command{"DEL"};
        command.insert(command.end(), std::make_move_iterator(keys.begin()),
                       std::make_move_iterator(keys.end()));
        keys.clear();
        const auto reply = co_await run(std::move(command));
        if (!reply) {
            co_return std::unexpected(reply.error());
        }
        erased = reply->integer;
    }
    // In a cluster each key may live elsewhere.
    for (std::string& key : keys) {
        const auto reply = co_await run({"DEL", std::move(key)});
        if (!reply) {
            co_return std::unexpected(reply.error());
        }
        erased += reply->integer;
    }
    co_return erased;
}

net::Task<Result<RedisReply>> RedisStore::run_own(RedisCommand command) {
    return run(std::move(command));
}

net::Task<std::string> RedisStore::run_command(std::vector<std::string> arguments) {
    std::string encoded;
    if (const auto answer = answer_here(arguments, place_)) {
        append_reply(encoded, *answer);
        co_return encoded;
    }
    const auto reply = co_await servers_.relay(std::move(arguments), kRelayWithin);
    if (!reply) {
        append_reply(encoded, {Kind::error, 0, "ERR " + told_of(reply.error()), {}});
        co_return encoded;
    }
    append_reply(encoded, *reply);
    co_return encoded;
}

net::Task<void> RedisStore::stop() {
    stopping_ = true;
    topology_.cancel();
    servers_.give_up(kStopped);
    work_.wake();
    co_await scope_.all_done();
}

}  // namespace gw::state
