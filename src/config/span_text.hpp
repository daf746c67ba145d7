// A length of time as people write it: 900, 900s, 15m, 1h, 7d.
#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "config/mistake.hpp"

namespace gw::config {

struct SpanText {
    std::chrono::seconds value{0};

    static constexpr std::string_view kPattern = "^[1-9][0-9]{0,8}[smhd]?$";
    static std::expected<SpanText, Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    bool operator==(const SpanText&) const = default;
};

}  // namespace gw::config
