#include "control/console_assets.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::control {
namespace {

std::string_view trimmed(std::string_view text) {
    const std::size_t from = text.find_first_not_of(" \t");
    return from == std::string_view::npos
               ? std::string_view{}
               : text.substr(from, text.find_last_not_of(" \t") - from + 1);
}

// ";q=0" and its like: not wanted.
bool is_refused(std::string_view parameters) {
    const std::size_t q = parameters.find("q=");
    return q != std::string_view::npos &&
           trimmed(parameters.substr(q + 2)).find_first_not_of("0.") == std::string_view::npos;
}

}  // namespace

const ConsoleAsset* find_console_asset(std::string_view path) {
    const std::span<const ConsoleAsset> all = console_assets();
    const auto found = std::ranges::find(all, path, &ConsoleAsset::path);
    return found == all.end() ? nullptr : &*found;
}

bool takes_gzip(std::string_view accept_encoding) {
    while (!accept_encoding.empty()) {
        const std::size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
        const std::string_view one = accept_encoding.substr(0, comma);
        const std::size_t semicolon = std::min(one.find(';'), one.size());
        if (equal_ignore_case(trimmed(one.substr(0, semicolon)), "gzip")) {
            return !is_refused(one.substr(semicolon));
        }
        accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    }
    return false;
}

}  // namespace gw::control
