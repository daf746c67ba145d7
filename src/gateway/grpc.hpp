// What the gateway knows of gRPC over HTTP/2: that a message is one, how long a call may take, and
// how a refusal is said ("gRPC over HTTP2", "HTTP to gRPC Status Code Mapping").
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.hpp"
#include "base/text.hpp"
#include "gateway/exchange.hpp"

namespace gw::gateway {

// Of a Content-Type.
inline bool is_grpc(std::string_view type) {
    constexpr std::string_view kType = "application/grpc";
    return starts_with_ignore_case(type, kType) &&
           (type.size() == kType.size() || type[kType.size()] == '+' || type[kType.size()] == ';');
}

inline bool asks_grpc(const Exchange& x) {
    return x.stream.protocol() == http::Protocol::http2 &&
           is_grpc(x.head().headers.value(http::Known::content_type));
}

// The code of gRPC for a refusal's status.
int grpc_status(int status);

// "100m": up to eight digits and a unit (H, M, S, m, u, n). Nothing for anything else. Rounded up,
// and at most kGrpcTimeoutMost: clients write hundreds of years where they set none.
constexpr Millis kGrpcTimeoutMost = std::chrono::hours{24 * 365};
std::optional<Millis> grpc_timeout(std::string_view text);

}  // namespace gw::gateway
