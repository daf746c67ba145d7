#include "http/h1_parser.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "http/authority.hpp"
#include "http/h1_fields.hpp"
#include "http/h1_grammar.hpp"

namespace gw::http {

namespace {

// Robust senders put at most one empty line before a request (RFC 9112, 2.2); a few are let pass.
constexpr std::size_t kLeadingLinesMax = 4;
constexpr std::size_t kMethodMax = 32;  // registered ones have at most 17 bytes
constexpr std::size_t kLineEnd = 2;

constexpr std::string_view kVersionPrefix = "HTTP/";

Progress refuse(H1Refusal& refusal, int status, const char* detail) {
    refusal = {status, detail};
    return Progress::refused;
}

std::string_view between(const char* begin, const char* end) {
    return {begin, static_cast<std::size_t>(end - begin)};
}

Progress take_leading_lines(Cursor& in, H1Refusal& refusal) {
    for (std::size_t lines = 0; !in.empty() && (*in.at == '\r' || *in.at == '\n'); ++lines) {
        if (lines == kLeadingLinesMax) {
            return refuse(refusal, 400, "too many empty lines before the request line");
        }
        const Progress progress = take_line_end(in, refusal);
        if (progress != Progress::ok) {
            return progress;
        }
    }
    return in.empty() ? Progress::more : Progress::ok;
}

Progress take_method(Cursor& in, RequestHead& out, H1Refusal& refusal) {
    const char* at = in.at;
    const char* const longest = in.at + std::min(in.size(), kMethodMax);
    while (at != longest && is_token_char(*at)) {
        ++at;
    }
    if (at == in.end) {
        return Progress::more;
    }
    if (is_token_char(*at)) {
        return refuse(refusal, 501, "the method is too long");
    }
    if (*at != ' ' || at == in.at) {
        return refuse(refusal, 400, "the request line does not begin with a method and a space");
    }
    out.method_text = between(in.at, at);
    out.method = method_of(out.method_text);
    if (out.method == Method::connect || out.method == Method::trace) {
        return refuse(refusal, 405, "CONNECT and TRACE are not served");
    }
    in.at = at + 1;
    return Progress::ok;
}

void split_query(std::string_view text, RequestHead& out) {
    const std::size_t mark = text.find('?');
    out.path = text.substr(0, mark);
    if (mark != std::string_view::npos) {
        out.has_query = true;
        out.query = text.substr(mark + 1);
    }
}

// scheme "://" authority path-abempty [ "?" query ] (RFC 9112, 3.2.2).
bool read_absolute(std::string_view target, RequestHead& out) {
    if (starts_with_ignore_case(target, "http://")) {
        target.remove_prefix(7);
    } else if (starts_with_ignore_case(target, "https://")) {
        out.asks_https = true;
        target.remove_prefix(8);
    } else {
        return false;
    }
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    out.authority = target.substr(0, end);
    split_query(target.substr(end), out);
    if (out.path.empty()) {
        // RFC 9112, 3.2.4: this is how a proxy is asked for "OPTIONS *".
        out.path = out.method == Method::options && !out.has_query ? "*" : "/";
    }
    return parse_authority(out.authority).has_value();
}

Progress take_target(Cursor& in, RequestHead& out, H1Refusal& refusal) {
    const char* const end = skip_target(in.at, in.end);
    if (end == in.end) {
        return Progress::more;
    }
    out.target = between(in.at, end);
    if (*end != ' ') {
        return refuse(refusal, 400, "an illegal character in the request target");
    }
    in.at = end + 1;
    if (out.target.starts_with('/')) {
        split_query(out.target, out);
        return Progress::ok;
    }
    if (out.target == "*" && out.method == Method::options) {
        out.path = out.target;
        return Progress::ok;
    }
    return read_absolute(out.target, out)
               ? Progress::ok
               : refuse(refusal, 400, "the request target has no form that is served here");
}

// "HTTP/" DIGIT "." DIGIT; what stands there so far is compared before the rest is waited for.
Progress take_version(Cursor& in, std::uint8_t& minor, H1Refusal& refusal) {
    if (in.size() >= 8 && std::memcmp(in.at, "HTTP/1.1", 8) == 0) [[likely]] {
        minor = 1;
        in.at += 8;
        return Progress::ok;
    }
    const std::size_t prefix = std::min(in.size(), kVersionPrefix.size());
    if (between(in.at, in.at + prefix) != kVersionPrefix.substr(0, prefix)) {
        return refuse(refusal, 400, "the protocol is not HTTP");
    }
    const std::string_view digits = between(in.at + prefix, in.end).substr(0, 3);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i == 1 ? digits[i] != '.' : !is_digit(digits[i])) {
            return refuse(refusal, 400, "the protocol version is malformed");
        }
    }
    if (digits.size() < 3) {
        return Progress::more;
    }
    if (digits[0] == '0') {
        return refuse(refusal, 400, "the protocol version is malformed");
    }
    if (digits != "1.0" && digits != "1.1") {
        return refuse(refusal, 505, "only HTTP/1.0 and HTTP/1.1 are served here");
    }
    minor = static_cast<std::uint8_t>(digits[2] - '0');
    in.at += kVersionPrefix.size() + digits.size();
    return Progress::ok;
}

Progress take_request_line(Cursor& in, RequestHead& out, H1Refusal& refusal) {
    Progress progress = take_method(in, out, refusal);
    if (progress == Progress::ok) {
        progress = take_target(in, out, refusal);
    }
    if (progress == Progress::ok) {
        progress = take_version(in, out.version_minor, refusal);
    }
    if (progress == Progress::ok) {
        progress = take_line_end(in, refusal);
    }
    return progress;
}

// The start line within its own limit.
Progress take_limited_request_line(Cursor& in, std::size_t line_max, RequestHead& out,
                                   H1Refusal& refusal) {
    const bool cut = in.size() >= line_max + kLineEnd;
    Cursor line{in.at, cut ? in.at + line_max + kLineEnd : in.end};
    const Progress progress = take_request_line(line, out, refusal);
    in.at = line.at;
    return progress == Progress::more && cut ? refuse(refusal, 414, "the request line is too long")
                                             : progress;
}

// " " 3DIGIT [ " " reason ] CRLF, after the version. Servers that leave out the reason often leave
// out its space too.
Progress take_status(Cursor& in, ResponseHead& out, H1Refusal& refusal) {
    const std::string_view status = between(in.at, in.end).substr(0, 4);
    for (std::size_t i = 0; i < status.size(); ++i) {
        if (i == 0 ? status[i] != ' ' : !is_digit(status[i])) {
            return refuse(refusal, 502, "the status line is malformed");
        }
    }
    if (status.size() < 4) {
        return Progress::more;
    }
    out.status = (status[1] - '0') * 100 + (status[2] - '0') * 10 + (status[3] - '0');
    if (out.status < 100 || out.status > 599) {
        return refuse(refusal, 502, "the status is not one of HTTP");
    }
    in.at += status.size();
    if (!in.empty() && *in.at == ' ') {
        ++in.at;
        const char* const end = skip_text(in.at, in.end);
        out.reason = between(in.at, end);
        in.at = end;
    }
    return take_line_end(in, refusal);
}

Progress take_fields(Cursor& in, Headers& headers, FieldRules& rules, H1Refusal& refusal) {
    FieldLine line;
    for (bool first = true;; first = false) {
        if (in.size() >= kLineEnd && in.at[0] == '\r' && in.at[1] == '\n') {
            in.at += kLineEnd;
            return Progress::ok;
        }
        if (!take_usual_line(in, line)) {
            const Progress progress = take_field_line(in, first, line, refusal);
            if (progress != Progress::ok || line.name.empty()) {
                return progress;
            }
        }
        const Known known = recognise(line.name);
        if (!headers.add({line.name, line.value, known, line.usual})) {
            return refuse(refusal, 431, "too many header fields");
        }
        if (!rules.accept(known, line, refusal)) {
            return Progress::refused;
        }
    }
}

// What follows from the fields together, for a request.
bool conclude_request(const FieldRules& rules, RequestHead& out, H1Refusal& refusal) {
    const Field* const host = out.headers.find(Known::host);
    if (host == nullptr && out.version_minor > 0) {
        refusal.detail = "no Host";
        return false;
    }
    // Beside an absolute target Host is ignored, whatever it names (RFC 9112, 3.2.2).
    if (out.authority.empty() && host != nullptr) {
        out.authority = host->value;
    }
    out.framing = rules.framing();
    out.content_length = rules.content_length();
    out.keep_alive = rules.keep_alive(out.version_minor);
    out.expect_continue = rules.expects_continue();
    return true;
}

// What follows for a response (RFC 9112, 6.3).
void conclude_response(const FieldRules& rules, Method to, ResponseHead& out) {
    out.content_length = rules.content_length();
    out.keep_alive = rules.keep_alive(out.version_minor);
    const bool never_body = out.status < 200 || out.status == 204;
    if (never_body || out.status == 304 || to == Method::head) {
        out.framing = Framing::none;
        // A length here is a mistake of the service; bytes may follow that belong to nothing.
        const bool announced = rules.framing() == Framing::chunked || rules.content_length() > 0;
        if (never_body && announced) {
            out.keep_alive = false;
        }
        return;
    }
    out.framing = rules.framing() == Framing::none ? Framing::until_close : rules.framing();
    if (out.framing == Framing::until_close) {
        out.keep_alive = false;
    }
}

H1Parse unfinished(Progress progress, std::string_view bytes, const H1Limits& limits,
                   const H1Refusal& refusal) {
    if (progress == Progress::refused) {
        return {H1Parse::State::refused, 0, refusal};
    }
    if (bytes.size() >= limits.head_max) {
        return {H1Parse::State::refused, 0, {431, "the head is too large"}};
    }
    return {H1Parse::State::incomplete, 0, {}};
}

// Everything but the fields themselves, which cost more to overwrite than to forget.
void clear(RequestHead& out) {
    out.method = Method::other;
    out.method_text = out.target = out.path = out.query = out.authority = {};
    out.has_query = out.asks_https = false;
    out.version_minor = 1;
    out.framing = Framing::none;
    out.content_length = 0;
    out.keep_alive = true;
    out.expect_continue = false;
    out.headers.clear();
}

void clear(ResponseHead& out) {
    out.status = 0;
    out.reason = {};
    out.version_minor = 1;
    out.framing = Framing::none;
    out.content_length = 0;
    out.keep_alive = true;
    out.headers.clear();
}

}  // namespace

H1Parse parse_request(std::string_view bytes, const H1Limits& limits, RequestHead& out) {
    clear(out);
    H1Refusal refusal;
    Cursor in = cursor_over(bytes.substr(0, limits.head_max));
    Progress progress = take_leading_lines(in, refusal);
    if (progress == Progress::ok) {
        progress = take_limited_request_line(in, limits.request_line_max, out, refusal);
    }
    if (progress != Progress::ok) {
        return unfinished(progress, bytes, limits, refusal);
    }
    FieldRules rules(FieldRules::Side::request, out.version_minor);
    progress = take_fields(in, out.headers, rules, refusal);
    if (progress == Progress::ok && !conclude_request(rules, out, refusal)) {
        progress = Progress::refused;
    }
    if (progress != Progress::ok) {
        return unfinished(progress, bytes, limits, refusal);
    }
    return {H1Parse::State::complete, static_cast<std::size_t>(in.at - bytes.begin()), {}};
}

H1Parse parse_response(std::string_view bytes, const H1Limits& limits, Method to,
                       ResponseHead& out) {
    clear(out);
    H1Refusal refusal;
    Cursor in = cursor_over(bytes.substr(0, limits.head_max));
    Progress progress = take_version(in, out.version_minor, refusal);
    if (progress == Progress::ok) {
        progress = take_status(in, out, refusal);
    }
    if (progress == Progress::ok) {
        FieldRules rules(FieldRules::Side::response, out.version_minor);
        progress = take_fields(in, out.headers, rules, refusal);
        if (progress == Progress::ok) {
            conclude_response(rules, to, out);
        }
    }
    if (progress != Progress::ok) {
        H1Parse parse = unfinished(progress, bytes, limits, refusal);
        if (parse.state == H1Parse::State::refused) {
            parse.refusal.status = 502;
        }
        return parse;
    }
    return {H1Parse::State::complete, static_cast<std::size_t>(in.at - bytes.begin()), {}};
}

}  // namespace gw::http
