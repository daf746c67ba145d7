// JSON answers of services as parts of one answer: looked at, pointed into, and put together
// without being written anew, so that every value stays byte by byte what its service said. Pure.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/refusal.hpp"

namespace gw::gateway {

// Is this one JSON text (RFC 8259), in UTF-8, nested 64 levels deep at most?
bool is_json(std::string_view text);

// A text of JSON that others point into.
class PointedJson {
  public:
    // Nothing if it is no JSON.
    static std::optional<PointedJson> parse(std::string_view text);
    PointedJson(PointedJson&&) noexcept;
    PointedJson& operator=(PointedJson&&) noexcept;
    ~PointedJson();

    // The text or the whole number at a pointer (RFC 6901); nothing where there is none, or
    // something else.
    [[nodiscard]] std::optional<std::string> find(std::string_view pointer) const;

  private:
    struct Document;
    explicit PointedJson(std::unique_ptr<Document> document);
    std::unique_ptr<Document> document_;
};

// What an answer that is none to a request for a part means for whoever asked for the whole.
Code code_of_part(int status);

// What became of a part.
struct AnswerPart {
    std::string_view name;      // of letters, digits and '_'
    std::string_view json;      // as its service sent it
    std::optional<Code> error;  // instead
};
// The whole; `errors` stands in it where parts are missing. Appends to `out`.
void write_whole(std::string& out, std::span<const AnswerPart> parts);

}  // namespace gw::gateway
