// Answers that go on for as long as there is something to tell: events, or messages of gRPC.
#pragma once

#include "base/text.hpp"
#include "gateway/grpc.hpp"
#include "http/message.hpp"

namespace gw::gateway {

inline bool is_event_stream(const http::Headers& headers) {
    const std::string_view type = headers.value(http::Known::content_type);
    return starts_with_ignore_case(type, "text/event-stream") || is_grpc(type);
}

}  // namespace gw::gateway
