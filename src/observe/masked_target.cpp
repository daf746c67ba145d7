#include "observe/masked_target.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "observe/json_line.hpp"

namespace gw::observe {
namespace {

constexpr std::string_view kCut = "…";
constexpr std::string_view kMask = "***";

// Parameters whose values are secrets or lead to some. Compared without case, '-' and '_'.
constexpr std::array<std::string_view, 25> kSecretNames{
    "auth", "authorization", "bearer", "card", "cardnumber", "code",
    "csrf", "cvc",           "cvv",    "cvv2", "invite",     "jwt",
    "key",  "otp",           "pass",   "pin",  "pwd",        "session",
    "sid",  "sessionid",     "sig",    "ssn",  "totp",       "verificationcode",
    "xsrf"};
// Whatever else is in the name.
constexpr std::array<std::string_view, 10> kSecretWords{
    "password",  "passwd",     "passphrase", "passcode",   "secret",
    "accesskey", "privatekey", "apikey",     "credential", "signature"};
constexpr std::string_view kSecretEnding = "token";
constexpr std::size_t kNameMax = 64;

bool is_secret(std::string_view folded) {
    return std::ranges::find(kSecretNames, folded) != kSecretNames.end() ||
           folded.ends_with(kSecretEnding) ||
           std::ranges::any_of(kSecretWords,
                               [&](std::string_view word) { return folded.contains(word); });
}

struct Letter {
    char c = 0;
    std::size_t size = 0;  // in the text
};

// With its escapes decoded, also one that was escaped itself ("%253D"): what is a parameter here
// may hold a whole target, with parameters of its own.
Letter letter_at(std::string_view text, std::size_t at) {
    std::size_t digits = at + 1;
    if (text[at] != '%') {
        return {text[at], 1};
    }
    while (text.substr(digits, 2) == "25") {
        digits += 2;
    }
    const int high = digits + 1 < text.size() ? hex_value(text[digits]) : -1;
    const int low = high >= 0 ? hex_value(text[digits + 1]) : -1;
    if (low < 0) {
        return {'%', digits - at};
    }
    return {static_cast<char>(high * 16 + low), digits + 2 - at};
}

// Reads a name as a service would: decoded, folded, and with the parts of
// "user[password]" and "login.token" told apart. What is too long for a name counts as secret.
bool names_secret(std::string_view name) {
    std::array<char, kNameMax> part{};
    std::size_t size = 0;
    for (std::size_t i = 0; i < name.size();) {
        const Letter letter = letter_at(name, i);
        i += letter.size;
        if (letter.c == '[' || letter.c == ']' || letter.c == '.') {
            if (is_secret({part.data(), size})) {
                return true;
            }
            size = 0;
        } else if (letter.c != '-' && letter.c != '_') {
            if (size == part.size()) {
                return true;
            }
            part[size++] = lower(letter.c);
        }
    }
    return is_secret({part.data(), size});
}

// Where a secret begins in a value that is a target or a query itself; npos: it holds none. What is
// too long there is some text, and no name.
std::size_t secret_within(std::string_view value) {
    if (value.find_first_of("=%") == std::string_view::npos) {
        return std::string_view::npos;
    }
    std::size_t name = 0;
    for (std::size_t at = 0; at < value.size();) {
        const Letter letter = letter_at(value, at);
        const std::size_t next = at + letter.size;
        if (letter.c == '?' || letter.c == '#' || letter.c == '&' || letter.c == ';') {
            name = next;
        } else if (letter.c == '=' && name <= at) {
            if (at - name <= kNameMax && names_secret(value.substr(name, at - name))) {
                return next;
            }
            name = value.size();  // the next parameter's, when it begins
        }
        at = next;
    }
    return std::string_view::npos;
}

// How much of what stands between two '&' may be shown. Some services end a parameter at ';' too:
// then a later name may be the secret one, and what follows a secret one may still be its value.
std::size_t shown_of(std::string_view parameters) {
    std::size_t at = 0;
    while (at < parameters.size()) {
        const std::size_t end = std::min(parameters.find(';', at), parameters.size());
        const std::string_view one = parameters.substr(at, end - at);
        const std::size_t equals = one.find('=');
        if (equals != std::string_view::npos) {
            const std::size_t value = equals + 1;
            const std::size_t secret =
                names_secret(one.substr(0, equals)) ? 0 : secret_within(one.substr(value));
            if (secret != std::string_view::npos) {
                return at + value + secret;
            }
        }
        at = end + 1;
    }
    return parameters.size();
}

// A JSON object in base64url begins so.
constexpr std::string_view kTokenBegin = "eyJ";
constexpr std::size_t kTokenHeaderMin = 10;

bool is_of_token(char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '-' || c == '_';
}

// The dot between its parts, plain or as an escape: its size, 0 where there is none.
std::size_t dot_at(std::string_view text, std::size_t at) {
    const std::string_view left = text.substr(std::min(at, text.size()));
    if (left.starts_with('.')) {
        return 1;
    }
    return starts_with_ignore_case(left, "%2e") ? 3 : 0;
}

struct Piece {
    std::size_t from = 0;
    std::size_t size = 0;
};

// The first token at or after `from`; of size 0: none.
Piece find_token(std::string_view text, std::size_t from) {
    std::size_t end = from;
    for (std::size_t at = text.find(kTokenBegin, end); at != std::string_view::npos;
         at = text.find(kTokenBegin, end)) {
        end = at;
        while (end < text.size() && is_of_token(text[end])) {
            ++end;
        }
        std::size_t dot = dot_at(text, end);
        if (dot == 0 || end - at < kTokenHeaderMin) {
            continue;  // nor does one begin later in this run
        }
        while (dot != 0) {
            end += dot;
            while (end < text.size() && is_of_token(text[end])) {
                ++end;
            }
            dot = dot_at(text, end);
        }
        return {at, end - at};
    }
    return {text.size(), 0};
}

template <class Show>
void without_tokens(std::string_view text, std::string& out, Show show) {
    for (std::size_t at = 0; at < text.size();) {
        const Piece token = find_token(text, at);
        show(out, text.substr(at, token.from - at));
        if (token.size > 0) {
            out += kMask;
        }
        at = token.from + token.size;
    }
}

void append_shown(std::string& out, std::string_view text) {
    without_tokens(text, out,
                   [](std::string& to, std::string_view piece) { append_escaped(to, piece); });
}

}  // namespace

bool holds_token(std::string_view text) {
    // Hardly any path has this letter, and every token begins with it.
    return find_byte(text, kTokenBegin.back()) < text.size() && find_token(text, 0).size > 0;
}

void append_cut(std::string& out, std::string_view text, std::size_t most) {
    append_escaped(out, text.substr(0, most));
    if (text.size() > most) {
        out += kCut;
    }
}

std::string masked_path(std::string_view path) {
    if (!holds_token(path)) {
        return std::string(path);
    }
    std::string out;
    without_tokens(path, out, [](std::string& to, std::string_view piece) { to += piece; });
    return out;
}

void append_masked_target(std::string& out, std::string_view path, std::string_view query,
                          bool has_query) {
    append_shown(out, path.substr(0, kTargetMax));
    if (path.size() > kTargetMax) {
        out += kCut;
    }
    if (!has_query) {
        return;
    }
    out += '?';
    const bool cut = query.size() > kTargetMax;
    query = query.substr(0, kTargetMax);
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view parameters = query.substr(0, end);
        const std::size_t shown = shown_of(parameters);
        append_shown(out, parameters.substr(0, shown));
        if (shown < end) {
            out += kMask;
        }
        if (end < query.size()) {
            out += '&';
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    if (cut) {
        out += kCut;
    }
}

}  // namespace gw::observe
