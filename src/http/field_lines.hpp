// Fields that many messages carry unchanged: written once, taken into a message's list as one
// block, and copied onto the wire as one piece.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/headers.hpp"

namespace gw::http {

// Immutable once built; any thread. Lists that took it in show its text, hence it must outlive
// them; moving it leaves the text where it is.
class FieldLines {
  public:
    FieldLines() = default;
    // Values are fit to be sent (RFC 9110, 5.5).
    FieldLines(std::initializer_list<std::pair<std::string_view, std::string_view>> fields);

    [[nodiscard]] std::span<const Field> fields() const { return fields_; }
    // False if the list is full.
    [[nodiscard]] bool add_to(Headers& headers) const { return headers.add(fields_, present_); }

  private:
    std::unique_ptr<std::string> text_;
    std::vector<Field> fields_;
    std::uint64_t present_ = 0;
};

}  // namespace gw::http
