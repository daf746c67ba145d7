// How a setting is declared. Beside each options struct stands one function that names every member
// once:
//
//     struct QueryLimit { std::uint64_t parameters_max = 64; };
//
//     template <class Visitor>
//     void fields(Visitor& field, QueryLimit& o) {
//         field("parameters_max", o.parameters_max, config::Range{1, 1000}, "most query parameters
//         accepted");
//     }
//
// The Reader (reader.hpp) fills the struct by it, the Outline (outline.hpp) makes the JSON Schema
// and the reference page of it, and InForce (in_force.hpp) tells what came of it. A member may be:
// bool; an integer; std::chrono::milliseconds (its key ends in _ms); std::string; Cidr; an enum
// with names_of(); a type that parses itself (TextValue); a vector of these; a struct with
// fields(), a vector of such, or a map from names to such.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <expected>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/ip_address.hpp"
#include "config/mistake.hpp"

namespace gw::config {

// What may stand between a member and its help text, in any order.
struct Range {  // of an integer, or of a duration in its unit; both ends included
    std::int64_t min = 0;
    std::int64_t max = 0;
};
struct Env {  // the variable that wins over the file; in a map <NAME> is the key, as in AUTH of
              // auth-service
    std::string_view name;
};
struct Secret {};     // never shown; NAME_FILE names a file that holds it
struct Required {};   // a mistake when neither file nor environment gives it
struct AtStart {};    // a reload changes it for the next start only; of a section: all of it
struct OwnOfEach {};  // gateways that should agree may differ in it: where each of them stands
struct Check {        // of a string, of each string of a list, or of the keys of a map
    std::optional<Flaw> (*of)(std::string_view) = nullptr;
    std::string_view pattern;  // the same for editors, as a regular expression
};

struct Field {
    std::string_view name;
    std::string_view help;
    std::optional<Range> range;
    std::string_view env;
    Check check;
    bool secret = false;
    bool required = false;
    bool at_start = false;
    bool own_of_each = false;

    template <class... Options>
    static Field of(std::string_view name, const Options&... options) {
        Field field;
        field.name = name;
        (field.take(options), ...);
        return field;
    }

  private:
    void take(std::string_view text) { help = text; }
    void take(const Range& r) { range = r; }
    void take(const Env& e) { env = e.name; }
    void take(const Check& c) { check = c; }
    void take(const Secret&) { secret = true; }
    void take(const Required&) { required = true; }
    void take(const AtStart&) { at_start = true; }
    void take(const OwnOfEach&) { own_of_each = true; }
};

// An enum of which `constexpr std::array<std::pair<std::string_view, E>, N> names_of(E)` stands
// beside it.
template <class T>
concept Named = std::is_enum_v<T> && requires(T value) { names_of(value); };

// A type that is written as one text: it parses itself, shows itself, and says how it looks.
template <class T>
concept TextValue = requires(const T& value, std::string_view text) {
    { T::parse(text) } -> std::same_as<std::expected<T, Flaw>>;
    { value.to_string() } -> std::convertible_to<std::string>;
    { T::kPattern } -> std::convertible_to<std::string_view>;  // for editors; "" if there is none
};

template <class T>
inline constexpr bool kIsVector = false;
template <class T>
inline constexpr bool kIsVector<std::vector<T>> = true;

template <class T>
inline constexpr bool kIsMap = false;
template <class T>
inline constexpr bool kIsMap<std::map<std::string, T>> = true;

template <class T>
concept Scalar = std::integral<T> || std::same_as<T, std::chrono::milliseconds> ||
                 std::same_as<T, std::string> || std::same_as<T, Cidr> || Named<T> || TextValue<T>;

// The range of an integer field that declares none.
template <class T>
Range range_of(const Field& field) {
    if (field.range) {
        return *field.range;
    }
    if constexpr (std::same_as<T, std::chrono::milliseconds>) {
        return {0, std::numeric_limits<std::int64_t>::max()};
    } else if constexpr (sizeof(T) >= 8) {
        return {std::is_signed_v<T> ? std::numeric_limits<std::int64_t>::min() : 0,
                std::numeric_limits<std::int64_t>::max()};
    } else {
        return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
    }
}

}  // namespace gw::config
