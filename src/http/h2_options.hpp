// What an operator may set about HTTP/2.
#pragma once

#include <cstdint>

#include "config/field.hpp"

namespace gw::http {

struct H2Options {
    bool enabled = true;
    std::uint32_t streams_max = 100;
    std::uint32_t stream_window_bytes = 64UL * 1024;
    std::uint32_t connection_window_bytes = 1024UL * 1024;
};

template <class Visitor>
void fields(Visitor& field, H2Options& o) {
    using namespace config;
    field("enabled", o.enabled, "clients may speak HTTP/2; false: HTTP/1.1 only");
    field("streams_max", o.streams_max, Range{1, 10'000},
          "requests that one connection may have in flight; one more is refused, unread");
    field(
        "stream_window_bytes", o.stream_window_bytes, Range{65'535, 16'777'216},
        "body bytes that a client may send ahead of what its service has taken, for each request");
    field("connection_window_bytes", o.connection_window_bytes, Range{65'535, 268'435'456},
          "the same for all requests of a connection together");
}

}  // namespace gw::http
