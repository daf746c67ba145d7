#include "control/config_changes.hpp"

#include <algorithm>
#include <array>
#include <functional>

#include "base/text.hpp"

namespace gw::control {
namespace {

constexpr std::size_t kLineMax = 200;
constexpr std::array<std::string_view, 5> kSecretNames{"secret", "password", "token", "_key",
                                                       "pass"};

std::string_view trimmed(std::string_view line) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos || line[begin] == '#') {
        return {};
    }
    return line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin);
}

// How often each line stands there.
std::map<std::string_view, int> count_lines(std::string_view text) {
    std::map<std::string_view, int> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (const std::string_view line = trimmed(text.substr(0, end)); !line.empty()) {
            ++lines[line];
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// The value of each `name: value` whose name is one of a secret, up to what ends it in YAML.
void mask_values(std::string& line) {
    for (std::size_t colon = line.find(": "); colon != std::string::npos;
         colon = line.find(": ", colon + 2)) {
        const std::size_t begin = line.find_last_of(" {,\"'", colon - 1) + 1;
        std::string name = line.substr(begin, colon - begin);
        std::ranges::transform(name, name.begin(), lower);
        const bool secret = std::ranges::any_of(
            kSecretNames, [&](std::string_view part) { return name.contains(part); });
        const std::size_t value = colon + 2;
        if (secret && value < line.size() && line[value] != '{' && line[value] != '[') {
            line.replace(value, std::min(line.find_first_of(",}", value), line.size()) - value,
                         "***");
        }
    }
}

void mask_user_info(std::string& line) {
    for (std::size_t at = line.find("://"); at != std::string::npos;
         at = line.find("://", at + 3)) {
        const std::size_t begin = at + 3;
        const std::size_t end = std::min(line.find_first_of("/ \"',}", begin), line.size());
        if (const std::size_t sign = line.rfind('@', end);
            sign != std::string::npos && sign >= begin) {
            line.replace(begin, sign - begin, "***");
        }
    }
}

std::string shown(char sign, std::string_view line) {
    std::string text{sign};
    text.append(" ").append(line);
    mask_values(text);
    mask_user_info(text);
    if (text.size() > kLineMax) {
        text.resize(kLineMax);
        text += "…";
    }
    return text;
}

// Lines of `text` of which there are more than in `other`.
void add_surplus(std::vector<std::string>& out, char sign, std::string_view text,
                 std::string_view other) {
    std::map<std::string_view, int> surplus = count_lines(text);
    for (const auto& [line, count] : count_lines(other)) {
        if (const auto found = surplus.find(line); found != surplus.end()) {
            found->second -= count;
        }
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        if (const auto found = surplus.find(line); found != surplus.end() && found->second > 0) {
            --found->second;
            out.push_back(shown(sign, line));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

}  // namespace

std::vector<std::string> config_changes(std::string_view before, std::string_view after,
                                        std::size_t most) {
    std::vector<std::string> out;
    add_surplus(out, '-', before, after);
    add_surplus(out, '+', after, before);
    if (out.size() > most) {
        const std::size_t more = out.size() - most + 1;
        out.resize(most - 1);
        out.push_back("and " + std::to_string(more) + " more");
    }
    return out;
}

std::vector<std::string> variable_changes(
    const std::map<std::string, std::string, std::less<>>& before,
    const std::map<std::string, std::string, std::less<>>& after) {
    std::vector<std::string> out;
    for (const auto& [name, value] : before) {
        if (const auto found = after.find(name); found == after.end()) {
            out.push_back("- " + name);
        } else if (found->second != value) {
            out.push_back("± " + name);
        }
    }
    for (const auto& [name, value] : after) {
        if (!before.contains(name)) {
            out.push_back("+ " + name);
        }
    }
    return out;
}

}  // namespace gw::control
