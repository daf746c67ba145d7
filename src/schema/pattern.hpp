// Regular expressions of schemas, matched in time that grows with the text and with nothing else,
// whatever the text is: RE2 has no backtracking. They are written as ECMA-262 has it, without what
// that needs a backtracking matcher for. Immutable; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace gw::schema {

class Pattern {
  public:
    // Null if it is none, or one that only backtracking could match.
    static std::unique_ptr<Pattern> make(std::string_view text);
    ~Pattern();
    Pattern(const Pattern&) = delete;
    Pattern& operator=(const Pattern&) = delete;

    // Does it match anywhere in the text?
    [[nodiscard]] bool found_in(std::string_view text) const;

    // See make().
    explicit Pattern(std::unique_ptr<re2::RE2> compiled);

  private:
    std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace gw::schema
