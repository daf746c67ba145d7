// Heads on their way through: what of the client's the service sees, what of the service's the
// client sees, and what the gateway says itself.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Fills x.memory.request. False: there are more fields than a message may have.
[[nodiscard]] bool build_request_head(Exchange& x, http::Framing framing,
                                      std::uint64_t content_length);

// Is it one of the fields of a service's answer that clients see?
[[nodiscard]] bool goes_to_client(const http::Headers& headers, const http::Field& field);

// Fills x.memory.response from the service's head. False: there are more fields than a message may
// have.
[[nodiscard]] bool build_response_head(Exchange& x, const http::ResponseHead& from);
// The same for a 1xx head.
[[nodiscard]] bool build_interim_head(Exchange& x, const http::ResponseHead& from);
// What the route changes about a service's answer, also one that was kept. False: there is no room.
[[nodiscard]] bool change_answer(const Exchange& x, http::ResponseHead& head);

// The fields that every response carries, whoever made it.
void add_own_fields(Exchange& x, http::ResponseHead& head);

// What clients are told of a time until a limit has room: whole seconds, without the two ticks by
// which windows are late (limits/window.hpp).
std::int64_t limit_seconds(const limits::Policy& policy, Instant::duration time);

}  // namespace gw::gateway
