#include "state/resp.hpp"

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace gw::state {
namespace {

using State = RespCommand::State;

RespCommand malformed(const char* why) {
    return {.state = State::malformed, .arguments = {}, .consumed = 0, .why = why};
}

// The number on the line that begins after a mark; -1 if the line has no end yet, -2 if it is none.
// What is too long is so whether or not its end has come: the answer must not hang on how bytes
// were cut on their way.
std::int64_t number_at(std::string_view bytes, std::size_t& at) {
    constexpr std::size_t kDigitsMax = 32;
    const std::size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) {
        return bytes.size() - at > kDigitsMax + 1 ? -2 : -1;  // one for a CR whose LF is on its way
    }
    if (end - at > kDigitsMax) {
        return -2;
    }
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(bytes.data() + at, bytes.data() + end, number);
    if (error != std::errc{} || stop != bytes.data() + end || number < 0) {
        return -2;
    }
    at = end + 2;
    return number;
}

constexpr bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

// What stands behind a backslash within double quotes.
char unescaped(std::string_view& line) {
    if (line.size() >= 3 && line[0] == 'x' && hex_value(line[1]) >= 0 && hex_value(line[2]) >= 0) {
        const char byte = static_cast<char>(hex_value(line[1]) * 16 + hex_value(line[2]));
        line.remove_prefix(3);
        return byte;
    }
    constexpr std::string_view kNames = "nrtba";
    constexpr std::string_view kBytes = "\n\r\t\b\a";
    const char name = line.front();
    line.remove_prefix(1);
    const std::size_t at = kNames.find(name);
    return at == std::string_view::npos ? name : kBytes[at];
}

// One word off the front of a line that begins with it, as Redis takes it: quotes may stand
// anywhere in a word, and end it. Nothing if they are not closed.
std::optional<std::string> take_word(std::string_view& line) {
    std::string word;
    while (!line.empty() && !is_blank(line.front())) {
        const char first = line.front();
        line.remove_prefix(1);
        if (first != '"' && first != '\'') {
            word += first;
            continue;
        }
        while (!line.empty() && line.front() != first) {
            const char c = line.front();
            line.remove_prefix(1);
            if (c == '\\' && first == '"' && !line.empty()) {
                word += unescaped(line);
            } else if (c == '\\' && line.starts_with('\'')) {
                word += '\'';
                line.remove_prefix(1);
            } else {
                word += c;
            }
        }
        if (line.empty() || (line.size() > 1 && !is_blank(line[1]))) {
            return std::nullopt;
        }
        line.remove_prefix(1);
    }
    return word;
}

RespCommand read_line(std::string_view bytes) {
    constexpr std::size_t kLineMax = 64UL * 1024;
    const std::size_t end = bytes.find('\n');
    if (std::min(end, bytes.size()) > kLineMax) {
        return malformed("Protocol error: too big inline request");
    }
    if (end == std::string_view::npos) {
        return {};
    }
    RespCommand command{.state = State::complete, .arguments = {}, .consumed = end + 1, .why = ""};
    std::string_view line = bytes.substr(0, end);
    while (true) {
        line.remove_prefix(
            static_cast<std::size_t>(std::ranges::find_if_not(line, is_blank) - line.begin()));
        if (line.empty()) {
            break;
        }
        auto word = take_word(line);
        if (!word) {
            return malformed("Protocol error: unbalanced quotes in request");
        }
        command.arguments.push_back(std::move(*word));
    }
    return command.arguments.size() > kRespArgumentsMax
               ? malformed("Protocol error: invalid multibulk length")
               : command;
}

}  // namespace

RespCommand read_command(std::string_view bytes) {
    if (bytes.empty()) {
        return {};
    }
    if (bytes.front() != '*') {
        return read_line(bytes);
    }
    std::size_t at = 1;
    const std::int64_t count = number_at(bytes, at);
    if (count == -1) {
        return {};
    }
    if (count < 0 || count > static_cast<std::int64_t>(kRespArgumentsMax)) {
        return malformed("Protocol error: invalid multibulk length");
    }
    RespCommand command{.state = State::complete, .arguments = {}, .consumed = 0, .why = ""};
    for (std::int64_t i = 0; i < count; ++i) {
        if (at == bytes.size()) {
            return {};
        }
        if (bytes[at++] != '$') {
            return malformed("Protocol error: expected '$'");
        }
        const std::int64_t size = number_at(bytes, at);
        if (size == -1) {
            return {};
        }
        if (size < 0 || size > static_cast<std::int64_t>(kRespArgumentMax)) {
            return malformed("Protocol error: invalid bulk length");
        }
        const auto length = static_cast<std::size_t>(size);
        if (bytes.size() - at < length + 2) {
            return {};
        }
        if (bytes.substr(at + length, 2) != "\r\n") {
            return malformed("Protocol error: a bulk string without its end");
        }
        command.arguments.emplace_back(bytes.substr(at, length));
        at += length + 2;
    }
    command.consumed = at;
    return command;
}

std::string resp_ok() {
    return resp_status("OK");
}
std::string resp_status(std::string_view text) {
    return "+" + std::string(text) + "\r\n";
}
std::string resp_nil() {
    return "$-1\r\n";
}
std::string resp_integer(std::int64_t number) {
    return ":" + std::to_string(number) + "\r\n";
}
std::string resp_bulk(std::string_view text) {
    std::string reply = "$" + std::to_string(text.size()) + "\r\n";
    reply += text;
    return reply += "\r\n";
}
std::string resp_error(std::string_view text) {
    std::string reply = "-";
    for (const char c : text) {
        reply += c == '\r' || c == '\n' ? ' ' : c;
    }
    return reply += "\r\n";
}
std::string resp_array(const std::vector<std::string>& replies) {
    std::string all = "*" + std::to_string(replies.size()) + "\r\n";
    for (const std::string& reply : replies) {
        all += reply;
    }
    return all;
}

}  // namespace gw::state
