// Single values from text, by the same rules whether they stand in a file or in the environment.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "config/field.hpp"
#include "config/mistake.hpp"

namespace gw::config {

// One value as it was found. The view lives as long as the document or the environment.
struct Text {
    std::string_view text;
    bool in_quotes = false;  // written in quotes: text, whatever it looks like
    bool secret = false;     // must not be shown
};

std::expected<bool, Flaw> parse_bool(const Text& text);
std::expected<std::int64_t, Flaw> parse_integer(const Text& text, const Range& range);
std::expected<std::string, Flaw> parse_string(const Text& text, const Check& check);
std::expected<Cidr, Flaw> parse_cidr(const Text& text);
// The position in `names`, in any case of letters.
std::expected<std::size_t, Flaw> parse_name(const Text& text,
                                            std::span<const std::string_view> names);

// `is "abc"`, or `is not usable` when the value is secret.
std::string shown(const Text& text);

// The candidate that was probably meant, or "" when none is near.
std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates);

template <Named T>
inline constexpr auto kNamesOf = [] {
    constexpr auto kPairs = names_of(T{});
    std::array<std::string_view, kPairs.size()> names;
    for (std::size_t i = 0; i < kPairs.size(); ++i) {
        names[i] = kPairs[i].first;
    }
    return names;
}();

template <Scalar T>
std::expected<T, Flaw> parse_scalar(const Text& text, const Field& field) {
    if constexpr (std::same_as<T, bool>) {
        return parse_bool(text);
    } else if constexpr (std::integral<T> || std::same_as<T, std::chrono::milliseconds>) {
        const auto number = parse_integer(text, range_of<T>(field));
        if (!number) {
            return std::unexpected(number.error());
        }
        return static_cast<T>(*number);
    } else if constexpr (std::same_as<T, std::string>) {
        return parse_string(text, field.check);
    } else if constexpr (std::same_as<T, Cidr>) {
        return parse_cidr(text);
    } else if constexpr (Named<T>) {
        const auto position = parse_name(text, kNamesOf<T>);
        if (!position) {
            return std::unexpected(position.error());
        }
        return names_of(T{})[*position].second;
    } else {
        return T::parse(text.text);
    }
}

}  // namespace gw::config
