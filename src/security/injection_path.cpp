// Leaving a directory, and files that only an attacker asks a web service for.
#include <algorithm>
#include <array>

#include "security/injection_rules.hpp"

namespace gw::security {
namespace {

constexpr bool is_slash(char c) {
    return c == '/' || c == '\\';
}

// What may stand before the first ".." of a path. A round or square bracket may not: links of
// Markdown.
constexpr bool begins_path(char c) {
    return is_slash(c) || c == '=' || c == ':' || c == ';' || c == '"' || c == '\'' || c == '\0' ||
           c == '@' || c == ',' || is_space(c);
}

// Names of which a part before '/' may be missing.
constexpr std::array<std::string_view, 21> kFiles = {"/etc/passwd",
                                                     "/etc/shadow",
                                                     "/etc/group",
                                                     "/etc/hosts",
                                                     "/etc/sudoers",
                                                     "/proc/self/",
                                                     "/proc/version",
                                                     "\\windows\\system32",
                                                     "\\windows\\win.ini",
                                                     "/windows/win.ini",
                                                     "/windows/system32",
                                                     "\\boot.ini",
                                                     "/boot.ini",
                                                     "/.ssh/",
                                                     "/web-inf/",
                                                     "/.git/config",
                                                     "/.aws/credentials",
                                                     "/.htpasswd",
                                                     "/.env",
                                                     "/var/log/apache",
                                                     "/proc/1/environ"};

constexpr std::array<std::string_view, 9> kSchemes = {
    "file:///",  "php://",           "phar://",  "expect://", "zip://",
    "jar:file:", "file://localhost", "netdoc:/", "glob://"};

const char* leaves_directory(std::string_view text, std::size_t at) {
    const std::size_t after = at + 2;
    const bool begins = at == 0 || begins_path(text[at - 1]);
    if (after < text.size() && text[after] == '.') {
        // "....//" becomes "../" where a service removes "../" once.
        const bool doubled = begins && text.substr(at).starts_with("....") &&
                             at + 5 < text.size() && is_slash(text[at + 4]) &&
                             (is_slash(text[at + 5]) || text[at + 5] == '.');
        return doubled ? "doubled_dots" : nullptr;
    }
    if (!begins) {
        return nullptr;
    }
    if (after < text.size() && is_slash(text[after])) {
        return "dot_dot";
    }
    const bool after_slash = at > 0 && is_slash(text[at - 1]);
    const bool ends = after == text.size() || text[after] == ';' || text[after] == '\0';
    return ends && (after_slash || text.size() == 2) ? "dot_dot" : nullptr;
}

}  // namespace

const char* find_path(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        return "nul";
    }
    for (std::size_t at = text.find(".."); at != std::string_view::npos; at = text.find("..", at)) {
        if (const char* const rule = leaves_directory(text, at)) {
            return rule;
        }
        while (at < text.size() && text[at] == '.') {
            ++at;  // the rest of an ellipsis
        }
    }
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (is_slash(text[at]) && (at == 0 || !is_space(text[at - 1]))) {
            const std::string_view rest = text.substr(at);
            if (std::ranges::any_of(kFiles, [&](auto name) { return rest.starts_with(name); })) {
                return "system_file";
            }
        }
    }
    const std::string_view begin = text.substr(skip_spaces(text, 0));
    if (std::ranges::any_of(kSchemes, [&](auto name) { return begin.starts_with(name); })) {
        return "file_scheme";
    }
    return nullptr;
}

}  // namespace gw::security
