// HTTP/1.1 heads to bytes (RFC 9112). The writer alone says how a body is framed and whether the
// connection stays: fields with those names in the head's list are left out. A head with an Upgrade
// field names it in Connection, as it must (RFC 9110, 7.8). Pure; the names and
// values given must be well-formed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "http/head_buffer.hpp"
#include "http/message.hpp"

namespace gw::http {

// A request to a service: method_text, path, query and fields of the head. Host is written from
// authority unless the fields have one. until_close frames no request.
void write_request_head(HeadBuffer& out, const RequestHead& head);

// What a response's head depends on besides itself.
struct ResponseContext {
    Method request_method = Method::get;
    std::uint8_t request_version_minor = 1;
    bool close = false;  // the connection ends after this response
};

// A response to a client, interim ones too. until_close is written as chunked, and for HTTP/1.0,
// which knows no chunks, both as nothing: the caller closes. A body-less answer (HEAD, 304) says
// the length that a GET would have if the head names one.
void write_response_head(HeadBuffer& out, const ResponseHead& head, const ResponseContext& context);

// A chunk's size and CRLF into `out`, for callers without a buffer; returns the bytes written.
inline constexpr std::size_t kChunkHeaderMax = 18;
std::size_t write_chunk_header(char* out, std::uint64_t size);

}  // namespace gw::http
