// Heads of requests and responses, the same for every protocol version. Views point into the buffer
// of the connection (or, for heads of our own, into the exchange's arena) and live as long as it
// does.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/headers.hpp"

namespace gw::http {

enum class Method : std::uint8_t {
    get,
    head,
    post,
    put,
    patch,
    delete_,
    options,
    connect,
    trace,
    other
};

Method method_of(std::string_view token);  // case-sensitive (RFC 9110, 9.1)
std::string_view method_name(Method method);

// RFC 9110, 9.2.2: the effect of sending it twice is that of sending it once.
constexpr bool idempotent(Method m) {
    return m == Method::get || m == Method::head || m == Method::put || m == Method::delete_ ||
           m == Method::options || m == Method::trace;
}

// How a body's end is known. until_close: only answers of HTTP/1.x that name no length.
enum class Framing : std::uint8_t { none, length, chunked, until_close };

struct RequestHead {
    Method method = Method::other;
    std::string_view method_text;
    std::string_view target;  // as it came
    std::string_view path;  // the path part of the target, as it came; "/" when the target has none
    std::string_view query;      // without '?'; byte-exact
    bool has_query = false;      // tells "/a?" from "/a"
    bool asks_https = false;     // the target says so itself: its absolute form, or :scheme
    std::string_view authority;  // from an absolute-form target, else from Host (RFC 9112, 3.2.2)
    std::uint8_t version_minor = 1;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;  // with Framing::length
    bool keep_alive = true;
    bool expect_continue = false;
    Headers headers;
};

struct ResponseHead {
    int status = 0;
    std::string_view reason;
    std::uint8_t version_minor = 1;
    Framing framing = Framing::none;
    std::uint64_t content_length = 0;  // with Framing::length
    bool keep_alive = true;
    Headers headers;
};

std::string_view reason_phrase(int status);  // RFC 9110, 15; "" if unknown

}  // namespace gw::http
