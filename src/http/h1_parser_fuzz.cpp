// Any bytes: what is complete or refused stays so with more bytes; what is complete is clean, and
// written and read again it is the same message.
#include <array>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "http/h1_parser.hpp"
#include "http/h1_writer.hpp"

namespace {

using namespace gw::http;
using State = H1Parse::State;

constexpr H1Limits kWide{.request_line_max = 32 * 1024, .head_max = 48 * 1024};

std::size_t sum_of(std::string_view bytes) {
    return std::accumulate(bytes.begin(), bytes.end(), std::size_t{0}, [](std::size_t sum, char c) {
        return sum + static_cast<unsigned char>(c);
    });
}

template <class Parse>
void check_prefixes(std::string_view bytes, const H1Parse& whole, Parse parse) {
    // All of a short input; of a long one some, each time others.
    const std::size_t step = bytes.size() / 32 + 1;
    for (std::size_t size = sum_of(bytes) % step; size < bytes.size(); size += step) {
        const std::string prefix(
            bytes.substr(0, size));  // its own memory: reads behind it are seen
        const H1Parse partial = parse(prefix);
        if (partial.state == State::incomplete) {
            gw::ensure(whole.state != State::complete || size < whole.consumed,
                       "a complete head is not waited for");
            continue;
        }
        gw::ensure(partial.state == whole.state && partial.consumed == whole.consumed &&
                       partial.refusal.status == whole.refusal.status &&
                       partial.refusal.detail == whole.refusal.detail,
                   "what is decided stays so");
    }
}

void check_clean(std::string_view head) {
    gw::ensure(head.ends_with("\r\n\r\n"), "a head ends with an empty line");
    for (std::size_t i = 0; i < head.size(); ++i) {
        const bool paired = head[i] == '\r'   ? head[i + 1] == '\n'
                            : head[i] == '\n' ? i > 0 && head[i - 1] == '\r'
                                              : gw::is_text_char(head[i]);
        gw::ensure(paired, "no controls and no bare CR or LF");
    }
}

void check_fields(const Headers& fields) {
    for (const Field& field : fields) {
        gw::ensure(gw::is_token(field.name), "names are tokens");
        gw::ensure(gw::trim_ows(field.value) == field.value, "values are trimmed");
        gw::ensure(recognise(field.name) == field.known, "names are recognised");
    }
}

bool is_written_by_us(const Field& field) {
    return field.known == Known::content_length || field.known == Known::transfer_encoding ||
           field.known == Known::connection;
}

// The same fields in the same order, without those that the writer decides about.
void check_same_fields(const Headers& a, const Headers& b) {
    const Field* other = b.begin();
    for (const Field& field : a) {
        if (is_written_by_us(field)) {
            continue;
        }
        while (other != b.end() && is_written_by_us(*other)) {
            ++other;
        }
        gw::ensure(other != b.end() && other->name == field.name && other->value == field.value,
                   "fields come back");
        ++other;
    }
}

void check_request(std::string_view bytes) {
    RequestHead first;
    const auto parse = [&first](std::string_view part) { return parse_request(part, {}, first); };
    check_prefixes(bytes, parse(bytes), parse);
    const H1Parse whole = parse(bytes);
    if (whole.state != State::complete) {
        return;
    }
    check_clean(bytes.substr(0, whole.consumed));
    check_fields(first.headers);
    gw::ensure(first.framing != Framing::until_close, "requests do not end with the connection");
    // HTTP/1.0 knows neither Host nor Expect, and becomes HTTP/1.1 when it is written; a full list
    // has no room for what the writer adds.
    if (first.version_minor == 0 || first.headers.size() == Headers::kFieldsMax) {
        return;
    }
    std::array<char, 40 * 1024> memory;
    HeadBuffer out(memory);
    write_request_head(out, first);
    gw::ensure(!out.overflowed(), "a head does not grow much");
    RequestHead second;
    const H1Parse again = parse_request(out.view(), kWide, second);
    gw::ensure(again.state == State::complete && again.consumed == out.view().size(),
               "what is written is a request");
    gw::ensure(second.method_text == first.method_text && second.path == first.path &&
                   second.query == first.query && second.has_query == first.has_query,
               "the request line comes back");
    gw::ensure(second.authority == first.headers.value(Known::host), "the authority is Host");
    gw::ensure(second.expect_continue == first.expect_continue, "the expectation comes back");
    gw::ensure(second.content_length == first.content_length &&
                   (second.framing == first.framing ||
                    (first.framing == Framing::none && second.content_length == 0)),
               "the framing comes back");
    check_same_fields(first.headers, second.headers);
    std::array<char, 40 * 1024> memory_again;
    HeadBuffer out_again(memory_again);
    write_request_head(out_again, second);
    gw::ensure(out_again.view() == out.view(), "the canonical form is its own");
}

void check_response(std::string_view bytes, Method to) {
    ResponseHead first;
    const auto parse = [&first, to](std::string_view part) {
        return parse_response(part, {}, to, first);
    };
    check_prefixes(bytes, parse(bytes), parse);
    const H1Parse whole = parse(bytes);
    gw::ensure(whole.state != State::refused || whole.refusal.status == 502, "refused as 502");
    if (whole.state != State::complete) {
        return;
    }
    check_clean(bytes.substr(0, whole.consumed));
    check_fields(first.headers);
    if (first.headers.size() == Headers::kFieldsMax) {
        return;
    }
    std::array<char, 40 * 1024> memory;
    HeadBuffer out(memory);
    write_response_head(out, first, {.request_method = to});
    gw::ensure(!out.overflowed(), "a head does not grow much");
    ResponseHead second;
    const H1Parse again = parse_response(out.view(), kWide, to, second);
    gw::ensure(again.state == State::complete && again.consumed == out.view().size(),
               "what is written is a response");
    gw::ensure(second.status == first.status, "the status comes back");
    const Framing expected =
        first.framing == Framing::until_close ? Framing::chunked : first.framing;
    gw::ensure(second.framing == expected, "the framing comes back");
    const bool may_say_length = first.status >= 200 && first.status != 204;
    gw::ensure(!may_say_length || second.content_length == first.content_length,
               "the length comes back");
    check_same_fields(first.headers, second.headers);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_request(bytes);
    check_response(bytes, size % 2 == 0 ? Method::get : Method::head);
    return 0;
}
