#include "gateway/path_pattern.hpp"

#include <algorithm>
#include <optional>

namespace gw::gateway {
namespace {

using config::Flaw;

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// RFC 3986 pchar without escapes and without ';', which the normaliser refuses.
bool is_path_character(char c) {
    return is_letter(c) || is_digit(c) || std::string_view("-._~!$&'()*+,=:@").contains(c);
}

std::optional<Flaw> read_parameter(std::string_view name) {
    const bool good =
        !name.empty() && name.size() <= 64 && is_letter(name.front()) &&
        std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
    if (good) {
        return std::nullopt;
    }
    return Flaw{"has a parameter {" + std::string(name.substr(0, 64)) + "} without a proper name",
                "name it with letters, digits and _, a letter first"};
}

std::optional<Flaw> read_literal(std::string_view text) {
    if (text.empty()) {
        return Flaw{"has an empty segment", "remove the superfluous '/'"};
    }
    if (text == "." || text == "..") {
        return Flaw{"has a dot segment", "write the path it leads to"};
    }
    if (text == "**") {
        return Flaw{"has /** before its end", "write /** only as the last segment"};
    }
    const auto bad = std::ranges::find_if_not(text, is_path_character);
    if (bad != text.end()) {
        return Flaw{"has a segment " + config::quote(text) + " that no canonical path has",
                    "use letters, digits and -._~!$&'()*+,=:@, or {name} for a whole segment"};
    }
    return std::nullopt;
}

}  // namespace

std::expected<PathPattern, config::Flaw> PathPattern::parse(std::string_view text) {
    const auto refuse = [](std::string what, std::string remedy) {
        return std::unexpected(Flaw{std::move(what), std::move(remedy)});
    };
    if (!text.starts_with('/')) {
        return refuse("is " + config::quote(text), "begin it with '/'");
    }
    if (text.size() > kBytesMax) {
        return refuse("is longer than 1024 bytes", "shorten it");
    }
    PathPattern pattern;
    std::size_t parameters = 0;
    constexpr std::string_view kPrefix = "/**";
    if (text.ends_with(kPrefix)) {
        pattern.prefix = true;
        text.remove_suffix(kPrefix.size());
    } else if (text.size() > 1 && text.ends_with('/')) {
        return refuse("ends in '/'", "remove the last '/', or write /** for everything below");
    }
    while (text.size() > 1) {
        text.remove_prefix(1);
        const std::size_t end = std::min(text.find('/'), text.size());
        std::string_view segment = text.substr(0, end);
        text.remove_prefix(end);
        const bool parameter = segment.starts_with('{') && segment.ends_with('}');
        if (parameter) {
            segment = segment.substr(1, segment.size() - 2);
        }
        if (auto flaw = parameter ? read_parameter(segment) : read_literal(segment)) {
            return std::unexpected(*std::move(flaw));
        }
        if (parameter && pattern.has_parameter(segment)) {
            return refuse("has two parameters {" + std::string(segment) + "}",
                          "give each its own name");
        }
        if (pattern.segments.size() == kSegmentsMax) {
            return refuse("has more than 32 segments", "shorten it, or end it with /**");
        }
        if (parameter && ++parameters > kParametersMax) {
            return refuse("has more than 8 parameters", "use fewer");
        }
        pattern.segments.push_back({std::string(segment), parameter});
    }
    if (text == "/" && (pattern.prefix || !pattern.segments.empty())) {
        return refuse("has an empty segment", "remove the superfluous '/'");
    }
    return pattern;
}

bool PathPattern::has_parameter(std::string_view name) const {
    return std::ranges::any_of(segments,
                               [name](const Segment& s) { return s.parameter && s.text == name; });
}

std::string PathPattern::write(bool with_names) const {
    std::string out;
    for (const Segment& segment : segments) {
        out += '/';
        if (segment.parameter) {
            out += '{' + (with_names ? segment.text : std::string()) + '}';
        } else {
            out += segment.text;
        }
    }
    if (prefix) {
        return out + "/**";
    }
    return out.empty() ? "/" : out;
}

}  // namespace gw::gateway
