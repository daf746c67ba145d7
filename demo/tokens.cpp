#include "tokens.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <vector>

#include "server.hpp"

namespace demo {
namespace {

constexpr auto kKeyId = "current";

std::string base64url(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    for (char& c : text) {
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    }
    return text.substr(0, text.find('='));
}

std::string from_base64url(std::string text) {
    for (char& c : text) {
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    const std::size_t padding = (4 - text.size() % 4) % 4;
    text.append(padding, '=');
    std::string bytes(text.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size) - padding);
    return bytes;
}

std::string number_of(const EVP_PKEY* key, const char* name) {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key, name, &number);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> owned(number, &BN_free);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    return base64url(bytes);
}

using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

}  // namespace

Signer::Signer(const std::string& key_file) {
    if (const File file(key_file.empty() ? nullptr : std::fopen(key_file.c_str(), "r"),
                        &std::fclose);
        file) {
        key_.reset(PEM_read_PrivateKey(file.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
        if (!key_) {
            throw std::runtime_error(key_file + " holds no private key");
        }
        return;
    }
    key_.reset(EVP_RSA_gen(2048), &EVP_PKEY_free);
    if (!key_) {
        throw std::runtime_error("no signing key could be made");
    }
    ::umask(S_IRWXG | S_IRWXO);  // nobody else reads the key
    if (const File file(key_file.empty() ? nullptr : std::fopen(key_file.c_str(), "w"),
                        &std::fclose);
        file) {
        PEM_write_PrivateKey(file.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    }
}

std::string Signer::sign(const boost::json::object& claims) const {
    const boost::json::object head{{"alg", "RS256"}, {"typ", "JWT"}, {"kid", kKeyId}};
    const std::string input =
        base64url(boost::json::serialize(head)) + "." + base64url(boost::json::serialize(claims));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
    std::size_t size = signature.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                   reinterpret_cast<const unsigned char*>(input.data()), input.size());
    signature.resize(size);
    return input + "." + base64url(signature);
}

boost::json::object Signer::verify(const std::string& token) const {
    const std::size_t second = token.rfind('.');
    const std::size_t first = token.find('.');
    if (second == std::string::npos || first == second) {
        return {};
    }
    const std::string input = token.substr(0, second);
    const std::string signature = from_base64url(token.substr(second + 1));
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          &EVP_MD_CTX_free);
    EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    if (EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                         signature.size(), reinterpret_cast<const unsigned char*>(input.data()),
                         input.size()) != 1) {
        return {};
    }
    boost::system::error_code error;
    boost::json::value claims = boost::json::parse(from_base64url(input.substr(first + 1)), error);
    if (error || !claims.is_object()) {
        return {};
    }
    const boost::json::value* expires = claims.get_object().if_contains("exp");
    const bool alive =
        expires != nullptr && expires->is_int64() && expires->get_int64() > std::time(nullptr);
    return alive ? claims.get_object() : boost::json::object{};
}

boost::json::object Signer::key_set() const {
    const boost::json::object key{{"kty", "RSA"},
                                  {"use", "sig"},
                                  {"alg", "RS256"},
                                  {"kid", kKeyId},
                                  {"n", number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N)},
                                  {"e", number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E)}};
    return {{"keys", boost::json::array{key}}};
}

std::string Signer::public_pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key_.get());
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

std::string hash_password(const std::string& password, const std::string& given_salt) {
    std::string salt = given_salt;
    if (salt.empty()) {
        salt.resize(16);
        RAND_bytes(reinterpret_cast<unsigned char*>(salt.data()), static_cast<int>(salt.size()));
    }
    constexpr int kRounds = 20'000;  // enough for a demo
    std::string hash(32, '\0');
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()),
                      static_cast<int>(salt.size()), kRounds, EVP_sha256(),
                      static_cast<int>(hash.size()), reinterpret_cast<unsigned char*>(hash.data()));
    return salt + hash;
}

bool password_fits(const std::string& password, const std::string& hash) {
    return hash.size() == 48 && hash_password(password, hash.substr(0, 16)) == hash;
}

}  // namespace demo
