// What an operator may set about the WebSockets of a route.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {

struct WebSocketOptions : StageOptions {
    Millis idle_timeout{300'000};
    Millis lifetime{86'400'000};
    std::vector<std::string> origins;
};

std::optional<config::Flaw> check_origin(std::string_view origin);

template <class Visitor>
void fields(Visitor& field, WebSocketOptions& o) {
    using namespace config;
    field("idle_timeout_ms", o.idle_timeout, Range{1'000, 86'400'000},
          "a WebSocket on which nothing moves in either direction for so long is closed (1001)");
    field("lifetime_ms", o.lifetime, Range{1'000, 604'800'000},
          "age at which a WebSocket is closed (1001); one of a token ends with it at the latest");
    field(
        "origins", o.origins, Check{check_origin, R"(^https?://[a-z0-9.:\[\]-]+$)"},
        "pages that may open one, as browsers name them: `https://app.example`; none listed: any. "
        "Clients that name no origin are no browsers and may");
}

// Those of a route; null where WebSockets are not forwarded.
const WebSocketOptions* websocket_of(const StageOptionsList& options);

}  // namespace gw::gateway
