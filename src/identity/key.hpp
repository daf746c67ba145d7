// A key that verifies tokens, pinned to the algorithms that its kind allows: a public key can never
// serve as an HMAC secret, nor a curve for another's signatures (RFC 8725, 3.1).
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "identity/algorithm.hpp"

struct evp_pkey_st;

namespace gw::identity {

class JsonMembers;

// Immutable; any thread.
class Key {
  public:
    // Errors here are texts for a log or for whoever configures; they never show the key.
    using Made = std::expected<Key, std::string>;

    // For HS256, HS384 and HS512.
    static Made of_secret(std::string_view secret);
    // A public key: RSA of 2048 bits or more, EC on P-256, P-384 or P-521, Ed25519. The text may
    // have "\n" written out, as environments like to hold it.
    static Made of_pem(std::string_view pem);
    // A public key of a key set (RFC 7517); symmetric ones are refused, since a set is public.
    static Made of_jwk(const JsonMembers& jwk);

    [[nodiscard]] const std::string& kid() const { return kid_; }
    [[nodiscard]] bool allows(Algorithm algorithm) const {
        return (algorithms_ & bit(algorithm)) != 0;
    }
    // signature: the bytes of the third part. False as well for an algorithm that is not allowed.
    [[nodiscard]] bool verifies(Algorithm algorithm, std::string_view signed_text,
                                std::string_view signature) const;

  private:
    static constexpr std::uint16_t bit(Algorithm algorithm) {
        return static_cast<std::uint16_t>(1U << static_cast<unsigned>(algorithm));
    }
    static Made of_public(std::shared_ptr<evp_pkey_st> key);
    [[nodiscard]] bool verify_hmac(Algorithm algorithm, std::string_view signed_text,
                                   std::string_view signature) const;

    std::string kid_;
    std::uint16_t algorithms_ = 0;
    std::string secret_;
    std::shared_ptr<evp_pkey_st> public_;  // shared by copies of this key
};

}  // namespace gw::identity
