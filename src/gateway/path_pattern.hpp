// The path of a route, as configuration writes it:
//
//     /api/v1/events             exactly this path
//     /api/v1/events/{id}        {id} stands for one segment, not empty
//     /api/v1/events/**          the path /api/v1/events and everything below it
//
// Patterns are compared with canonical paths (http/uri.hpp), so they are written in canonical form
// themselves.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/mistake.hpp"

namespace gw::gateway {

struct PathPattern {
    struct Segment {
        std::string text;  // the literal, or the parameter's name
        bool parameter = false;
        bool operator==(const Segment&) const = default;
    };

    static constexpr std::size_t kBytesMax = 1'024;
    static constexpr std::size_t kSegmentsMax = 32;
    static constexpr std::size_t kParametersMax = 8;
    static constexpr std::string_view kPattern = R"(^/[^?#%;\\ ]*$)";  // for editors: roughly

    std::vector<Segment> segments;  // none: the path "/"
    bool prefix = false;            // ends in /**

    static std::expected<PathPattern, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const { return write(true); }
    // The same text for patterns that match the same paths: parameters lose their names.
    [[nodiscard]] std::string shape() const { return write(false); }
    [[nodiscard]] bool has_parameter(std::string_view name) const;

    bool operator==(const PathPattern&) const = default;

  private:
    [[nodiscard]] std::string write(bool with_names) const;
};

}  // namespace gw::gateway
