// The request's body, held whole by who has to see it before it goes on: up to a limit, and only
// where a stage or a signature asks for it. All others stream.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Takes what came with the head into x.held. True: that is all of the body. Nothing is read.
bool hold_what_is_here(Exchange& x);

// Reads on until x.held is the whole body or more than `most` bytes of it; the rest then streams
// behind it. The time for the answer runs from there. Errors: those of read_body(), and `exhausted`
// where too much is held for the memory there is (Shard::limit_held_bodies). They are final:
// a stage that could not see the body lets the request go on, and it ends before a service is
// asked, also if the rest of the body comes after all.
net::Task<Result<void>> hold_body(Exchange& x, std::uint64_t most);

// What its values can be read from.
enum class BodyKind : std::uint8_t { other, form, json };
BodyKind body_kind(std::string_view content_type);
BodyKind body_kind(const http::RequestHead& head);

// Is a content coding said of it? `identity`, or nothing at all, is none.
bool has_coding(const http::Headers& headers);

// Is it a form or JSON, not compressed, of up to `most` bytes as far as is known: worth holding for
// its values? Not so messages of gRPC, of which each may wait for an answer to the one before.
bool has_readable_body(const http::RequestHead& head, std::uint64_t most);

// Would it be, if it were not compressed or in another charset than UTF-8? A service may read it
// all the same.
bool has_unreadable_body(const http::RequestHead& head, std::uint64_t most);

// The same as has_readable_body() of one whose type nobody has said, or which is text: it may be
// JSON, and services that know their clients take it as such. Pages of other origins may send it
// unasked.
bool has_untyped_body(const http::RequestHead& head, std::uint64_t most);

// What goes to the service first.
http::BodyPart first_part(Exchange& x);

}  // namespace gw::gateway
