#include "http/message.hpp"

namespace gw::http {

Method method_of(std::string_view token) {
    switch (token.size()) {
        case 3:
            return token == "GET" ? Method::get : token == "PUT" ? Method::put : Method::other;
        case 4:
            return token == "POST" ? Method::post : token == "HEAD" ? Method::head : Method::other;
        case 5:
            return token == "PATCH"   ? Method::patch
                   : token == "TRACE" ? Method::trace
                                      : Method::other;
        case 6:
            return token == "DELETE" ? Method::delete_ : Method::other;
        case 7:
            return token == "OPTIONS"   ? Method::options
                   : token == "CONNECT" ? Method::connect
                                        : Method::other;
        default:
            return Method::other;
    }
}

std::string_view method_name(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::delete_:
            return "DELETE";
        case Method::options:
            return "OPTIONS";
        case Method::connect:
            return "CONNECT";
        case Method::trace:
            return "TRACE";
        case Method::other:
            break;
    }
    return "OTHER";
}

namespace {

struct Phrase {
    int status;
    std::string_view text;
};

// RFC 9110, 15, and the IANA registry for 103, 425, 428, 429, 431, 507, 508 and 511.
constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {511, "Network Authentication Required"},
};

}  // namespace

std::string_view reason_phrase(int status) {
    if (status == 200) {
        return "OK";
    }
    for (const Phrase& phrase : kPhrases) {
        if (phrase.status == status) {
            return phrase.text;
        }
    }
    return {};
}

}  // namespace gw::http
