#include "security/failed_logins.hpp"

#include <algorithm>
#include <cstring>

#include "base/random.hpp"

namespace gw::security {
namespace {

constexpr std::chrono::seconds kAskAgain{10};
// Until a ban is in force on every gateway, and what was on its way has been answered.
constexpr std::chrono::seconds kBanSettles{10};

std::uint64_t mixed(std::uint64_t value) {  // the finaliser of MurmurHash3
    value = (value ^ (value >> 33)) * 0xFF51AFD7ED558CCDULL;
    value = (value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53ULL;
    return value ^ (value >> 33);
}

}  // namespace

IpAddress login_block(const IpAddress& address) {
    if (address.is_v4()) {
        return address;
    }
    auto bytes = address.bytes();
    std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
    return IpAddress::v6(bytes);
}

// Seeded: whoever chooses addresses and accounts must not choose buckets.
std::size_t FailedLogins::Hash::operator()(const Key& key) const {
    std::uint64_t high = 0;
    std::memcpy(&high, key.address.bytes().data(), sizeof high);
    const auto kind = static_cast<std::uint64_t>(key.kind) << 1 | (key.address.is_v4() ? 1U : 0U);
    return mixed(mixed(seed ^ high) ^ key.account ^ kind);
}

FailedLogins::FailedLogins(const FailedLoginsOptions& options)
    : options_(options), index_(0, Hash{Random::fresh_seed()}) {
    const auto bounded = [](std::uint32_t failures) {
        return std::clamp<std::uint32_t>(failures, 1, kFailuresMax);
    };
    options_.address_failures = bounded(options_.address_failures);
    options_.account_failures = bounded(options_.account_failures);
    options_.keys_max = std::clamp<std::size_t>(options_.keys_max, 2, kNone - 1);
}

FailedLogins::Verdict FailedLogins::failed(const IpAddress& address,
                                           std::optional<std::uint64_t> account, bool bans,
                                           Instant now) {
    Verdict verdict;
    verdict.address = count({LoginKey::address, login_block(address), 0}, bans, now);
    if (account) {
        verdict.account = count({LoginKey::account, IpAddress{}, *account}, false, now);
    }
    return verdict;
}

void FailedLogins::succeeded(std::uint64_t account) {
    const auto found = index_.find({LoginKey::account, IpAddress{}, account});
    if (found != index_.end()) {
        Entry& entry = entries_[found->second];
        entry.failures.clear();
        entry.next = 0;
    }
}

void FailedLogins::not_banned(const IpAddress& address, Instant now) {
    const auto found = index_.find({LoginKey::address, login_block(address), 0});
    if (found != index_.end() && entries_[found->second].bans > 0) {
        Entry& entry = entries_[found->second];
        entry.detected = now;
        entry.banned_until = now + kAskAgain;
        --entry.bans;
    }
}

std::optional<BruteForce> FailedLogins::count(const Key& key, bool bans, Instant now) {
    const bool by_address = key.kind == LoginKey::address;
    const std::size_t threshold =
        by_address ? options_.address_failures : options_.account_failures;
    const Millis window = by_address ? options_.address_window : options_.account_window;

    const std::uint32_t slot = slot_of(key);
    Entry& entry = entries_[slot];
    unlink(slot);
    link_newest(slot);
    // Whoever is banned does not come this far: the ban was lifted.
    if (now < entry.banned_until && now - entry.detected >= kBanSettles) {
        entry.failures.clear();
        entry.next = 0;
        entry.banned_until = {};
    }
    if (entry.failures.size() < threshold) {
        entry.failures.push_back(now);
    } else {
        entry.failures[entry.next] = now;
        entry.next = static_cast<std::uint32_t>((entry.next + 1) % threshold);
    }
    if (entry.failures.size() < threshold || now - entry.failures[entry.next] >= window) {
        return std::nullopt;
    }
    // What was only told of, guesses of tokens for instance, must not keep a ban off.
    if (entry.told && now - entry.detected < window && !(bans && now >= entry.banned_until)) {
        return std::nullopt;
    }
    if (entry.told && now - entry.detected >= options_.ban_memory) {
        entry.bans = 0;
    }
    BruteForce found{key.kind, key.address, key.account, static_cast<std::uint32_t>(threshold),
                     std::chrono::seconds{0}};
    entry.told = true;
    entry.detected = now;
    if (bans) {
        found.ban =
            options_
                .ban_lengths[std::min<std::size_t>(entry.bans, options_.ban_lengths.size() - 1)];
        entry.banned_until = now + found.ban;
        ++entry.bans;
    }
    return found;
}

std::uint32_t FailedLogins::slot_of(const Key& key) {
    if (const auto found = index_.find(key); found != index_.end()) {
        return found->second;
    }
    std::uint32_t slot = oldest_;
    if (entries_.size() < options_.keys_max) {
        slot = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
        link_newest(slot);
    } else {
        Entry& entry = entries_[slot];
        index_.erase(entry.key);
        entry.failures.clear();
        entry.next = 0;
        entry.told = false;
        entry.banned_until = {};
        entry.bans = 0;
    }
    entries_[slot].key = key;
    index_.emplace(key, slot);
    return slot;
}

void FailedLogins::unlink(std::uint32_t slot) {
    const Entry& entry = entries_[slot];
    (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
    (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
}

void FailedLogins::link_newest(std::uint32_t slot) {
    Entry& entry = entries_[slot];
    entry.older = newest_;
    entry.newer = kNone;
    (newest_ == kNone ? oldest_ : entries_[newest_].newer) = slot;
    newest_ = slot;
}

}  // namespace gw::security
