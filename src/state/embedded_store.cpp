#include "state/embedded_store.hpp"

#include <algorithm>

#include "state/embedded_commands.hpp"

namespace gw::state {
namespace {

constexpr Millis kTick{100};         // how late an end may be told; readers know it to the moment
constexpr std::size_t kEntry = 128;  // what an entry costs beside its bytes

}  // namespace

EmbeddedStore::EmbeddedStore(net::Loop& loop, std::size_t bytes_max)
    : loop_(loop), bytes_max_(bytes_max) {
    loop_.timers().arm(timer_, loop_.now() + kTick);
}

net::Task<Result<bool>> EmbeddedStore::set(std::string key, std::string value, SetOptions options) {
    const bool there = find(key) != nullptr;
    if ((options.when == SetIf::absent && there) || (options.when == SetIf::present && !there)) {
        co_return false;
    }
    Value made{std::move(value), options.ttl ? std::optional(now() + *options.ttl) : std::nullopt};
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
    for (const auto& [key, value] : values_) {
        tell(key, &value);
    }
    follower.listing_ended();
}

net::Task<Result<RedisReply>> EmbeddedStore::run_script(std::string_view /*script*/,
                                                        std::string /*key*/,
                                                        std::vector<std::string> /*arguments*/) {
    co_return fail(Errc::unreachable, Fault::store, "the embedded store runs no scripts");
}

net::Task<std::string> EmbeddedStore::run_command(std::vector<std::string> arguments) {
    co_return run_embedded_command(*this, arguments);
}

net::Task<void> EmbeddedStore::stop() {
    timer_.disarm();
    co_return;
}

const EmbeddedStore::Value* EmbeddedStore::find(const std::string& key) {
    const auto at = values_.find(key);
    if (at == values_.end()) {
        return nullptr;
    }
    if (at->second.expires && *at->second.expires <= now()) {
        remove(key);
        return nullptr;
    }
    return &at->second;
}

bool EmbeddedStore::put(const std::string& key, Value value) {
    const auto old = values_.find(key);
    const std::size_t before =
        old != values_.end() ? kEntry + key.size() + old->second.text.size() : 0;
    const std::size_t after = kEntry + key.size() + value.text.size();
    if (bytes_ - before + after > bytes_max_) {
        return false;
    }
    bytes_ += after - before;
    if (value.expires) {
        ends_.emplace(*value.expires, key);
    }
    const Value& kept = values_.insert_or_assign(key, std::move(value)).first->second;
    tell(key, &kept);
    return true;
}

bool EmbeddedStore::remove(const std::string& key) {
    const auto at = values_.find(key);
    if (at == values_.end()) {
        return false;
    }
    bytes_ -= kEntry + key.size() + at->second.text.size();
    values_.erase(at);
    tell(key, nullptr);
    return true;
}

void EmbeddedStore::clear() {
    std::vector<std::string> keys;
    keys.reserve(values_.size());
    for (const auto& [key, value] : values_) {
        keys.push_back(key);
    }
    for (const std::string& key : keys) {
        remove(key);
    }
}

const std::unordered_map<std::string, EmbeddedStore::Value>& EmbeddedStore::values() {
    drop_ended();
    return values_;
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
        const std::string key = std::move(ends_.begin()->second);
        ends_.erase(ends_.begin());
        [[maybe_unused]] const Value* const ended = find(key);
    }
}

void EmbeddedStore::tick() {
    drop_ended();
    loop_.timers().arm(timer_, loop_.now() + kTick);
}

}  // namespace gw::state
