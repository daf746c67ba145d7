// The JSON objects of JOSE, read strictly (RFC 8259, and RFC 7515 section 4 for duplicates): valid
// UTF-8, no member twice on any level, bounded depth and count. Only the top level is kept, with
// what a claim may be; nested objects are checked and forgotten.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace gw::identity {

struct JsonMember {
    struct Null {
        bool operator==(const Null&) const = default;
    };
    // Anything else, objects, mixed arrays, is monostate.
    using Value = std::variant<std::monostate, Null, bool, std::int64_t, double, std::string,
                               std::vector<std::string>>;
    std::string name;
    Value value;
};

class JsonMembers {
  public:
    // Nothing if the text is no such object.
    static std::optional<JsonMembers> parse(std::string_view text);

    // Null if there is no member of that name.
    [[nodiscard]] const JsonMember::Value* find(std::string_view name) const;
    // The same, but null also if the member is null.
    [[nodiscard]] const JsonMember::Value* given(std::string_view name) const;
    // Null if it is missing or no text.
    [[nodiscard]] const std::string* text(std::string_view name) const;
    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }

  private:
    std::vector<JsonMember> members_;
};

}  // namespace gw::identity
