#include "security/sql_words.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::security {
namespace {

struct Keyword {
    std::string_view text;
    Sql kind;
};

constexpr std::array<Keyword, 32> kKeywords = {{
    {"all", Sql::all},       {"and", Sql::and_or},    {"between", Sql::between},
    {"by", Sql::by},         {"distinct", Sql::all},  {"distinctrow", Sql::all},
    {"div", Sql::sign},      {"exists", Sql::exists}, {"false", Sql::truth},
    {"from", Sql::from},     {"glob", Sql::like},     {"group", Sql::order},
    {"having", Sql::and_or}, {"in", Sql::in},         {"into", Sql::into},
    {"is", Sql::is},         {"like", Sql::like},     {"limit", Sql::limit},
    {"not", Sql::not_},      {"null", Sql::null},     {"or", Sql::and_or},
    {"order", Sql::order},   {"regexp", Sql::like},   {"rlike", Sql::like},
    {"select", Sql::select}, {"sounds", Sql::word},   {"top", Sql::all},
    {"true", Sql::truth},    {"union", Sql::union_},  {"when", Sql::and_or},
    {"where", Sql::and_or},  {"xor", Sql::and_or},
}};
static_assert(std::ranges::is_sorted(kKeywords, {}, &Keyword::text));

Sql kind_of(std::string_view word) {
    const auto found = std::ranges::lower_bound(kKeywords, word, {}, &Keyword::text);
    return found != kKeywords.end() && found->text == word ? found->kind : Sql::word;
}

Sql kind_of(char c) {
    switch (c) {
        case '\'':
        case '"':
            return Sql::quote;
        case '(':
            return Sql::open;
        case ')':
            return Sql::close;
        case ',':
            return Sql::comma;
        case ';':
            return Sql::semicolon;
        case '.':
            return Sql::dot;
        case '@':
            return Sql::at;
        case '#':
            return Sql::comment;
        case '+':
        case '-':
        case '*':
        case '/':
        case '%':
        case '^':
        case '~':
        case '!':
            return Sql::sign;
        default:
            return Sql::other;
    }
}

std::size_t number_end(std::string_view text, std::size_t at) {
    if (text.substr(at).starts_with("0x")) {
        std::size_t end = at + 2;
        while (end < text.size() && hex_value(text[end]) >= 0) {
            ++end;
        }
        return end;
    }
    while (at < text.size() && (is_digit(text[at]) || text[at] == '.')) {
        ++at;
    }
    return at;
}

}  // namespace

SqlText::SqlText(std::string_view folded) : text_(folded) {
    bool tight = false;
    bool closes = true;  // an unclosed comment is looked for once
    std::size_t at = 0;
    while (at < text_.size()) {
        const char c = text_[at];
        const std::string_view rest = text_.substr(at);
        if (is_space(c) || c == '\0' || rest.starts_with("*/")) {
            at += c == '*' ? 2 : 1;
            tight = false;
            continue;
        }
        if (rest.starts_with("/*")) {
            const std::size_t end = closes ? text_.find("*/", at + 2) : std::string_view::npos;
            closes = end != std::string_view::npos;
            if (rest.starts_with("/*!")) {  // MySQL runs what is inside
                at += 3;
                while (at < text_.size() && is_digit(text_[at])) {
                    ++at;
                }
            } else if (closes) {
                at = end + 2;
            } else {
                add(Sql::comment, at, 2, tight);
                at += 2;
            }
            tight = false;
            continue;
        }
        if (is_digit(c)) {
            const std::size_t end = number_end(text_, at);
            add(Sql::number, at, end - at, tight);
            at = end;
        } else if (is_word(c)) {
            at = word_at(at, tight);
        } else {
            at = sign_at(at, tight);
        }
        tight = true;
    }
}

std::size_t SqlText::word_at(std::size_t at, bool tight) {
    std::size_t end = at;
    while (end < text_.size() && (is_word(text_[end]) || text_[end] == '$')) {
        ++end;
    }
    add(kind_of(text_.substr(at, end - at)), at, end - at, tight);
    return end;
}

std::size_t SqlText::sign_at(std::size_t at, bool tight) {
    const std::string_view rest = text_.substr(at);
    if (rest.starts_with("--")) {
        add(Sql::comment, at, 2, tight);
        return at + 2;
    }
    if (rest.starts_with("||") || rest.starts_with("&&")) {
        add(Sql::and_or, at, 2, tight);
        return at + 2;
    }
    const bool not_equal = rest.starts_with("!=");
    if (not_equal || rest.front() == '=' || rest.front() == '<' || rest.front() == '>') {
        std::size_t size = 1;
        while (size < 3 && size < rest.size() && (rest[size] == '=' || rest[size] == '>')) {
            ++size;
        }
        add(Sql::compare, at, size, tight);
        return at + size;
    }
    add(kind_of(rest.front()), at, 1, tight);
    return at + 1;
}

void SqlText::add(Sql kind, std::size_t at, std::size_t size, bool tight) {
    tokens_[count_++] = {kind, tight, static_cast<std::uint16_t>(at),
                         static_cast<std::uint16_t>(size)};
}

}  // namespace gw::security
