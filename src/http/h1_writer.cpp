#include "http/h1_writer.hpp"

#include <charconv>

#include "base/ensure.hpp"

namespace gw::http {

namespace {

bool is_framing(Known known) {
    return known == Known::content_length || known == Known::transfer_encoding ||
           known == Known::connection;
}

// Lines that stood one behind the other when they arrived, and still do, are copied as one piece.
void append_fields(HeadBuffer& out, const Headers& headers) {
    // Stores of characters may alias the list: its end is kept in a local.
    const Field* const last = headers.end();
    for (const Field* field = headers.begin(); field != last;) {
        if (is_framing(field->known)) {
            ++field;
            continue;
        }
        if (!field->whole_line) {
            out.append_field(field->name, field->value);
            ++field;
            continue;
        }
        const char* const begin = field->name.data();
        const char* end = nullptr;
        do {
            end = field->value.data() + field->value.size() + 2;
            ++field;
        } while (field != last && field->name.data() == end && field->whole_line &&
                 !is_framing(field->known));
        out.append({begin, static_cast<std::size_t>(end - begin)});
    }
}

void append_length(HeadBuffer& out, std::uint64_t length) {
    out.append("Content-Length: ");
    out.append_decimal(length);
    out.append("\r\n");
}

void append_chunked(HeadBuffer& out) {
    out.append("Transfer-Encoding: chunked\r\n");
}

void append_status_line(HeadBuffer& out, const ResponseHead& head) {
    if (head.status == 200 && head.reason == "OK") {
        return out.append("HTTP/1.1 200 OK\r\n");
    }
    out.append("HTTP/1.1 ");
    out.append_decimal(static_cast<std::uint64_t>(head.status));
    out.append(' ');
    out.append(head.reason.empty() ? reason_phrase(head.status) : head.reason);
    out.append("\r\n");
}

void append_response_framing(HeadBuffer& out, const ResponseHead& head,
                             const ResponseContext& context) {
    if (head.status < 200 || head.status == 204) {
        return;  // RFC 9112, 6.1 and RFC 9110, 8.6: neither field here
    }
    if (context.request_method == Method::head || head.status == 304) {
        if (head.framing == Framing::length || head.content_length > 0 ||
            head.headers.has(Known::content_length)) {
            append_length(out, head.content_length);
        }
        return;
    }
    switch (head.framing) {
        case Framing::none:
            return append_length(out, 0);
        case Framing::length:
            return append_length(out, head.content_length);
        case Framing::chunked:
        case Framing::until_close:
            if (context.request_version_minor > 0) {
                append_chunked(out);
            }
            return;
    }
}

}  // namespace

void HeadBuffer::append_decimal(std::uint64_t number) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    append({digits, static_cast<std::size_t>(end - digits)});
}

void HeadBuffer::append_chunk_size(std::uint64_t size) {
    char header[kChunkHeaderMax];
    append({header, write_chunk_header(header, size)});
}

void write_request_head(HeadBuffer& out, const RequestHead& head) {
    out.append(head.method_text);
    out.append(' ');
    out.append(head.path);
    if (head.has_query) {
        out.append('?');
        out.append(head.query);
    }
    out.append(" HTTP/1.1\r\n");
    if (!head.headers.has(Known::host)) {
        out.append_field("Host", head.authority);
    }
    append_fields(out, head.headers);
    switch (head.framing) {
        case Framing::none:
            // RFC 9110, 8.6: methods that usually have content say that there is none.
            if (head.method == Method::post || head.method == Method::put ||
                head.method == Method::patch) {
                append_length(out, 0);
            } else if (head.headers.has(Known::upgrade)) {
                out.append("Connection: Upgrade\r\n");
            }
            break;
        case Framing::length:
            append_length(out, head.content_length);
            break;
        case Framing::chunked:
            append_chunked(out);
            break;
        case Framing::until_close:
            ensure(false, "a request cannot end with its connection");
    }
    out.append("\r\n");
}

void write_response_head(HeadBuffer& out, const ResponseHead& head,
                         const ResponseContext& context) {
    append_status_line(out, head);
    append_fields(out, head.headers);
    append_response_framing(out, head, context);
    if (head.status >= 200) {
        if (context.close) {
            out.append(head.headers.has(Known::upgrade) ? "Connection: close, Upgrade\r\n"
                                                        : "Connection: close\r\n");
        } else if (context.request_version_minor == 0) {
            out.append("Connection: keep-alive\r\n");
        }
    } else if (head.status == 101) {
        out.append("Connection: Upgrade\r\n");
    }
    out.append("\r\n");
}

std::size_t write_chunk_header(char* out, std::uint64_t size) {
    const auto [end, error] = std::to_chars(out, out + 16, size, 16);
    end[0] = '\r';
    end[1] = '\n';
    return static_cast<std::size_t>(end - out) + 2;
}

}  // namespace gw::http
