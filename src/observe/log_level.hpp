// How much is logged: lines of this level and above.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace gw::observe {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

constexpr std::array<std::pair<std::string_view, LogLevel>, 4> names_of(LogLevel) {
    return {{{"DEBUG", LogLevel::debug},
             {"INFO", LogLevel::info},
             {"WARN", LogLevel::warn},
             {"ERROR", LogLevel::error}}};
}

}  // namespace gw::observe
