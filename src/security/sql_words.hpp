// The words of SQL text, as the rules of injection_sql.cpp see them. A fixed array of tokens on the
// stack; comments count as white space, as databases read them.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "security/injection_rules.hpp"

namespace gw::security {

enum class Sql : std::uint8_t {
    end,
    word,
    number,
    quote,    // ' or "
    compare,  // = < > <= >= <> != <=>
    sign,     // + - * / % ^ ~ !
    open,     // (
    close,    // )
    comma,
    semicolon,
    dot,
    at,       // @
    comment,  // what ends a statement: -- # and an unclosed /*
    other,
    // Words with a meaning
    and_or,  // and or xor && || having where when
    not_,
    union_,
    select,
    all,  // all distinct top
    from,
    like,  // like rlike regexp glob
    in,
    is,
    between,
    null,
    truth,  // true false
    order,  // order group
    by,
    limit,
    into,
    exists,
};

struct SqlToken {
    Sql kind = Sql::end;
    bool tight = false;  // nothing between it and the token before
    std::uint16_t at = 0;
    std::uint16_t size = 0;
};

class SqlText {
  public:
    explicit SqlText(std::string_view folded);

    [[nodiscard]] std::size_t size() const { return count_; }
    // Beyond the last: a token of kind `end`.
    [[nodiscard]] SqlToken operator[](std::size_t i) const {
        return i < count_ ? tokens_[i] : SqlToken{};
    }
    [[nodiscard]] Sql kind(std::size_t i) const { return (*this)[i].kind; }
    [[nodiscard]] std::string_view text(std::size_t i) const {
        const SqlToken token = (*this)[i];
        return text_.substr(token.at, token.size);
    }
    [[nodiscard]] std::string_view before(std::size_t i) const {
        return text_.substr(0, (*this)[i].at);
    }
    // Bytes from the token's end to the end of the text.
    [[nodiscard]] std::string_view behind(std::size_t i) const {
        const SqlToken token = (*this)[i];
        return text_.substr(token.at + token.size);
    }

  private:
    void add(Sql kind, std::size_t at, std::size_t size, bool tight);
    std::size_t word_at(std::size_t at, bool tight);
    std::size_t sign_at(std::size_t at, bool tight);

    std::string_view text_;
    std::size_t count_ = 0;
    std::array<SqlToken, kFoldedMax> tokens_;
};

}  // namespace gw::security
