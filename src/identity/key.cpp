#include "identity/key.hpp"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "identity/strict_json.hpp"

namespace gw::identity {
namespace {

constexpr int kRsaBitsMin = 2048;
constexpr std::size_t kKidMax = 256;  // as long as a token may name
constexpr int kRsaBitsMax = 8192;     // larger ones only cost time, and the issuer is not ours

template <class T, auto kFree>
struct FreeBy {
    void operator()(T* object) const { kFree(object); }
};
template <class T, auto kFree>
using Owned = std::unique_ptr<T, FreeBy<T, kFree>>;

constexpr std::array<std::pair<std::string_view, Algorithm>, 13> kNames{{
    {"HS256", Algorithm::hs256},
    {"HS384", Algorithm::hs384},
    {"HS512", Algorithm::hs512},
    {"RS256", Algorithm::rs256},
    {"RS384", Algorithm::rs384},
    {"RS512", Algorithm::rs512},
    {"PS256", Algorithm::ps256},
    {"PS384", Algorithm::ps384},
    {"PS512", Algorithm::ps512},
    {"ES256", Algorithm::es256},
    {"ES384", Algorithm::es384},
    {"ES512", Algorithm::es512},
    {"EdDSA", Algorithm::eddsa},
}};

bool is_hmac(Algorithm a) {
    return a <= Algorithm::hs512;
}
bool is_pss(Algorithm a) {
    return a >= Algorithm::ps256 && a <= Algorithm::ps512;
}
bool is_rsa(Algorithm a) {
    return a >= Algorithm::rs256 && a <= Algorithm::ps512;
}
bool is_ecdsa(Algorithm a) {
    return a >= Algorithm::es256 && a <= Algorithm::es512;
}

// OpenSSL 3 looks algorithms up by name, slowly: once for the process.
const EVP_MD* digest_of(Algorithm algorithm) {
    static EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    static EVP_MD* const kSha384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
    static EVP_MD* const kSha512 = EVP_MD_fetch(nullptr, "SHA512", nullptr);
    switch (algorithm) {
        case Algorithm::hs256:
        case Algorithm::rs256:
        case Algorithm::ps256:
        case Algorithm::es256:
            return kSha256;
        case Algorithm::hs384:
        case Algorithm::rs384:
        case Algorithm::ps384:
        case Algorithm::es384:
            return kSha384;
        case Algorithm::hs512:
        case Algorithm::rs512:
        case Algorithm::ps512:
        case Algorithm::es512:
            return kSha512;
        case Algorithm::eddsa:
            break;
    }
    return nullptr;
}

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

// JWS has r and s as two numbers of fixed size (RFC 7518, 3.4); OpenSSL wants DER. Zero, and what
// is not below the order, OpenSSL refuses itself.
std::string der_of(std::string_view signature) {
    const std::size_t half = signature.size() / 2;
    Owned<BIGNUM, &BN_free> r(BN_bin2bn(bytes_of(signature), static_cast<int>(half), nullptr));
    Owned<BIGNUM, &BN_free> s(
        BN_bin2bn(bytes_of(signature.substr(half)), static_cast<int>(half), nullptr));
    const Owned<ECDSA_SIG, &ECDSA_SIG_free> pair(ECDSA_SIG_new());
    if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
        return {};
    }
    // Taken over by the pair.
    [[maybe_unused]] BIGNUM* const taken_r = r.release();
    [[maybe_unused]] BIGNUM* const taken_s = s.release();
    unsigned char* der = nullptr;
    const int size = i2d_ECDSA_SIG(pair.get(), &der);
    std::string text(size > 0 ? reinterpret_cast<char*>(der) : "",
                     size > 0 ? static_cast<std::size_t>(size) : 0);
    OPENSSL_free(der);
    return text;
}

std::size_t ecdsa_size(Algorithm algorithm) {
    return algorithm == Algorithm::es256 ? 64 : algorithm == Algorithm::es384 ? 96 : 132;
}

// From a JWK's numbers to a key, by OpenSSL's own checks.
std::shared_ptr<EVP_PKEY> key_from(const char* type, OSSL_PARAM_BLD* numbers) {
    const Owned<OSSL_PARAM, &OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(numbers));
    const Owned<EVP_PKEY_CTX, &EVP_PKEY_CTX_free> context(
        EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
        ERR_clear_error();
        return nullptr;
    }
    return {key, &EVP_PKEY_free};
}

// RFC 7517, 4.3: a key that says what it is for must be for this.
bool may_verify(const JsonMembers& jwk) {
    if (!jwk.has("key_ops")) {
        return true;
    }
    const auto* const uses = std::get_if<std::vector<std::string>>(jwk.find("key_ops"));
    return uses != nullptr && std::ranges::find(*uses, "verify") != uses->end();
}

std::optional<std::string> number_of(const JsonMembers& jwk, std::string_view name) {
    const std::string* const text = jwk.text(name);
    return text != nullptr && !text->empty() && text->size() <= 2048 ? base64url_decode(*text)
                                                                     : std::nullopt;
}

std::shared_ptr<EVP_PKEY> rsa_of(const JsonMembers& jwk) {
    const auto n = number_of(jwk, "n");
    const auto e = number_of(jwk, "e");
    if (!n || !e || e->size() > 8) {
        return nullptr;
    }
    const Owned<BIGNUM, &BN_free> modulus(
        BN_bin2bn(bytes_of(*n), static_cast<int>(n->size()), nullptr));
    const Owned<BIGNUM, &BN_free> exponent(
        BN_bin2bn(bytes_of(*e), static_cast<int>(e->size()), nullptr));
    const Owned<OSSL_PARAM_BLD, &OSSL_PARAM_BLD_free> numbers(OSSL_PARAM_BLD_new());
    // An even or tiny exponent verifies nothing.
    if (!modulus || !exponent || BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) == 1 ||
        OSSL_PARAM_BLD_push_BN(numbers.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(numbers.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
        return nullptr;
    }
    return key_from("RSA", numbers.get());
}

std::shared_ptr<EVP_PKEY> ec_of(const JsonMembers& jwk) {
    struct Curve {
        std::string_view name;
        const char* group;
        std::size_t bytes;
    };
    constexpr std::array<Curve, 3> kCurves{
        {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}}};
    const std::string* const name = jwk.text("crv");
    const auto x = number_of(jwk, "x");
    const auto y = number_of(jwk, "y");
    for (const Curve& curve : kCurves) {
        if (name == nullptr || *name != curve.name || !x || !y || x->size() != curve.bytes ||
            y->size() != curve.bytes) {
            continue;
        }
        const std::string point = '\x04' + *x + *y;
        const Owned<OSSL_PARAM_BLD, &OSSL_PARAM_BLD_free> numbers(OSSL_PARAM_BLD_new());
        if (OSSL_PARAM_BLD_push_utf8_string(numbers.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.group,
                                            0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(numbers.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                             point.size()) == 1) {
            return key_from("EC", numbers.get());
        }
    }
    return nullptr;
}

std::shared_ptr<EVP_PKEY> okp_of(const JsonMembers& jwk) {
    const std::string* const name = jwk.text("crv");
    const auto x = number_of(jwk, "x");
    if (name == nullptr || *name != "Ed25519" || !x || x->size() != 32) {
        return nullptr;
    }
    return {EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()),
            &EVP_PKEY_free};
}

// Environments and YAML like to hold a PEM on one line.
std::string with_line_feeds(std::string_view pem) {
    std::string text;
    for (std::size_t i = 0; i < pem.size(); ++i) {
        if (pem[i] == '\\' && i + 1 < pem.size() && pem[i + 1] == 'n') {
            text += '\n';
            ++i;
        } else {
            text += pem[i];
        }
    }
    return text;
}

}  // namespace

std::optional<Algorithm> algorithm_named(std::string_view name) {
    for (const auto& [known, algorithm] : kNames) {
        if (known == name) {
            return algorithm;
        }
    }
    return std::nullopt;
}

Key::Made Key::of_secret(std::string_view secret) {
    if (secret.empty()) {
        return std::unexpected("the secret is empty");
    }
    // A public key set in the wrong place would let everybody sign (RFC 8725, 2.1).
    if (secret.find("-----BEGIN ") != std::string_view::npos) {
        return std::unexpected("the secret is a key in PEM");
    }
    Key key;
    key.secret_ = secret;
    key.algorithms_ = bit(Algorithm::hs256) | bit(Algorithm::hs384) | bit(Algorithm::hs512);
    return key;
}

Key::Made Key::of_pem(std::string_view pem) {
    const std::string text = with_line_feeds(pem);
    const Owned<BIO, &BIO_free_all> memory(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr),
                                  &EVP_PKEY_free);
    if (!key) {
        ERR_clear_error();
        return std::unexpected("it is no public key in PEM (-----BEGIN PUBLIC KEY-----)");
    }
    // Tokens of the second would be refused, and nobody would know why.
    const std::shared_ptr<EVP_PKEY> second(
        PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    ERR_clear_error();
    if (second) {
        return std::unexpected("it holds more than one public key; a setting takes one");
    }
    return of_public(std::move(key));
}

Key::Made Key::of_jwk(const JsonMembers& jwk) {
    const std::string* const type = jwk.text("kty");
    const std::string* const use = jwk.text("use");
    if (type == nullptr) {
        return std::unexpected("it has no kty");
    }
    if ((jwk.has("use") && (use == nullptr || *use != "sig")) || !may_verify(jwk)) {
        return std::unexpected("it is not for signatures");
    }
    // Whoever can read the set could sign with it.
    if (jwk.has("d")) {
        return std::unexpected("its private half is published");
    }
    // A name or a pin that cannot be read must not turn into none: that would widen the key's use.
    const std::string* const kid = jwk.text("kid");
    const std::string* const algorithm = jwk.text("alg");
    if ((jwk.has("kid") && (kid == nullptr || kid->size() > kKidMax)) ||
        (jwk.has("alg") && algorithm == nullptr)) {
        return std::unexpected("its kid or alg is no text");
    }
    std::shared_ptr<EVP_PKEY> made = *type == "RSA"   ? rsa_of(jwk)
                                     : *type == "EC"  ? ec_of(jwk)
                                     : *type == "OKP" ? okp_of(jwk)
                                                      : nullptr;
    if (!made) {
        ERR_clear_error();
        return std::unexpected("it is no RSA, EC or Ed25519 public key");
    }
    Made key = of_public(std::move(made));
    if (!key) {
        return key;
    }
    if (kid != nullptr) {
        key->kid_ = *kid;
    }
    if (algorithm != nullptr) {
        const std::optional<Algorithm> only = algorithm_named(*algorithm);
        if (!only || !key->allows(*only)) {
            return std::unexpected("its alg is not one of its kty");
        }
        key->algorithms_ = bit(*only);
    }
    return key;
}

Key::Made Key::of_public(std::shared_ptr<EVP_PKEY> made) {
    Key key;
    const int bits = EVP_PKEY_get_bits(made.get());
    switch (EVP_PKEY_get_base_id(made.get())) {
        case EVP_PKEY_RSA:
            if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
                return std::unexpected("an RSA key must have 2048 to 8192 bits");
            }
            key.algorithms_ = bit(Algorithm::rs256) | bit(Algorithm::rs384) |
                              bit(Algorithm::rs512) | bit(Algorithm::ps256) |
                              bit(Algorithm::ps384) | bit(Algorithm::ps512);
            break;
        case EVP_PKEY_EC: {
            std::array<char, 32> group{};
            std::size_t size = 0;
            EVP_PKEY_get_utf8_string_param(made.get(), OSSL_PKEY_PARAM_GROUP_NAME, group.data(),
                                           group.size(), &size);
            const std::string_view name{group.data(), size};
            key.algorithms_ = name == "prime256v1"  ? bit(Algorithm::es256)
                              : name == "secp384r1" ? bit(Algorithm::es384)
                              : name == "secp521r1" ? bit(Algorithm::es512)
                                                    : std::uint16_t{0};
            break;
        }
        case EVP_PKEY_ED25519:
            key.algorithms_ = bit(Algorithm::eddsa);
            break;
        default:
            break;
    }
    if (key.algorithms_ == 0) {
        return std::unexpected("its kind is not used for tokens");
    }
    key.public_ = std::move(made);
    return key;
}

bool Key::verify_hmac(Algorithm algorithm, std::string_view signed_text,
                      std::string_view signature) const {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    const unsigned char* const made =
        HMAC(digest_of(algorithm), secret_.data(), static_cast<int>(secret_.size()),
             bytes_of(signed_text), signed_text.size(), mac.data(), &size);
    return made != nullptr && size == signature.size() &&
           CRYPTO_memcmp(mac.data(), signature.data(), size) == 0;
}

bool Key::verifies(Algorithm algorithm, std::string_view signed_text,
                   std::string_view signature) const {
    if (!allows(algorithm)) {
        return false;
    }
    if (is_hmac(algorithm)) {
        return verify_hmac(algorithm, signed_text, signature);
    }
    // RFC 8017, 8.1.2: OpenSSL itself takes a PSS signature without its leading zeros.
    if (is_rsa(algorithm) &&
        signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(public_.get()))) {
        return false;
    }
    std::string der;
    if (is_ecdsa(algorithm)) {
        if (signature.size() != ecdsa_size(algorithm)) {
            return false;
        }
        der = der_of(signature);
        signature = der;
    }
    const Owned<EVP_MD_CTX, &EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* options = nullptr;  // the context's own
    const bool ready = context &&
                       EVP_DigestVerifyInit(context.get(), &options, digest_of(algorithm), nullptr,
                                            public_.get()) == 1 &&
                       (!is_pss(algorithm) ||
                        (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                         EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1));
    const bool good =
        ready && EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(),
                                  bytes_of(signed_text), signed_text.size()) == 1;
    ERR_clear_error();
    return good;
}

}  // namespace gw::identity
