// Brute force: who fails to sign in too often, by address and by account, in sliding windows. It
// decides and remembers; it bans nobody itself. What it says to ban grows with each time it was
// necessary. Addresses are hashed, IPv6 by /64, because a client has all of its /64; accounts are
// hashes that the caller makes, so that no name is kept. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"

namespace gw::security {

enum class LoginKey : std::uint8_t { address, account };

struct FailedLoginsOptions {
    std::uint32_t address_failures = 10;  // that make an attack, within address_window; 1 to 64
    Millis address_window = std::chrono::minutes(5);
    std::uint32_t account_failures = 5;  // the same for one account
    Millis account_window = std::chrono::minutes(15);
    // How long a ban should last at the first detection, the second, and so on; the last stays.
    std::array<std::chrono::seconds, 4> ban_lengths{std::chrono::minutes(5),
                                                    std::chrono::minutes(15), std::chrono::hours(1),
                                                    std::chrono::hours(24)};
    Millis ban_memory = std::chrono::hours(24);  // after so long without a detection it starts over
    std::size_t keys_max = 100'000;  // about 120 bytes each; the longest unchanged goes first
};

// A detection: told once a window for each key, and for an address again when a ban is due that the
// one before did not bring, or that has ended.
struct BruteForce {
    LoginKey kind = LoginKey::address;
    IpAddress address;            // kind address; of IPv6 the /64
    std::uint64_t account = 0;    // kind account: the hash given
    std::uint32_t failures = 0;   // within the window
    std::chrono::seconds ban{0};  // for how long to ban the address; 0: not asked for
};

// Of IPv6 the first 64 bits, the rest zero.
IpAddress login_block(const IpAddress& address);

class FailedLogins {
  public:
    explicit FailedLogins(const FailedLoginsOptions& options);

    struct Verdict {
        std::optional<BruteForce> address;
        std::optional<BruteForce> account;
    };
    // A sign-in failed. account: its hash, or none if no account was named. bans: an attack from
    // this address is to be answered by a ban. Whoever is banned and fails all the same ten seconds
    // later has had the ban lifted, and begins anew. now never goes back.
    Verdict failed(const IpAddress& address, std::optional<std::uint64_t> account, bool bans,
                   Instant now);
    // The ban that a detection asked for could not be had: the first failure after ten seconds asks
    // again.
    void not_banned(const IpAddress& address, Instant now);
    // A sign-in succeeded: the account's failures are forgotten, the address's are not, because an
    // attacker may own one account.
    void succeeded(std::uint64_t account);

    [[nodiscard]] std::size_t keys() const { return index_.size(); }

  private:
    static constexpr std::uint32_t kNone = UINT32_MAX;
    static constexpr std::size_t kFailuresMax = 64;

    struct Key {
        LoginKey kind = LoginKey::address;
        IpAddress address;
        std::uint64_t account = 0;
        bool operator==(const Key&) const = default;
    };
    struct Hash {
        std::uint64_t seed = 0;
        std::size_t operator()(const Key& key) const;
    };
    struct Entry {
        Key key;
        std::vector<Instant> failures;  // a ring of the latest, at most as many as the threshold
        std::uint32_t next = 0;         // where the ring goes on
        Instant detected{};             // the latest detection
        Instant banned_until{};
        bool told = false;  // there was a detection that is remembered
        std::uint32_t bans = 0;
        std::uint32_t older = kNone;  // in the order of change
        std::uint32_t newer = kNone;
    };

    std::optional<BruteForce> count(const Key& key, bool bans, Instant now);
    std::uint32_t slot_of(const Key& key);
    void unlink(std::uint32_t slot);
    void link_newest(std::uint32_t slot);

    FailedLoginsOptions options_;
    std::vector<Entry> entries_;
    std::unordered_map<Key, std::uint32_t, Hash> index_;
    std::uint32_t oldest_ = kNone;
    std::uint32_t newest_ = kNone;
};

}  // namespace gw::security
