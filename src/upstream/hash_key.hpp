// What of a request decides which endpoint it belongs to: "header:X-Session", "cookie:session",
// "parameter:id", "user" or "address".
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/mistake.hpp"

namespace gw::upstream {

struct HashKey {
    enum class Of : std::uint8_t { address, user, header, cookie, parameter };
    Of of = Of::address;
    std::string name;  // of the header, cookie or parameter of the path

    static constexpr std::string_view kPattern =
        "^(address|user|(header|cookie|parameter):[A-Za-z0-9_-]{1,64})$";
    static std::expected<HashKey, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    bool operator==(const HashKey&) const = default;
};

}  // namespace gw::upstream
