// Tells who wants a WebSocket, and refuses whoever asks for one in a wrong way (RFC 6455, 4.2.1).
// In HTTP/2 it is asked for with an extended CONNECT (RFC 8441). What is let go on passes all other
// stages as any request does. On routes without this section, Upgrade is ignored.
#include <algorithm>

#include "base/text.hpp"
#include "gateway/shard.hpp"
#include "gateway/websocket_options.hpp"
#include "security/websocket_key.hpp"

namespace gw::gateway {

std::optional<config::Flaw> check_origin(std::string_view origin) {
    std::string_view host = origin;
    host.remove_prefix(host.starts_with("https://")  ? 8
                       : host.starts_with("http://") ? 7
                                                     : host.size());
    const bool good = !host.empty() && std::ranges::all_of(host, [](char c) {
        return is_digit(c) || (c >= 'a' && c <= 'z') || std::string_view(".:[]-").contains(c);
    });
    if (good) {
        return std::nullopt;
    }
    return config::Flaw{"is " + config::quote(origin),
                        "write https://host or https://host:port, in small letters"};
}

namespace {

using http::Field;
using http::Known;

// The only field of that name; null if there is none, or more than one.
const Field* only(const http::Headers& headers, std::string_view name) {
    const Field* found = nullptr;
    for (const Field& field : headers) {
        if (equal_ignore_case(field.name, name)) {
            if (found != nullptr) {
                return nullptr;
            }
            found = &field;
        }
    }
    return found;
}

bool lists(const http::Headers& headers, Known known, std::string_view token) {
    return std::ranges::any_of(headers, [&](const Field& field) {
        return field.known == known && list_contains(field.value, token);
    });
}

bool is_welcome(const http::Headers& headers, const WebSocketOptions& o) {
    return o.origins.empty() || !headers.has(Known::origin) ||
           std::ranges::find(o.origins, headers.value(Known::origin)) != o.origins.end();
}

bool speaks_version(const http::Headers& headers) {
    const Field* const version = only(headers, "Sec-WebSocket-Version");
    return version != nullptr && version->value == "13";
}
constexpr const char* kVersions = "only version 13 of WebSocket is spoken here";

Verdict admit(Exchange& x, const WebSocketOptions& o) {
    if (!is_welcome(x.head().headers, o)) {
        return refuse(Code::forbidden, "WebSockets may not be opened from this origin");
    }
    if (x.shard.draining()) {
        return refuse(Code::draining, "this gateway is about to stop");
    }
    x.websocket = &o;
    return go_on();
}

// An extended CONNECT of HTTP/2, which asks for nothing but a WebSocket (RFC 8441). Key and proof
// are left out there, and made up towards the service.
Verdict decide_h2(Exchange& x, const WebSocketOptions& o) {
    if (!speaks_version(x.head().headers)) {
        return refuse(Code::upgrade_required, kVersions);
    }
    const std::uint64_t high = x.shard.random().next();
    x.websocket_key =
        x.memory.arena.copy(security::make_websocket_key(high, x.shard.random().next()));
    return admit(x, o);
}

Verdict decide(Exchange& x, const WebSocketOptions& o) {
    const http::RequestHead& head = x.head();
    if (head.method == http::Method::connect) [[unlikely]] {
        return decide_h2(x, o);
    }
    if (!head.headers.has(Known::upgrade)) [[likely]] {
        return go_on();
    }
    // HTTP/1.0 knows no upgrades (RFC 9110, 7.8), and HTTP/2 has no such field.
    if (x.stream.protocol() != http::Protocol::http11 ||
        !lists(head.headers, Known::upgrade, "websocket")) {
        return go_on();
    }
    // Whatever becomes of it: what follows on this connection may be frames, and is never read as
    // another request.
    x.stream.close_after();
    if (!lists(head.headers, Known::connection, "upgrade")) {
        return refuse(Code::bad_request, "Upgrade without Connection: upgrade");
    }
    if (head.method != http::Method::get) {
        return refuse(Code::bad_request, "a WebSocket is opened with GET");
    }
    if (head.framing == http::Framing::chunked || head.content_length > 0) {
        return refuse(Code::bad_request, "a WebSocket is opened without a body");
    }
    if (!speaks_version(head.headers)) {
        return refuse(Code::upgrade_required, kVersions);
    }
    const Field* const key = only(head.headers, "Sec-WebSocket-Key");
    if (key == nullptr || !security::is_websocket_key(key->value)) {
        return refuse(Code::bad_request, "Sec-WebSocket-Key is not 16 bytes in base64");
    }
    x.websocket_key = key->value;
    return admit(x, o);
}

}  // namespace

namespace stages {
extern constinit const Stage websocket = stage<WebSocketOptions, decide>("websocket");
}

const WebSocketOptions* websocket_of(const StageOptionsList& options) {
    return static_cast<const WebSocketOptions*>(find_options(options, stages::websocket));
}

}  // namespace gw::gateway
