// Commands for a shell, behind what separates or substitutes commands.
#include <algorithm>
#include <array>
#include <span>

#include "security/injection_rules.hpp"

namespace gw::security {
namespace {

using Names = std::span<const std::string_view>;

// Hardly a word of prose; any use behind a separator counts.
constexpr std::array<std::string_view, 36> kPlain = {
    "whoami",     "wget",    "curl",     "ifconfig", "ipconfig", "netstat",
    "uname",      "chmod",   "chown",    "nslookup", "bash",     "zsh",
    "powershell", "cmd.exe", "printenv", "tasklist", "certutil", "bitsadmin",
    "systeminfo", "tftp",    "netcat",   "ncat",     "mkfifo",   "crontab",
    "useradd",    "passwd",  "busybox",  "pwsh",     "lsof",     "phpinfo",
    "traceroute", "tracert", "base64",   "nohup",    "python3",  "xxd"};
// Words that mean something to people: only with an argument as a shell takes it.
constexpr std::array<std::string_view, 40> kWithArgument = {
    "cat",  "ls",   "rm",    "nc",     "ping", "sleep", "echo", "python", "perl", "php",
    "ruby", "find", "grep",  "head",   "tail", "sh",    "ps",   "dir",    "type", "net",
    "cp",   "mv",   "touch", "kill",   "env",  "id",    "more", "less",   "awk",  "sed",
    "tac",  "nl",   "cmd",   "telnet", "ssh",  "scp",   "dig",  "host",   "set",  "node"};
// Also alone.
constexpr std::array<std::string_view, 12> kAlone = {
    "id", "ls", "pwd", "env", "ps", "dir", "sh", "w", "ver", "hostname", "uptime", "reboot"};

bool one_of(std::string_view word, Names names) {
    return std::ranges::find(names, word) != names.end();
}

// The name of a command as a shell would read it: c''at, c\at and /bin/cat are cat.
struct Command {
    std::array<char, 16> text{};
    std::size_t size = 0;
    std::size_t end = 0;
    bool path = false;  // "/bin/", "/usr/bin/" stood before it
    [[nodiscard]] std::string_view name() const { return {text.data(), size}; }
};

Command command_at(std::string_view text, std::size_t at) {
    Command command;
    for (const std::string_view folder : {"/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"}) {
        if (text.substr(at).starts_with(folder)) {
            at += folder.size();
            command.path = true;
            break;
        }
    }
    while (at < text.size()) {
        const char c = text[at];
        if (is_word(c) || c == '.') {
            if (command.size == command.text.size()) {
                break;
            }
            command.text[command.size++] = c;
        } else if (c != '\\' && c != '\'' && c != '"') {
            break;
        }
        ++at;
    }
    command.end = at;
    return command;
}

constexpr bool separates(char c) {
    return c == ';' || c == '|' || c == '&' || c == '\n' || c == '`' || c == ')' || c == '#';
}

// Does what follows the command's name look like an argument that people would not write?
bool has_argument(std::string_view text, const Command& command) {
    const std::size_t end = command.end;
    if (end == text.size()) {
        return false;
    }
    if (text[end] == '<' || text[end] == '>' || text[end] == '$' || text[end] == '{') {
        return true;
    }
    if (!is_space(text[end])) {
        return false;
    }
    const std::size_t at = skip_spaces(text, end);
    if (at == text.size()) {
        return false;
    }
    const std::string_view rest = text.substr(at);
    if (rest[0] == '/' || rest[0] == '$' || rest[0] == '`' || rest[0] == '>' || rest[0] == '<' ||
        (rest[0] == '-' && rest.size() > 1 && is_word(rest[1])) || rest.starts_with("c:") ||
        rest.starts_with("../") || rest.starts_with("~/") || rest.starts_with("*")) {
        return true;
    }
    const bool digit = rest[0] >= '0' && rest[0] <= '9';
    const std::string_view name = command.name();
    if (name == "sleep" || name == "ping") {
        return digit;
    }
    if (name == "net") {
        return rest.starts_with("user");
    }
    if (name == "cat" || name == "type" || name == "more" || name == "less") {
        const std::string_view word = rest.substr(0, rest.find_first_of(" \t;|&"));
        return word.find('.') != std::string_view::npos && !word.ends_with('.');
    }
    return false;
}

// Is what stands at `at` a command? sure: behind something that hardly stands in prose.
bool is_command(std::string_view text, std::size_t at, bool sure) {
    const Command command = command_at(text, at);
    const std::string_view name = command.name();
    if (name.empty()) {
        return false;
    }
    const bool ends = command.end == text.size() || is_space(text[command.end]) ||
                      separates(text[command.end]) || text[command.end] == '<' ||
                      text[command.end] == '>' || text[command.end] == '$';
    if (command.path) {
        return ends;
    }
    if (one_of(name, kPlain)) {
        return ends;
    }
    if (one_of(name, kWithArgument) && has_argument(text, command)) {
        return true;
    }
    const std::size_t next = skip_spaces(text, command.end);
    const bool alone = ends && (next == text.size() || separates(text[next]));
    return sure && alone && one_of(name, kAlone);
}

// ';' '|' '&' or a line feed at `at`.
const char* behind_separator(std::string_view text, std::size_t at) {
    const char c = text[at];
    std::size_t next = at + 1;
    const bool doubled = next < text.size() && text[next] == c;
    next += doubled ? 1 : 0;
    const std::size_t word = skip_spaces(text, next);
    if (word == text.size()) {
        return nullptr;
    }
    const bool tight = word == next;
    std::size_t before = at;
    while (before > 0 && is_space(text[before - 1])) {
        --before;
    }
    const bool after_prose = before > 0 && before < at && is_word(text[before - 1]) &&
                             !(text[before - 1] >= '0' && text[before - 1] <= '9');
    // "Ticket & ID" and "Name | ID" are no commands, nor is "?sort&id".
    bool sure = c == ';' || doubled || (!after_prose && c == '|') || (c == '&' && before == 0);
    if (c == '\n') {
        sure = false;
    }
    if (c == '&' && !doubled) {
        const bool query = text.find_first_of("?=") != std::string_view::npos;
        sure = !query && (before == 0 || (!after_prose && tight));
    }
    if (c == ';' && after_prose && !tight) {
        sure = false;
    }
    return is_command(text, word, sure) ? "separated_command" : nullptr;
}

const char* behind_dollar(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$(")) {
        const std::size_t word = skip_spaces(text, at + 2);
        if (word < text.size() && is_command(text, word, true)) {
            return "substituted_command";
        }
    }
    if (rest.starts_with("${ifs") ||
        (rest.starts_with("$ifs") && (rest.size() == 4 || !is_word(rest[4]) || rest[4] == '9'))) {
        return "field_separator";
    }
    return nullptr;
}

// Code in Markdown stands between spaces; a substitution is part of a word, or the whole value.
const char* in_backticks(std::string_view text, std::size_t at) {
    const std::size_t end = text.find('`', at + 1);
    if (end == std::string_view::npos || end == at + 1) {
        return nullptr;
    }
    const bool whole = at == 0 && end + 1 == text.size();
    const bool inside = at > 0 && (is_word(text[at - 1]) || separates(text[at - 1]) ||
                                   text[at - 1] == '=' || text[at - 1] == '"');
    const std::size_t word = skip_spaces(text, at + 1);
    return (whole || inside) && text[at - (at > 0 ? 1 : 0)] != '\n' &&
                   is_command(text.substr(0, end), word, true)
               ? "substituted_command"
               : nullptr;
}

}  // namespace

const char* find_command(std::string_view text) {
    if (text.find("() {") != std::string_view::npos || text.starts_with("(){")) {
        if (text.find(":;") != std::string_view::npos) {
            return "function_definition";
        }
    }
    if (text.find("/dev/tcp/") != std::string_view::npos) {
        return "network_device";
    }
    const std::size_t begin = skip_spaces(text, 0);
    if (begin < text.size() && text[begin] == '/') {
        const Command command = command_at(text, begin);
        if (command.path &&
            (one_of(command.name(), kPlain) || one_of(command.name(), kWithArgument))) {
            return "command_path";
        }
    }
    bool odd = true;  // the next backtick opens
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char* rule = nullptr;
        switch (text[at]) {
            case ';':
            case '|':
            case '&':
            case '\n':
                rule = behind_separator(text, at);
                at += rule == nullptr && at + 1 < text.size() && text[at + 1] == text[at] ? 1 : 0;
                break;
            case '$':
                rule = behind_dollar(text, at);
                break;
            case '`':
                rule = odd ? in_backticks(text, at) : nullptr;
                odd = !odd;
                break;
            default:
                break;
        }
        if (rule != nullptr) {
            return rule;
        }
    }
    return nullptr;
}

}  // namespace gw::security
