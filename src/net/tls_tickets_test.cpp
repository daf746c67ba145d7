#include "net/tls_tickets.hpp"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <algorithm>

namespace gw::net {
namespace {

using std::chrono::hours;
constexpr Millis kRotation{hours{12}};
const std::string kSecret(48, 's');

WallTime at(hours since) {
    return WallTime(hours{480'000} + since);  // a beginning of a period
}

const TicketKey& issuing(const TicketRing& ring, WallTime now) {
    static std::shared_ptr<const TicketKeys> kept;
    kept = ring.keys(now);
    return kept->keys.front();
}

bool accepts(const TicketRing& ring, WallTime now, const TicketKey& key) {
    const auto keys = ring.keys(now);
    return std::ranges::find(keys->keys, key) != keys->keys.end();
}

TEST(TicketRing, GivesEachPeriodItsKeyAndForgetsItOneTicketsLifeLater) {
    TicketRing ring(kRotation);
    EXPECT_TRUE(ring.turn(at(hours{0})));
    const TicketKey first = issuing(ring, at(hours{0}));
    EXPECT_FALSE(ring.turn(at(hours{10})));
    EXPECT_EQ(issuing(ring, at(hours{10})), first);
    EXPECT_TRUE(ring.turn(at(hours{11})));  // the next one is there before it is needed
    EXPECT_EQ(issuing(ring, at(hours{11})), first);
    const TicketKey second = *ring.key_of(at(hours{12}));
    EXPECT_TRUE(accepts(ring, at(hours{11}), second));  // of a gateway whose clock is ahead
    EXPECT_FALSE(ring.turn(at(hours{12})));
    EXPECT_EQ(issuing(ring, at(hours{12})), second);
    EXPECT_TRUE(accepts(ring, at(hours{15}), first));
    EXPECT_TRUE(ring.turn(at(hours{16})));
    EXPECT_FALSE(accepts(ring, at(hours{16}), first));
    EXPECT_EQ(ring.keys(at(hours{16}))->keys.size(), 1U);
}

TEST(TicketRing, SaysWhenItHasSomethingToDo) {
    TicketRing ring(kRotation);
    EXPECT_EQ(ring.next_turn(at(hours{0})), at(hours{4}));
    EXPECT_EQ(ring.next_turn(at(hours{4})), at(hours{12}) - kRotation / 8);
    EXPECT_EQ(ring.next_turn(at(hours{11})), at(hours{12}));
    EXPECT_EQ(ring.next_turn(at(hours{12})), at(hours{16}));
}

TEST(TicketRing, UsesWhatIsSharedAndTakesItsOwnTicketsAllTheSame) {
    TicketRing ring(kRotation);
    ring.turn(at(hours{0}));
    const TicketKey own = issuing(ring, at(hours{0}));
    const TicketKey theirs = TicketKey::fresh();
    EXPECT_TRUE(ring.adopt(at(hours{0}), theirs));
    EXPECT_FALSE(ring.adopt(at(hours{0}), theirs));
    EXPECT_EQ(issuing(ring, at(hours{1})), theirs);
    EXPECT_TRUE(accepts(ring, at(hours{1}), own));
    for (int i = 0; i < 100; ++i) {
        ring.adopt(at(hours{0}), TicketKey::fresh());
    }
    EXPECT_LE(ring.keys(at(hours{1}))->keys.size(), 4U);
}

TEST(TicketRing, AsksForThePeriodBeforeWhileItsTicketsAreGood) {
    TicketRing ring(kRotation);
    ring.turn(at(hours{1}));
    EXPECT_EQ(ring.periods(at(hours{1})), (std::vector<WallTime>{at(hours{-12}), at(hours{0})}));
    EXPECT_EQ(ring.periods(at(hours{5})), (std::vector<WallTime>{at(hours{0})}));
    const TicketKey before = TicketKey::fresh();
    ring.adopt(at(hours{-12}), before);
    EXPECT_TRUE(accepts(ring, at(hours{1}), before));
    EXPECT_NE(issuing(ring, at(hours{1})), before);
}

TEST(TicketRing, ManyRotationsAndClocksThatJumpLeaveFewKeys) {
    TicketRing ring(kRotation);
    for (int i = 0; i < 1'000; ++i) {
        const WallTime now = at(hours{(i * 7919) % 5'000});
        ring.rotate_every(Millis{hours{1 + i % 24}});
        ring.turn(now);
        EXPECT_LE(ring.keys(now)->keys.size(), 8U);
        EXPECT_LT(now, ring.next_turn(now));
    }
}

TEST(TicketSealer, OpensWhatWasSealedUnderTheSameSecretForTheSamePeriod) {
    const TicketSealer sealer(kSecret);
    const TicketKey key = TicketKey::fresh();
    const std::string sealed = sealer.seal(at(hours{0}), key);
    EXPECT_EQ(sealer.open(at(hours{0}), sealed), key);
    EXPECT_EQ(TicketSealer(kSecret).open(at(hours{0}), sealed), key);
    EXPECT_NE(sealer.seal(at(hours{0}), key), sealed);
    EXPECT_EQ(sealer.open(at(hours{12}), sealed), std::nullopt);
    EXPECT_EQ(TicketSealer(kSecret + "x").open(at(hours{0}), sealed), std::nullopt);
    EXPECT_EQ(sealed.find(std::string(key.bytes().substr(0, 8))), std::string::npos);
}

TEST(TicketSealer, RefusesWhatSomebodyElseWrote) {
    const TicketSealer sealer(kSecret);
    const std::string sealed = sealer.seal(at(hours{0}), TicketKey::fresh());
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        std::string changed = sealed;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_EQ(sealer.open(at(hours{0}), changed), std::nullopt) << i;
    }
    for (const std::string& text :
         {std::string(), std::string("1"), sealed.substr(1), sealed + "AAAA", std::string(144, 'A'),
          std::string(1'000'000, 'A')}) {
        EXPECT_EQ(sealer.open(at(hours{0}), text), std::nullopt);
    }
}

TEST(TicketSealer, AnotherSecretHasAnotherPlace) {
    const TicketSealer sealer(kSecret);
    EXPECT_EQ(sealer.place(at(hours{0})), TicketSealer(kSecret).place(at(hours{0})));
    EXPECT_NE(sealer.place(at(hours{0})), TicketSealer(kSecret + "x").place(at(hours{0})));
    EXPECT_NE(sealer.place(at(hours{0})), sealer.place(at(hours{12})));
    EXPECT_TRUE(sealer.place(at(hours{0})).starts_with("tls:ticket:"));
    EXPECT_EQ(sealer.place(at(hours{0})).find(kSecret), std::string::npos);
}

// As the library does: one context of each kind for each ticket.
int prepare(const TicketKeys& keys, unsigned char* name, bool issue) {
    EVP_CIPHER_CTX* const cipher = EVP_CIPHER_CTX_new();
    EVP_MAC* const kind = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    EVP_MAC_CTX* const mac = EVP_MAC_CTX_new(kind);
    std::array<unsigned char, 16> iv{};
    const int result = keys.prepare(name, iv.data(), cipher, mac, issue);
    EVP_MAC_CTX_free(mac);
    EVP_MAC_free(kind);
    EVP_CIPHER_CTX_free(cipher);
    return result;
}

TEST(TicketKeys, FindsTheKeyByItsNameAndRenewsOldTickets) {
    TicketRing ring(kRotation);
    ring.turn(at(hours{0}));
    const auto before = ring.keys(at(hours{0}));
    std::array<unsigned char, TicketKey::kNameBytes> name{};
    EXPECT_EQ(prepare(*before, name.data(), true), 1);
    EXPECT_EQ(prepare(*before, name.data(), false), 1);
    ring.turn(at(hours{12}));
    EXPECT_EQ(prepare(*ring.keys(at(hours{12})), name.data(), false), 2);
    ring.turn(at(hours{16}));
    EXPECT_EQ(prepare(*ring.keys(at(hours{16})), name.data(), false), 0);
    EXPECT_EQ(prepare(*TicketKeys::fresh(), name.data(), false), 0);
}

}  // namespace
}  // namespace gw::net
