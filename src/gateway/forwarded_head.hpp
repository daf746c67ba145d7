// Heads on their way through: what of the client's the service sees, what of the service's the
// client sees, and what the gateway says itself.
#pragma once

#include <cstdint>
#include <optional>

#include "gateway/exchange.hpp"
#include "http/hop_by_hop.hpp"

namespace gw::gateway {

// Fills x.memory.request. False: there are more fields than a message may have.
[[nodiscard]] bool build_request_head(Exchange& x, http::Framing framing,
                                      std::uint64_t content_length);

// How often an OPTIONS may still be passed on (RFC 9110, 7.6.2): Max-Forwards, where it is one
// number. Nothing of other methods: TRACE is not served, and for the others it has no meaning.
std::optional<std::int64_t> hops_left(const http::RequestHead& head);

// Is it one of the fields of a service's answer that clients see? listed: what that answer's
// Connection names.
[[nodiscard]] bool goes_to_client(const std::optional<http::ConnectionNames>& listed,
                                  const http::Field& field);

// Such a field as clients see it: what names the service as a place names the gateway.
[[nodiscard]] http::Field as_for_client(Exchange& x, const http::Field& field);

// Fills x.memory.response from the service's head. False: there are more fields than a message may
// have.
[[nodiscard]] bool build_response_head(Exchange& x, const http::ResponseHead& from);
// The same for a 1xx head. Of its fields clients see `Link` alone: what is worth an early hint.
[[nodiscard]] bool build_interim_head(Exchange& x, const http::ResponseHead& from);
// The name of the service that answers, or that has answered first: "" where that was not kept.
[[nodiscard]] std::string_view answering_version(const Exchange& x);
// What the route changes about a service's answer, also one that was kept. False: there is no room.
[[nodiscard]] bool change_answer(const Exchange& x, http::ResponseHead& head);

// The fields that every response carries, whoever made it.
void add_own_fields(Exchange& x, http::ResponseHead& head);

// What clients are told of a limit: whole seconds until it has room again, rounded up. Never more
// than its window, or its block while that lasts if that is longer, though what is counted here may
// leave two ticks later (limits/window.hpp).
std::int64_t limit_seconds(const limits::Policy& policy, const limits::Outcome& outcome);

}  // namespace gw::gateway
