#include "app/config_hash.hpp"

#include <cstdint>

#include "security/request_signature.hpp"

namespace gw::app {
namespace {

// 16 bits.
std::string mark_of(const std::string& secrets) {
    return security::digest_of({secrets}).substr(0, 4);
}

}  // namespace

std::string hash_of(std::string_view text) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : text) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    std::string digits(16, '0');
    for (std::size_t i = 16; i-- > 0; hash >>= 4) {
        digits[i] = "0123456789abcdef"[hash & 15];
    }
    return digits;
}

std::string config_hash(const Settings& settings) {
    return hash_of(settings.text + settings.beside + settings.in_force.compared +
                   mark_of(settings.in_force.secrets));
}

}  // namespace gw::app
