// What an operator may set about the size of HTTP messages.
#pragma once

#include <cstdint>

#include "config/field.hpp"

namespace gw::http {

struct MessageOptions {
    // The head of a request lies in one buffer of the pool, which bounds it.
    std::uint32_t head_bytes_max = 16'384;
    std::uint32_t request_line_bytes_max = 8'192;
};

template <class Visitor>
void fields(Visitor& field, MessageOptions& o) {
    using namespace config;
    field("head_bytes_max", o.head_bytes_max, Range{1'024, 16'384},
          "largest head of a request or response; a larger request gets 431");
    field("request_line_bytes_max", o.request_line_bytes_max, Range{256, 16'384},
          "longest request line; a longer one gets 414");
}

}  // namespace gw::http
