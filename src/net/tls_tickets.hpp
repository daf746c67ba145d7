// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): which of them there are at a moment, and
// how they lie in a store that others may read.
//
// Keys change with the wall clock: every period of the configured length, counted from the epoch,
// has one. So gateways agree on whose turn it is without talking; what they share is the key. A
// period's key is made a while before it begins, so that everybody has it when the first ticket
// comes, and is forgotten one ticket's life after its end: what was recorded before that can be
// read no more (RFC 9325, 4.3.1).
//
//     |-- period -----|-- period -----|
//     make  issue ----> accept -> forget
//
// Deciding is pure; only fresh keys come from the library's generator. Not bound to a thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

namespace gw::net {

class TicketKey {
  public:
    static constexpr std::size_t kNameBytes = 16;
    static constexpr std::size_t kSecretBytes = 32;  // of AES-256, and of HMAC-SHA256
    static constexpr std::size_t kBytes = kNameBytes + 2 * kSecretBytes;

    static TicketKey fresh();
    explicit TicketKey(std::string_view bytes);  // kBytes of them
    TicketKey(const TicketKey&) = default;
    TicketKey& operator=(const TicketKey&) = default;
    ~TicketKey();

    [[nodiscard]] std::string_view bytes() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }
    [[nodiscard]] const unsigned char* name() const { return bytes_.data(); }
    [[nodiscard]] const unsigned char* cipher() const { return bytes_.data() + kNameBytes; }
    [[nodiscard]] const unsigned char* mac() const { return cipher() + kSecretBytes; }
    bool operator==(const TicketKey&) const = default;

  private:
    TicketKey() = default;
    std::array<unsigned char, kBytes> bytes_{};
};

// Those that are good now, as workers use them. Immutable.
struct TicketKeys {
    std::vector<TicketKey> keys;  // never empty; new tickets are made with the first

    // Of this process alone.
    static std::shared_ptr<const TicketKeys> fresh();
    // What OpenSSL asks of SSL_CTX_set_tlsext_ticket_key_evp_cb, for one ticket.
    int prepare(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                evp_mac_ctx_st* mac, bool issue) const;
};

class TicketRing {
  public:
    // Longer tickets are of little use to clients that come back, and of much to whoever steals
    // them.
    static constexpr std::chrono::hours kLifeMax{4};

    explicit TicketRing(Millis rotation) : rotation_(rotation) {}

    // For periods that begin from now on.
    void rotate_every(Millis rotation) { rotation_ = rotation; }
    // How long tickets are good: no longer than a period, so that at most three keys are.
    static Millis life(Millis rotation) { return std::min<Millis>(rotation, kLifeMax); }

    // Makes and forgets what `now` asks for. True: keys() are others.
    bool turn(WallTime now);
    // When turn() has something to do next.
    [[nodiscard]] WallTime next_turn(WallTime now) const;
    [[nodiscard]] std::shared_ptr<const TicketKeys> keys(WallTime now) const;

    // The periods whose tickets may come now: those that have a key here, and the one before, of
    // which others may have one.
    [[nodiscard]] std::vector<WallTime> periods(WallTime now) const;
    // The one that this process would give a period, if it has any.
    [[nodiscard]] const TicketKey* key_of(WallTime begin) const;
    // When a period's key is of no more use.
    [[nodiscard]] WallTime end_of(WallTime begin) const;
    // What all gateways use in a period. What was issued under another key stays good. True: it is
    // news.
    bool adopt(WallTime begin, const TicketKey& key);

  private:
    // Of a period: gateways that could not reach the store each had their own.
    static constexpr std::size_t kKeysMax = 4;
    // Three, and those that another rotation has left.
    static constexpr std::size_t kPeriodsMax = 8;
    struct Period {
        WallTime end;
        std::vector<TicketKey> keys;  // the one to issue with first
    };
    [[nodiscard]] WallTime begin_at(WallTime now) const;
    [[nodiscard]] Millis ahead() const { return rotation_ / 8; }
    Period& period(WallTime begin);

    Millis rotation_;
    std::map<WallTime, Period> periods_;  // by their beginnings
};

// Puts keys into a form that only who knows the operator's secret can read: AES-256-GCM under a key
// derived from it (HKDF, RFC 5869), bound to the key's period, as text.
class TicketSealer {
  public:
    static constexpr std::size_t kSecretMin = 32;  // characters: what nobody guesses

    explicit TicketSealer(std::string_view secret);

    // Where the key of a period lies in the store. Gateways with another secret have other places.
    [[nodiscard]] std::string place(WallTime begin) const;
    [[nodiscard]] std::string seal(WallTime begin, const TicketKey& key) const;
    // Nothing: not made under this secret for this period.
    [[nodiscard]] std::optional<TicketKey> open(WallTime begin, std::string_view text) const;

  private:
    std::string key_;
    std::string id_;  // tells secrets apart, and nothing of them
};

}  // namespace gw::net
