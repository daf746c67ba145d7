// What is settled about a request before any stage looks at it: its ids, its trace, and who asks.
#pragma once

#include <span>
#include <string_view>

#include "base/ip_address.hpp"
#include "http/headers.hpp"

namespace gw::gateway {

struct Exchange;

void identify(Exchange& x);

// Over TLS, as far as is known: to us, or to a trusted proxy that says so.
[[nodiscard]] bool came_over_tls(const Exchange& x);

// The client's address: the peer, or, when the peer is a trusted proxy, the right-most hop of
// X-Forwarded-For that is not one; a port behind a hop's address does not matter. Anything
// unreadable in that list ends the walk at the last hop that was understood. Pure.
IpAddress client_address(const IpAddress& peer, const http::Headers& headers,
                         std::span<const Cidr> trusted);

// May this id from a client be taken over into logs and requests? 1 to 128 letters, digits, '-',
// '_', '.'. Pure.
bool acceptable_id(std::string_view id);

}  // namespace gw::gateway
