#include "http/h1_fields.hpp"

#include <limits>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "http/authority.hpp"
#include "http/hop_by_hop.hpp"
#include "http/protected_names.hpp"

namespace gw::http {

namespace {

// Beyond this, services that count bytes in signed integers would see a negative length.
constexpr std::uint64_t kLengthMax = std::numeric_limits<std::int64_t>::max();

bool broken(H1Refusal& refusal, int status, const char* detail) {
    refusal = {status, detail};
    return false;
}

// Several well-formed codings that end with the only "chunked": understood, but not implemented
// (RFC 9112, 6.1). Anything else has no certain end.
bool ends_in_chunked(std::string_view codings) {
    CommaList list(codings);
    std::string_view coding;
    bool others = false;
    bool chunked = false;
    while (list.next(coding)) {
        if (chunked || !is_token(coding)) {
            return false;
        }
        chunked = equal_ignore_case(coding, "chunked");
        others = others || !chunked;
    }
    return chunked && others;
}

}  // namespace

// Repeated lengths are refused even when they agree: somebody in between may read only one of them.
bool FieldRules::accept_length(std::string_view value, H1Refusal& refusal) {
    if (has_length_) {
        return broken(refusal, 400, "more than one Content-Length");
    }
    if (chunked_) {
        return broken(refusal, 400, "both Content-Length and Transfer-Encoding");
    }
    const std::optional<std::uint64_t> length = parse_decimal(value);
    if (!length || *length > kLengthMax) {
        return broken(refusal, 400, "a malformed Content-Length");
    }
    has_length_ = true;
    length_ = *length;
    return true;
}

bool FieldRules::accept_coding(std::string_view value, H1Refusal& refusal) {
    if (has_length_) {
        return broken(refusal, 400, "both Content-Length and Transfer-Encoding");
    }
    if (version_minor_ == 0) {
        return broken(refusal, 400, "Transfer-Encoding in HTTP/1.0");
    }
    if (chunked_) {
        return broken(refusal, 400, "more than one Transfer-Encoding");
    }
    if (!equal_ignore_case(value, "chunked")) {
        return ends_in_chunked(value)
                   ? broken(refusal, 501, "no transfer coding but chunked is understood")
                   : broken(refusal, 400, "a Transfer-Encoding that does not end in one chunked");
    }
    chunked_ = true;
    return true;
}

bool FieldRules::accept_connection(std::string_view value, H1Refusal& refusal) {
    CommaList options(value);
    std::string_view option;
    while (options.next(option)) {
        if (++connection_names_ > ConnectionNames::kMax) {
            return broken(refusal, 400, "too many names in Connection");
        }
        close_ = close_ || equal_ignore_case(option, "close");
        stay_ = stay_ || equal_ignore_case(option, "keep-alive");
    }
    return true;
}

bool FieldRules::accept_ruled(Known known, const FieldLine& line, H1Refusal& refusal) {
    // Services that map '-' to '_', as CGI did, take these for the names themselves.
    if (line.underscore && (names_framing(line.name) ||
                            (request_ && (names_identity(line.name) || names_override(line.name) ||
                                          names_id(line.name))))) {
        return broken(refusal, 400, "a header name that imitates a protected one");
    }
    switch (known) {
        case Known::content_length:
            return accept_length(line.value, refusal);
        case Known::transfer_encoding:
            return accept_coding(line.value, refusal);
        case Known::connection:
            return accept_connection(line.value, refusal);
        case Known::host:
            if (request_ && std::exchange(has_host_, true)) {
                return broken(refusal, 400, "more than one Host");
            }
            return !request_ || parse_authority(line.value) ||
                   broken(refusal, 400, "a malformed Host");
        case Known::authorization:
            return !request_ || !std::exchange(has_authorization_, true) ||
                   broken(refusal, 400, "more than one Authorization");
        case Known::content_type:
            // Some services take the first and some the last: what is looked at must be what is
            // read.
            return !request_ || !std::exchange(has_type_, true) ||
                   broken(refusal, 400, "more than one Content-Type");
        case Known::expect:
            // HTTP/1.0 knows no expectations (RFC 9110, 10.1.1).
            if (request_ && version_minor_ > 0) {
                expects_continue_ = equal_ignore_case(line.value, "100-continue");
                return expects_continue_ || broken(refusal, 417, "an unknown expectation");
            }
            return true;
        default:
            return true;
    }
}

}  // namespace gw::http
