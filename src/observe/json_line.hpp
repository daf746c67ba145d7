// Writes one flat JSON object, a member after the other, into a string that grows: log lines and
// problem documents. What goes in may be anything a stranger sent; what comes out is always valid
// JSON on one line (RFC 8259), without control characters of any kind.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace gw::observe {

// `text` as the inside of a JSON string: controls, quotes and backslashes escaped, each byte that
// is not UTF-8 replaced by U+FFFD. One byte becomes six at most.
void append_escaped(std::string& out, std::string_view text);

// Writes `text` as it is; false if append_escaped() would not: then what was written is of no use.
bool copy_plain(char* to, std::string_view text);
// Milliseconds with three decimals; at most 24 characters. Returns the end.
char* write_millis(char* out, std::chrono::steady_clock::duration time);

class JsonLine {
  public:
    // Appends to `out`, beginning with '{'.
    explicit JsonLine(std::string& out) : out_(out) { out_ += '{'; }

    // name: a literal that needs no escaping, here and below.
    void add(std::string_view name, std::string_view text) {
        key(name);
        out_ += '"';
        append_escaped(out_, text);
        out_ += '"';
    }
    // Else it would be taken for a bool.
    void add(std::string_view name, const char* text) { add(name, std::string_view(text)); }
    // Text that is known to need no escaping.
    void add_plain(std::string_view name, std::string_view text) {
        key(name);
        out_ += '"';
        out_ += text;
        out_ += '"';
    }
    // A whole JSON value.
    void add_json(std::string_view name, std::string_view json) {
        key(name);
        out_ += json;
    }
    void add(std::string_view name, std::int64_t number) {
        key(name);
        char digits[20];
        out_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
    }
    void add(std::string_view name, double number);
    void add(std::string_view name, bool value) {
        key(name);
        out_ += value ? "true" : "false";
    }
    // Milliseconds with three decimals.
    void add(std::string_view name, std::chrono::steady_clock::duration time);
    void end() { out_ += '}'; }

  private:
    void key(std::string_view name) {
        out_ += first_ ? "\"" : ",\"";
        first_ = false;
        out_ += name;
        out_ += "\":";
    }
    std::string& out_;
    bool first_ = true;
};

}  // namespace gw::observe
