// Writes fields of our own as the lines that they will be, one behind the other, into a message's
// list: they are copied onto the wire as one piece, and nothing is joined on the way.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/copy_text.hpp"
#include "base/ensure.hpp"
#include "http/headers.hpp"

namespace gw::http {

// memory: somebody else's, that lives as long as the list, with room for all that is written: of a
// line its name, its value and four characters. The list has room for the fields.
class LineWriter {
  public:
    static constexpr std::size_t kNumberMax = 20;

    LineWriter(Headers& headers, char* memory) : headers_(headers), at_(memory) {}

    // name: as "X-Name: ", fit for the wire.
    template <std::size_t kSize>
    LineWriter& line(const char (&name)[kSize], Known known = Known::other) {
        static_assert(kSize > 3);
        std::memcpy(at_, name, kSize - 1);
        field_.name = {at_, kSize - 3};
        field_.known = known;
        at_ += kSize - 1;
        value_ = at_;
        return *this;
    }
    LineWriter& text(std::string_view text) {
        at_ = copy_text(at_, text);
        return *this;
    }
    template <std::size_t kSize>
    LineWriter& literal(const char (&text)[kSize]) {
        std::memcpy(at_, text, kSize - 1);
        at_ += kSize - 1;
        return *this;
    }
    LineWriter& number(std::int64_t number) {
        at_ = std::to_chars(at_, at_ + kNumberMax, number).ptr;
        return *this;
    }
    // Where `size` characters of the value are to be written by the caller.
    char* take(std::size_t size) {
        char* const at = at_;
        at_ += size;
        return at;
    }
    // The line is complete; gives its value.
    std::string_view end() {
        field_.value = {value_, static_cast<std::size_t>(at_ - value_)};
        field_.whole_line = true;
        at_[0] = '\r';
        at_[1] = '\n';
        at_ += 2;
        ensure(headers_.add(field_), "the list has room for our own fields");
        return field_.value;
    }
    template <std::size_t kSize>
    void line(const char (&name)[kSize], Known known, std::string_view value) {
        line(name, known).text(value).end();
    }

  private:
    Headers& headers_;
    char* at_;
    const char* value_ = nullptr;
    Field field_;
};

}  // namespace gw::http
