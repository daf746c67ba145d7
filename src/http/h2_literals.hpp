// Fields as HPACK literals that leave the table of the connection alone (RFC 7541, 6.2.2 and
// 6.2.3), their texts as they are. They may stand in a section behind whatever else is in it. Next
// to a lookup in the table and Huffman's code they cost nothing, and a few bytes more.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "http/message.hpp"

namespace gw::http {

// Is this one written for each message anew, in the sense of RFC 9113: said by the frames, or about
// the connection (8.2.2)? Such a field does not go on.
bool stays_behind(Known known);

// Values of one message, or of one client among many: in a table that all share they would push
// out what comes again.
bool comes_once(const Field& field);

// Names in lower case; what is secret is marked as never to be put into a table (7.1.3).
void append_literal(std::string& out, const Field& field);

// All of a request, its pseudo-fields first. Length and `te: trailers` are added.
void append_literals(std::string& out, const RequestHead& head);

// The size of that section as its reader counts it (RFC 9113, 6.5.2), or a little more.
std::size_t header_list_size(const RequestHead& head);

// Behind the frame that ends the section which began at `at` of out: its HEADERS or the last
// CONTINUATION. Goes on in further CONTINUATION frames where it gets too long.
void extend_section(std::string& out, std::size_t at, std::string_view literals);

// The size of a text that is not in Huffman's code, before it (5.1 and 5.2). Returns its end.
inline constexpr std::size_t kHpackSizeMost = 10;
char* write_hpack_size(char* to, std::size_t size);

}  // namespace gw::http
