#include "state/embedded_store.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "state/embedded_commands.hpp"

namespace gw::state {
namespace {

constexpr Millis kTick{100};         // how late an end may be told; readers know it to the moment
constexpr std::size_t kEntry = 192;  // what an entry costs beside its bytes

}  // namespace

EmbeddedStore::EmbeddedStore(net::Loop& loop, std::size_t bytes_max)
    : loop_(loop), bytes_max_(bytes_max), started_(loop.now()), hash_(Random::fresh_seed()) {
    loop_.timers().arm(timer_, loop_.now() + kTick);
}

net::Task<Result<bool>> EmbeddedStore::set(std::string key, std::string value, SetOptions options) {
    const bool there = find(key) != nullptr;
    if ((options.when == SetIf::absent && there) || (options.when == SetIf::present && !there)) {
        co_return false;
    }
    Value made{std::move(value), options.ttl ? end_after(*options.ttl, now()) : std::nullopt};
    if (!put(key, std::move(made))) {
        co_return fail(Errc::exhausted, Fault::store, "the embedded store is full");
    }
    co_return true;
}

net::Task<Result<std::optional<KnownEntry>>> EmbeddedStore::get(std::string key) {
    const Value* const value = find(key);
    if (value == nullptr) {
        co_return std::optional<KnownEntry>{};
    }
    co_return std::optional<KnownEntry>{{key, value->text, value->expires}};
}

net::Task<Result<bool>> EmbeddedStore::replace(std::string key, std::string expected,
                                               std::optional<std::string> value,
                                               std::optional<Millis> ttl) {
    const Value* const found = find(key);
    if (found == nullptr || found->text != expected) {
        co_return false;
    }
    if (!value) {
        co_return remove(key);
    }
    const std::optional<WallTime> end = ttl ? end_after(*ttl, now()) : found->expires;
    if (!put(key, {std::move(*value), end})) {
        co_return fail(Errc::exhausted, Fault::store, "the embedded store is full");
    }
    co_return true;
}

net::Task<Result<std::int64_t>> EmbeddedStore::erase(std::vector<std::string> keys) {
    std::int64_t count = 0;
    for (const std::string& key : keys) {
        count += remove(key) ? 1 : 0;
    }
    co_return count;
}

void EmbeddedStore::follow(std::vector<std::string> prefixes, Follower& follower) {
    prefixes_ = std::move(prefixes);
    follower_ = &follower;
    follower.backend_changed(true, "embedded");
    follower.listing_began();
    for (const auto& [place, value] : values_) {
        tell(place.key, &value);
    }
    follower.listing_ended();
}

net::Task<Result<RedisReply>> EmbeddedStore::run_script(std::string_view /*script*/,
                                                        std::string /*key*/,
                                                        std::vector<std::string> /*arguments*/) {
    co_return fail(Errc::unreachable, Fault::store, "the embedded store runs no scripts");
}

net::Task<Result<RedisReply>> EmbeddedStore::run_own(RedisCommand /*command*/) {
    co_return fail(Errc::unreachable, Fault::store, "the embedded store has no such command");
}

net::Task<std::string> EmbeddedStore::run_command(std::vector<std::string> arguments) {
    co_return run_embedded_command(*this, arguments);
}

net::Task<void> EmbeddedStore::stop() {
    timer_.disarm();
    co_return;
}

EmbeddedStore::PlaceView EmbeddedStore::place_of(std::string_view key) const {
    return {std::max<std::uint64_t>(hash_(key) >> 1, 1), key};
}

const EmbeddedStore::Value* EmbeddedStore::find(std::string_view key) {
    const auto at = values_.find(place_of(key));
    if (at == values_.end()) {
        return nullptr;
    }
    if (at->second.expires && *at->second.expires <= now()) {
        erase_at(at);
        return nullptr;
    }
    return &at->second;
}

bool EmbeddedStore::put(std::string_view key, Value value) {
    const PlaceView place = place_of(key);
    auto at = values_.find(place);
    const std::size_t before =
        at != values_.end() ? kEntry + key.size() + at->second.text.size() : 0;
    const std::size_t after = kEntry + key.size() + value.text.size();
    if (after > before && bytes_ - before + after > bytes_max_) {
        return false;
    }
    bytes_ += after - before;
    if (at == values_.end()) {
        at = values_.emplace(Place{place.hash, std::string(key)}, std::move(value)).first;
    } else {
        forget_end(at);
        at->second = std::move(value);
    }
    if (at->second.expires) {
        ends_.emplace(*at->second.expires, &at->first);
    }
    tell(at->first.key, &at->second);
    if (changed_) {
        changed_(at->first.key);
    }
    return true;
}

bool EmbeddedStore::remove(std::string_view key) {
    const auto at = values_.find(place_of(key));
    if (at == values_.end()) {
        return false;
    }
    const bool ended = at->second.expires && *at->second.expires <= now();
    erase_at(at);
    if (changed_) {
        changed_(key);
    }
    return !ended;
}

void EmbeddedStore::clear() {
    while (!values_.empty()) {
        const std::string key = values_.begin()->first.key;
        remove(key);
    }
}

std::size_t EmbeddedStore::size() {
    drop_ended();
    return values_.size();
}

std::size_t EmbeddedStore::size_ending() {
    drop_ended();
    return ends_.size();
}

std::uint64_t EmbeddedStore::visit_from(std::uint64_t cursor, std::size_t least,
                                        const Visit& visit) const {
    std::size_t visited = 0;
    for (auto at = values_.lower_bound(PlaceView{cursor, {}}); at != values_.end(); ++at) {
        // Only where the hash changes, so that the cursor says all.
        if (visited >= least && at->first.hash != std::prev(at)->first.hash) {
            return at->first.hash;
        }
        ++visited;
        if (!at->second.expires || *at->second.expires > now()) {
            visit(at->first.key, at->second);
        }
    }
    return 0;
}

void EmbeddedStore::forget_end(Values::iterator at) {
    if (at->second.expires) {
        ends_.erase({*at->second.expires, &at->first});
    }
}

void EmbeddedStore::erase_at(Values::iterator at) {
    bytes_ -= kEntry + at->first.key.size() + at->second.text.size();
    forget_end(at);
    const auto gone = values_.extract(at);
    tell(gone.key().key, nullptr);
}

void EmbeddedStore::tell(const std::string& key, const Value* value) {
    const auto follows = [&](const std::string& prefix) { return key.starts_with(prefix); };
    if (follower_ == nullptr || std::ranges::none_of(prefixes_, follows)) {
        return;
    }
    if (value != nullptr) {
        follower_->known({key, value->text, value->expires});
    } else {
        follower_->gone(key);
    }
}

void EmbeddedStore::drop_ended() {
    while (!ends_.empty() && ends_.begin()->first <= now()) {
        erase_at(values_.find(*ends_.begin()->second));
    }
}

void EmbeddedStore::tick() {
    drop_ended();
    loop_.timers().arm(timer_, loop_.now() + kTick);
}

}  // namespace gw::state
