// Field names that decide who a request is from, or where a message ends, and therefore never pass
// unseen: in any case, and with '_' for '-', since many application servers take both for the same
// name.
#pragma once

#include <string_view>

#include "http/headers.hpp"

namespace gw::http {

// Names by which services trust the gateway about identity and origin (X-User-Id, X-Roles,
// X-Gateway-*, X-Forwarded-* …): which of them this is, in lower case, or the prefix for those that
// have one; empty if none. A bounded set, so that it may be a label.
std::string_view identity_name(std::string_view name);
inline bool names_identity(std::string_view name) {
    return !identity_name(name).empty();
}

// Of those, by the text identity_name() gave: does it say who somebody is, rather than where a
// request came from? Proxies on the way set the latter in good faith.
bool claims_identity(std::string_view identity_name);

// Content-Length or Transfer-Encoding.
bool names_framing(std::string_view name);

// Names that make a service take another target or method than the one that was routed
// (X-Original-URL …).
bool names_override(std::string_view name);

// X-Request-Id and X-Correlation-Id, which the gateway writes on every message.
bool names_id(std::string_view name);

// RFC 9110, 6.5.1: fields of framing, routing, authentication, request control and content
// description make no sense, or harm, when they come after the body.
bool forbidden_in_trailers(std::string_view name, Known known);

}  // namespace gw::http
