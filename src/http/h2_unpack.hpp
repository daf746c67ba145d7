// Secrets stay out of HPACK's table (RFC 7541, 7.1.3), so that a client sends the same token in
// Huffman's code with each request, and decoding it is a third of what the request costs. Here the
// one that came last is known by its code, and its plain text stands in for it before the library
// reads the frame; what the frame says is the same. Pure; one worker's thread.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace gw::http {

class H2Unpack {
  public:
    // A whole HEADERS frame that says the same with such a secret in plain text, written to room;
    // empty: the frame is as good as it is, or is for the library to judge.
    std::string_view plain(std::string_view frame, std::span<char> room);

    [[nodiscard]] std::size_t kept_bytes() const { return code_.size() + text_.size(); }

  private:
    bool knows(std::string_view code);

    std::string code_;  // of the last secret
    std::string text_;
};

}  // namespace gw::http
