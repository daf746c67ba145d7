#include "upstream/hash_key.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace gw::upstream {
namespace {

constexpr std::size_t kNameMax = 64;
constexpr std::array<std::pair<std::string_view, HashKey::Of>, 3> kNamed{
    {{"header:", HashKey::Of::header},
     {"cookie:", HashKey::Of::cookie},
     {"parameter:", HashKey::Of::parameter}}};

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    });
}

}  // namespace

std::expected<HashKey, config::Flaw> HashKey::parse(std::string_view text) {
    if (text == "address") {
        return HashKey{};
    }
    if (text == "user") {
        return HashKey{.of = Of::user, .name = {}};
    }
    for (const auto& [prefix, of] : kNamed) {
        if (text.starts_with(prefix) && is_name(text.substr(prefix.size()))) {
            return HashKey{.of = of, .name = std::string(text.substr(prefix.size()))};
        }
    }
    return std::unexpected(
        config::Flaw{"is " + config::quote(text) + ", which is no key",
                     "write address, user, header:NAME, cookie:NAME or parameter:NAME"});
}

std::string HashKey::to_string() const {
    for (const auto& [prefix, known] : kNamed) {
        if (known == of) {
            return std::string(prefix) + name;
        }
    }
    return of == Of::user ? "user" : "address";
}

}  // namespace gw::upstream
