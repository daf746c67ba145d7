#include "gateway/template_values.hpp"

#include "gateway/shard.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

std::string_view parameter(const Exchange& x, std::string_view name) {
    for (std::size_t i = 0; i < x.route->parameters.size(); ++i) {
        if (x.route->parameters[i] == name) {
            return x.memory.parameters[i];
        }
    }
    return {};
}

std::string_view scheme(const Exchange& x) {
    const std::string_view said = x.head().headers.value(http::Known::x_forwarded_proto);
    return x.stream.secure() || (x.peer_trusted && said == "https") ? "https" : "http";
}

}  // namespace

TextTemplate::Value template_value(const Exchange& x, const TextTemplate::Piece& piece) {
    using Of = TextTemplate::Of;
    const identity::Identity* const caller = x.identity.get();
    switch (piece.of) {
        case Of::literal:
            return {.text = piece.text, .canonical = true};
        case Of::parameter:
            return {.text = parameter(x, piece.text), .canonical = true};
        case Of::path:
            return {.text = x.path, .canonical = true};
        case Of::rest:
            return {.text = x.rest, .canonical = true};
        case Of::tenant:
            return {.text = caller != nullptr ? caller->tenant : std::string_view{}};
        case Of::user:
            return {.text = caller != nullptr ? caller->subject : std::string_view{}};
        case Of::role:
            return {.text = caller != nullptr ? caller->role : std::string_view{}};
        case Of::request_id:
            return {.text = x.request_id};
        case Of::correlation_id:
            return {.text = x.correlation_id};
        case Of::client_ip:
            return {.text = x.client_text};
        case Of::host:
            return {.text = x.head().authority};
        case Of::scheme:
            return {.text = scheme(x)};
        case Of::method:
            return {.text = x.head().method_text};
        case Of::part:
            break;
    }
    return {};
}

}  // namespace gw::gateway
