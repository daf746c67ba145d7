// Heads of answers from the decoded fields of HTTP/2 (RFC 9113, 8.2 and 8.3.2), by the same rules
// as those of HTTP/1.1. Pure; one head at a time.
#pragma once

#include <span>
#include <string_view>

#include "http/h1_fields.hpp"
#include "http/message.hpp"

namespace gw::http {

class H2ResponseReader {
  public:
    // text: where names and values go; the head points there.
    H2ResponseReader(std::span<char> text, Method to, ResponseHead& head);

    void take(std::string_view name, std::string_view value);
    // All fields were taken. last: no body follows.
    void end(bool last);

    // Null, or why it is no answer: a literal.
    [[nodiscard]] const char* defect() const { return defect_; }
    // Bytes of names and values so far.
    [[nodiscard]] std::size_t decoded_bytes() const { return decoded_; }

  private:
    std::string_view keep(std::string_view text);

    std::span<char> text_;
    Method to_;
    ResponseHead& head_;
    FieldRules rules_{FieldRules::Side::response, 1};
    const char* defect_ = nullptr;
    std::size_t used_ = 0;
    std::size_t decoded_ = 0;
    bool regular_ = false;
};

}  // namespace gw::http
