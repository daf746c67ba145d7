#include "http/h2_head.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/copy_text.hpp"
#include "base/text.hpp"
#include "http/authority.hpp"
#include "http/h1_grammar.hpp"
#include "http/protected_names.hpp"

namespace gw::http {
namespace {

constexpr std::size_t kMethodMax = 32;            // as in HTTP/1.1
constexpr std::size_t kFieldOverhead = 4;         // ": " and CRLF
constexpr std::size_t kRequestLineOverhead = 10;  // two spaces and HTTP/1.1

constexpr std::array<std::uint8_t, 256> kWrongInName = [] {
    std::array<std::uint8_t, 256> wrong{};
    for (unsigned c = 0; c < wrong.size(); ++c) {
        const char as = static_cast<char>(c);
        wrong[c] = !is_token_char(as) || (as >= 'A' && as <= 'Z') ? 1 : 0;
    }
    return wrong;
}();

bool is_scheme(std::string_view text) {
    const auto letter = [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; };
    return !text.empty() && letter(text.front()) && std::ranges::all_of(text, [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
    });
}

bool is_target(std::string_view text) {
    return skip_target(text.data(), text.data() + text.size()) == text.data() + text.size();
}

void clear(RequestHead& head) {
    head.method = Method::other;
    head.method_text = head.target = head.path = head.query = head.authority = {};
    head.has_query = head.asks_https = false;
    head.version_minor = 1;
    head.framing = Framing::none;
    head.content_length = 0;
    head.keep_alive = true;
    head.expect_continue = false;
    head.headers.clear();
}

}  // namespace

const char* malformed_field(std::string_view name, std::string_view value, Known known) {
    unsigned wrong = 0;  // no way out in the middle: nearly all names are fine, and short
    for (const char c : name) {
        wrong |= kWrongInName[static_cast<unsigned char>(c)];
    }
    for (const char c : wrong != 0 ? name : std::string_view{}) {
        if (!is_token_char(c)) {
            return "an illegal character in a header name";
        }
        if (c >= 'A' && c <= 'Z') {
            return "a header name in upper case";
        }
    }
    if (name.empty()) {
        return "a header field without a name";
    }
    if (skip_text(value.data(), value.data() + value.size()) != value.data() + value.size()) {
        return "a control character in a header value";
    }
    if (!value.empty() && (is_ows(value.front()) || is_ows(value.back()))) {
        return "white space around a header value";
    }
    switch (known) {
        case Known::connection:
        case Known::proxy_connection:
        case Known::keep_alive:
        case Known::transfer_encoding:
        case Known::upgrade:
            return "a header field that belongs to an HTTP/1.1 connection";
        case Known::te:
            return equal_ignore_case(value, "trailers") ? nullptr : "a TE other than trailers";
        default:
            return nullptr;
    }
}

H2HeadReader::H2HeadReader(const H1Limits& limits, std::span<char> text, std::string& cookies,
                           RequestHead& head)
    : limits_(limits), text_(text), cookies_(cookies), head_(head) {
    clear(head_);
    cookies_.clear();
}

void H2HeadReader::refuse(int status, const char* detail) {
    if (defect() == nullptr) {
        refusal_ = {.status = status, .detail = detail};
    }
}

// Outweighs a refusal: what is no message at all is not answered as one.
void H2HeadReader::break_off(const char* detail) {
    if (!malformed_) {
        malformed_ = true;
        refusal_ = {.status = 400, .detail = detail};
    }
}

std::string_view H2HeadReader::keep(std::string_view text) {
    if (text.size() > text_.size() - used_) {
        refuse(431, "the request head is too large");
        return {};
    }
    char* const at = text_.data() + used_;
    copy_text(at, text);
    used_ += text.size();
    return {at, text.size()};
}

void H2HeadReader::take(std::string_view name, std::string_view value) {
    decoded_ += name.size() + value.size() + kFieldOverhead;
    if (malformed_) {
        return;
    }
    if (decoded_ > limits_.head_max) {
        const bool target = name == ":path";
        return refuse(target ? 414 : 431,
                      target ? "the request line is too long" : "the request head is too large");
    }
    if (name.starts_with(':')) {
        return take_pseudo(name, value);
    }
    regular_ = true;
    take_field(name, value);
}

void H2HeadReader::take_pseudo(std::string_view name, std::string_view value) {
    if (regular_) {
        return break_off("a pseudo-header behind other fields");
    }
    if (name == ":method") {
        take_method(value);
    } else if (name == ":path") {
        take_target(value);
    } else if (name == ":scheme") {
        if (!scheme_.empty() || !is_scheme(value)) {
            return break_off("a malformed or repeated :scheme");
        }
        scheme_ = keep(value);
        head_.asks_https = equal_ignore_case(value, "https");
    } else if (name == ":authority") {
        if (!authority_.empty() || !parse_authority(value)) {
            return break_off("a malformed or repeated :authority");
        }
        authority_ = keep(value);
    } else if (name == ":protocol") {
        take_protocol(value);
    } else {
        break_off("an unknown pseudo-header");
    }
}

void H2HeadReader::take_method(std::string_view value) {
    if (!head_.method_text.empty() || !is_token(value)) {
        return break_off("a malformed or repeated :method");
    }
    if (value.size() > kMethodMax) {
        return refuse(501, "the method is too long");
    }
    head_.method_text = keep(value);
    head_.method = method_of(head_.method_text);
    if (head_.method == Method::trace) {
        refuse(405, "CONNECT and TRACE are not served");
    }
}

void H2HeadReader::take_protocol(std::string_view value) {
    if (!extended_connect_) {
        return break_off("an unknown pseudo-header");  // nobody has offered it: RFC 8441, 3
    }
    if (!protocol_.empty() || !is_token(value)) {
        return break_off("a malformed or repeated :protocol");
    }
    protocol_ = keep(value);
}

void H2HeadReader::take_target(std::string_view value) {
    if (!head_.target.empty() || value.empty() || !is_target(value) ||
        (!value.starts_with('/') && value != "*")) {
        return break_off("a malformed or repeated :path");
    }
    head_.target = keep(value);
    const std::size_t mark = head_.target.find('?');
    head_.path = head_.target.substr(0, mark);
    if (mark != std::string_view::npos) {
        head_.has_query = true;
        head_.query = head_.target.substr(mark + 1);
    }
}

void H2HeadReader::take_field(std::string_view name, std::string_view value) {
    const Known known = recognise(name);
    if (const char* const why = malformed_field(name, value, known); why != nullptr) {
        return break_off(why);
    }
    if (known == Known::cookie) {
        return join_cookie(value);
    }
    const FieldLine line{.name = keep(name),
                         .value = keep(value),
                         // Names of the catalogue have none.
                         .underscore = known == Known::other && name.contains('_')};
    if (defect() != nullptr) {
        return;
    }
    if (!head_.headers.add(line.name, line.value, known)) {
        return refuse(431, "too many header fields");
    }
    H1Refusal broken;
    if (!rules_.accept(known, line, broken)) {
        // RFC 9113, 8.1.1 and 8.3.1: these two make the message malformed, the others are ours.
        if (known == Known::content_length || known == Known::host) {
            return break_off(broken.detail);
        }
        refuse(broken.status, broken.detail);
    }
}

// RFC 9113, 8.2.3: crumbs are one field wherever HTTP/1.1 is spoken.
void H2HeadReader::join_cookie(std::string_view value) {
    if (!cookies_.empty()) {
        cookies_ += "; ";
    }
    cookies_ += value;
}

void H2HeadReader::end(bool last) {
    if (!cookies_.empty() && !head_.headers.add("cookie", cookies_, Known::cookie)) {
        refuse(431, "too many header fields");
    }
    // Where a limit was passed, what is missing may have been beyond it.
    if (defect() == nullptr) {
        head_.method == Method::connect || !protocol_.empty() ? check_connect() : check_pseudo();
    }
    settle_authority();
    settle_framing(last);
}

// RFC 9113, 8.5; RFC 8441, 4. What is wrong with it outweighs that it is not served.
void H2HeadReader::check_connect() {
    if (head_.method != Method::connect) {
        return break_off("a :protocol with a method other than CONNECT");
    }
    if (protocol_.empty()) {
        return !scheme_.empty() || !head_.target.empty() || authority_.empty()
                   ? break_off("a CONNECT with :scheme or :path, or without :authority")
                   : refuse(405, "CONNECT and TRACE are not served");
    }
    if (authority_.empty()) {
        return break_off("an extended CONNECT without :authority");
    }
    check_pseudo();
    if (rules_.framing() == Framing::length) {
        refuse(400, "a CONNECT with Content-Length");
    }
    if (!equal_ignore_case(protocol_, "websocket")) {
        refuse(501, "a protocol that is not served here");
    }
}

void H2HeadReader::check_pseudo() {
    if (head_.method_text.empty() || scheme_.empty() || head_.target.empty()) {
        return break_off("a request without :method, :scheme or :path");
    }
    if (head_.target == "*" && head_.method != Method::options) {
        return break_off("a :path of * with a method other than OPTIONS");
    }
    if (!equal_ignore_case(scheme_, "http") && !equal_ignore_case(scheme_, "https")) {
        refuse(400, "a scheme that is not served here");
    }
    if (head_.method_text.size() + head_.target.size() + kRequestLineOverhead >
        limits_.request_line_max) {
        refuse(414, "the request line is too long");
    }
}

void H2HeadReader::settle_authority() {
    const Field* const host = head_.headers.find(Known::host);
    head_.authority = !authority_.empty() ? authority_
                      : host != nullptr   ? host->value
                                          : std::string_view{};
    if (malformed_ || defect() != nullptr) {
        return;
    }
    if (head_.authority.empty()) {
        return refuse(400, "no Host");
    }
    const std::uint16_t port = equal_ignore_case(scheme_, "https") ? 443 : 80;
    // Both were found well-formed before.
    if (!authority_.empty() && host != nullptr &&
        !same_authority(*parse_authority(authority_), *parse_authority(host->value), port)) {
        break_off(":authority and Host name different authorities");
    }
}

void H2HeadReader::settle_framing(bool last) {
    if (head_.method == Method::connect) {
        head_.framing = Framing::none;  // what follows is no body
        return;
    }
    head_.expect_continue = rules_.expects_continue();
    head_.content_length = rules_.content_length();
    if (rules_.framing() == Framing::length) {
        head_.framing = Framing::length;
        if (last && head_.content_length > 0) {
            break_off("a Content-Length without its body");
        }
        return;
    }
    head_.framing = last ? Framing::none : Framing::chunked;
}

H2Trailers::H2Trailers() {
    text_.reserve(kMax);
}

void H2Trailers::take(std::string_view name, std::string_view value) {
    decoded_ += name.size() + value.size() + kFieldOverhead;
    if (defect_ != nullptr) {
        return;
    }
    const Known known = recognise(name);
    if (name.starts_with(':')) {
        defect_ = "a pseudo-header in trailers";
        return;
    }
    defect_ = malformed_field(name, value, known);
    if (defect_ != nullptr || forbidden_in_trailers(name, known)) {
        return;
    }
    const std::size_t at = text_.size();
    if (name.size() + value.size() > kMax - at) {
        defect_ = "the trailers are too long";
        return;
    }
    text_.append(name).append(value);
    const std::string_view kept = std::string_view(text_).substr(at);
    if (!fields_.add(kept.substr(0, name.size()), kept.substr(name.size()), known)) {
        defect_ = "too many trailers";
    }
}

}  // namespace gw::http
