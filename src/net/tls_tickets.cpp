#include "net/tls_tickets.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>

#include "base/encoding.hpp"
#include "base/ensure.hpp"

namespace gw::net {
namespace {

constexpr std::size_t kIvBytes = 16;     // of AES-CBC
constexpr std::size_t kNonceBytes = 12;  // of AES-GCM
constexpr std::size_t kTagBytes = 16;
constexpr std::size_t kIdBytes = 8;
constexpr std::string_view kPlace = "tls:ticket:";

template <class T, void (*release)(T*)>
struct Free {
    void operator()(T* object) const { release(object); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Free<T, release>>;
using CipherContext = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

// Fetched once: a look-up by name for each ticket costs more than the ticket.
const EVP_CIPHER* aes_cbc() {
    static const Owned<EVP_CIPHER, EVP_CIPHER_free> kCipher(
        EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
    ensure(kCipher != nullptr, "OpenSSL has no AES-256-CBC");
    return kCipher.get();
}

const EVP_CIPHER* aes_gcm() {
    static const Owned<EVP_CIPHER, EVP_CIPHER_free> kCipher(
        EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
    ensure(kCipher != nullptr, "OpenSSL has no AES-256-GCM");
    return kCipher.get();
}

void random_bytes(unsigned char* out, std::size_t size) {
    ensure(RAND_bytes(out, static_cast<int>(size)) == 1, "no random bytes for a key");
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

std::string derive(std::string_view secret, std::string_view purpose, std::size_t size) {
    const Owned<EVP_KDF, EVP_KDF_free> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
    ensure(kdf != nullptr, "OpenSSL has no HKDF");
    const Owned<EVP_KDF_CTX, EVP_KDF_CTX_free> context(EVP_KDF_CTX_new(kdf.get()));
    std::string digest = "SHA256";
    std::string input(secret);
    std::string info(purpose);
    const std::array<OSSL_PARAM, 4> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, input.data(), input.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
        OSSL_PARAM_construct_end()};
    std::string out(size, '\0');
    const int done = EVP_KDF_derive(context.get(), bytes_of(out), size, parameters.data());
    OPENSSL_cleanse(input.data(), input.size());
    ensure(done == 1, "HKDF fails");
    return out;
}

std::string period_text(WallTime begin) {
    return std::to_string(epoch_ms(begin));
}

}  // namespace

TicketKey TicketKey::fresh() {
    TicketKey key;
    random_bytes(key.bytes_.data(), key.bytes_.size());
    return key;
}

TicketKey::TicketKey(std::string_view bytes) {
    ensure(bytes.size() == kBytes, "a key of another size");
    std::ranges::copy(bytes, reinterpret_cast<char*>(bytes_.data()));
}

TicketKey::~TicketKey() {
    OPENSSL_cleanse(bytes_.data(), bytes_.size());
}

std::shared_ptr<const TicketKeys> TicketKeys::fresh() {
    auto keys = std::make_shared<TicketKeys>();
    keys->keys.push_back(TicketKey::fresh());
    return keys;
}

int TicketKeys::prepare(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                        evp_mac_ctx_st* mac, bool issue) const {
    std::size_t which = 0;
    if (issue) {
        std::copy_n(keys.front().name(), TicketKey::kNameBytes, name);
        if (RAND_bytes(iv, kIvBytes) != 1) {
            return -1;
        }
    } else {
        const auto found = std::ranges::find_if(keys, [name](const TicketKey& key) {
            return std::equal(name, name + TicketKey::kNameBytes, key.name());
        });
        if (found == keys.end()) {
            return 0;  // somebody else's, or an old one: a full handshake
        }
        which = static_cast<std::size_t>(found - keys.begin());
    }
    const TicketKey& key = keys[which];
    std::array<char, 7> digest{"SHA256"};
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac()),
                                          TicketKey::kSecretBytes),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(mac, parameters.data()) != 1 ||
        EVP_CipherInit_ex(cipher, aes_cbc(), nullptr, key.cipher(), iv, issue ? 1 : 0) != 1) {
        return -1;
    }
    return which == 0 ? 1 : 2;  // 2: good, and the client is given a newer one
}

WallTime TicketRing::begin_at(WallTime now) const {
    const auto since = std::chrono::floor<Millis>(now.time_since_epoch());
    return WallTime(since - since % rotation_);
}

TicketRing::Period& TicketRing::period(WallTime begin) {
    const auto [at, fresh] = periods_.try_emplace(begin);
    if (fresh) {
        at->second.end = begin + rotation_;
    }
    return at->second;
}

bool TicketRing::turn(WallTime now) {
    const WallTime begin = begin_at(now);
    bool changed = std::erase_if(periods_, [&](const auto& each) {
                       return each.second.end + life(rotation_) <= now;
                   }) > 0;
    const auto provide = [&](WallTime which) {
        if (Period& p = period(which); p.keys.empty()) {
            p.keys.push_back(TicketKey::fresh());
            changed = true;
        }
    };
    provide(begin);
    if (now >= begin + rotation_ - ahead()) {
        provide(begin + rotation_);
    }
    while (periods_.size() > kPeriodsMax) {
        periods_.erase(periods_.begin() == periods_.find(begin) ? std::prev(periods_.end())
                                                                : periods_.begin());
        changed = true;
    }
    return changed;
}

WallTime TicketRing::next_turn(WallTime now) const {
    const WallTime begin = begin_at(now);
    WallTime next = begin + rotation_;
    for (const WallTime candidate : {begin + rotation_ - ahead(), begin + life(rotation_)}) {
        if (candidate > now) {
            next = std::min(next, candidate);
        }
    }
    return next;
}

std::shared_ptr<const TicketKeys> TicketRing::keys(WallTime now) const {
    auto out = std::make_shared<TicketKeys>();
    const auto current = periods_.find(begin_at(now));
    ensure(current != periods_.end() && !current->second.keys.empty(), "turn() comes first");
    out->keys = current->second.keys;
    for (const auto& [begin, each] : periods_) {
        if (begin != current->first) {
            out->keys.insert(out->keys.end(), each.keys.begin(), each.keys.end());
        }
    }
    return out;
}

std::vector<WallTime> TicketRing::periods(WallTime now) const {
    std::vector<WallTime> all;
    const WallTime before = begin_at(now) - rotation_;
    if (!periods_.contains(before) && now < begin_at(now) + life(rotation_)) {
        all.push_back(before);
    }
    for (const auto& [begin, each] : periods_) {
        all.push_back(begin);
    }
    return all;
}

const TicketKey* TicketRing::key_of(WallTime begin) const {
    const auto found = periods_.find(begin);
    return found == periods_.end() || found->second.keys.empty() ? nullptr
                                                                 : &found->second.keys.front();
}

WallTime TicketRing::end_of(WallTime begin) const {
    const auto found = periods_.find(begin);
    return (found == periods_.end() ? begin + rotation_ : found->second.end) + life(rotation_);
}

bool TicketRing::adopt(WallTime begin, const TicketKey& key) {
    std::vector<TicketKey>& keys = period(begin).keys;
    if (!keys.empty() && keys.front() == key) {
        return false;
    }
    std::erase(keys, key);
    keys.insert(keys.begin(), key);
    if (keys.size() > kKeysMax) {
        keys.pop_back();
    }
    return true;
}

TicketSealer::TicketSealer(std::string_view secret)
    : key_(derive(secret, "api-gateway session tickets", 32)),
      id_(to_hex(derive(secret, "api-gateway session tickets, place", kIdBytes))) {}

std::string TicketSealer::place(WallTime begin) const {
    return std::string(kPlace) + id_ + ":" + period_text(begin);
}

std::string TicketSealer::seal(WallTime begin, const TicketKey& key) const {
    std::string out(kNonceBytes + TicketKey::kBytes + kTagBytes, '\0');
    unsigned char* const nonce = bytes_of(out);
    unsigned char* const sealed = nonce + kNonceBytes;
    random_bytes(nonce, kNonceBytes);
    const CipherContext context(EVP_CIPHER_CTX_new());
    const std::string bound = place(begin);
    int size = 0;
    ensure(EVP_EncryptInit_ex(context.get(), aes_gcm(), nullptr, bytes_of(key_), nonce) == 1 &&
               EVP_EncryptUpdate(context.get(), nullptr, &size, bytes_of(std::string_view(bound)),
                                 static_cast<int>(bound.size())) == 1 &&
               EVP_EncryptUpdate(context.get(), sealed, &size, bytes_of(key.bytes()),
                                 static_cast<int>(TicketKey::kBytes)) == 1 &&
               EVP_EncryptFinal_ex(context.get(), sealed + size, &size) == 1 &&
               EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                                   sealed + TicketKey::kBytes) == 1,
           "a key cannot be sealed");
    return base64url_encode(out);
}

std::optional<TicketKey> TicketSealer::open(WallTime begin, std::string_view text) const {
    std::optional<std::string> raw = base64url_decode(text);
    if (!raw || raw->size() != kNonceBytes + TicketKey::kBytes + kTagBytes) {
        return std::nullopt;
    }
    unsigned char* const nonce = bytes_of(*raw);
    unsigned char* const sealed = nonce + kNonceBytes;
    const CipherContext context(EVP_CIPHER_CTX_new());
    const std::string bound = place(begin);
    std::string plain(TicketKey::kBytes, '\0');
    int size = 0;
    const bool whole =
        EVP_DecryptInit_ex(context.get(), aes_gcm(), nullptr, bytes_of(key_), nonce) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &size, bytes_of(std::string_view(bound)),
                          static_cast<int>(bound.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), bytes_of(plain), &size, sealed,
                          static_cast<int>(TicketKey::kBytes)) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes,
                            sealed + TicketKey::kBytes) == 1 &&
        EVP_DecryptFinal_ex(context.get(), bytes_of(plain) + size, &size) == 1;
    std::optional<TicketKey> key;
    if (whole) {
        key.emplace(std::string_view(plain));
    }
    OPENSSL_cleanse(plain.data(), plain.size());
    return key;
}

}  // namespace gw::net
