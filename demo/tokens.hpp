// RS256 tokens (RFC 7519) and the key set that verifies them (RFC 7517).
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <string>

struct evp_pkey_st;

namespace demo {

class Signer {
  public:
    // A key from the file, made there if it is missing; without a file it lives as long as the
    // process.
    explicit Signer(const std::string& key_file);

    [[nodiscard]] std::string sign(const boost::json::object& claims) const;
    // The claims of a token that this signer made and that has not expired; an empty object for any
    // other.
    [[nodiscard]] boost::json::object verify(const std::string& token) const;
    [[nodiscard]] boost::json::object key_set() const;
    [[nodiscard]] std::string public_pem() const;

  private:
    std::shared_ptr<evp_pkey_st> key_;
};

// Hashed with PBKDF2; the salt stands before the hash.
std::string hash_password(const std::string& password, const std::string& salt = "");
bool password_fits(const std::string& password, const std::string& hash);

}  // namespace demo
