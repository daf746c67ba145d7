#include "gateway/held_body.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "gateway/grpc.hpp"
#include "gateway/shard.hpp"
#include "gateway/turn.hpp"

namespace gw::gateway {

bool hold_what_is_here(Exchange& x) {
    if (!x.held) {
        const http::BodyPart first = x.stream.body_at_hand();
        x.memory.body.assign(first.bytes);
        x.held = {x.memory.body, first.last};
    }
    return x.held->last;
}

net::Task<Result<void>> hold_body(Exchange& x, std::uint64_t most) {
    if (x.broken_body) {
        co_return std::unexpected(*x.broken_body);
    }
    std::string& body = x.memory.body;
    bool last = hold_what_is_here(x);
    const bool reads = !last && body.size() <= most;
    if (reads && x.head().framing == http::Framing::length) {
        // Growing step by step it would take twice as much. What never comes is never resident.
        body.reserve(std::min(x.head().content_length, most));
        x.held = {body, last};
    }
    while (!last && body.size() <= most) {
        const Result<http::BodyPart> part = co_await x.stream.read_body();
        if (!part) {
            x.broken_body = part.error();
            co_return std::unexpected(part.error());
        }
        if (!x.shard.take_held(x, part->bytes.size())) {
            x.shard.metrics().shed[static_cast<std::size_t>(priority_of(x))].add();
            x.broken_body =
                Error{.code = Errc::exhausted,
                      .fault = Fault::self,
                      .detail = "too many bodies are held at once for the memory there is"};
            co_return std::unexpected(*x.broken_body);
        }
        body += part->bytes;
        last = part->last;
        x.held = {body, last};
    }
    if (reads) {
        // As where bodies are passed on: the time for the answer runs from their last byte.
        x.deadline = std::max(x.deadline, x.shard.loop().now() + x.route->timeout);
    }
    co_return Result<void>{};
}

http::BodyPart first_part(Exchange& x) {
    return x.held ? *x.held : x.stream.body_at_hand();
}

namespace {

// The first of what services may take for several.
std::string_view without_parameters(std::string_view type) {
    return type.substr(0, type.find_first_of(";, \t"));
}

}  // namespace

BodyKind body_kind(const http::RequestHead& head) {
    return body_kind(head.headers.value(http::Known::content_type));
}

BodyKind body_kind(std::string_view type) {
    type = without_parameters(type);
    if (equal_ignore_case(type, "application/x-www-form-urlencoded")) {
        return BodyKind::form;
    }
    return is_json_type(type) ? BodyKind::json : BodyKind::other;
}

bool has_coding(const http::Headers& headers) {
    return headers.has(http::Known::content_encoding) &&
           std::ranges::any_of(headers, [](const http::Field& field) {
               CommaList codings(field.known == http::Known::content_encoding ? field.value : "");
               for (std::string_view coding; codings.next(coding);) {
                   if (!equal_ignore_case(coding, "identity")) {
                       return true;
                   }
               }
               return false;
           });
}

namespace {

bool is_small(const http::RequestHead& head, std::uint64_t most) {
    return head.framing == http::Framing::length
               ? head.content_length > 0 && head.content_length <= most
               : head.framing == http::Framing::chunked && most > 0;
}

// A charset of which ASCII is no part: nothing that is looked for would be found in it.
bool is_wide(std::string_view type) {
    constexpr std::string_view kName = "charset=";
    for (std::size_t at = type.find(';'); at < type.size(); at = type.find(';', at + 1)) {
        std::string_view parameter = trim_ows(type.substr(at + 1));
        if (parameter.size() > kName.size() &&
            equal_ignore_case(parameter.substr(0, kName.size()), kName)) {
            parameter.remove_prefix(kName.size());
            parameter.remove_prefix(parameter.front() == '"' ? 1 : 0);
            return equal_ignore_case(parameter.substr(0, 6), "utf-16") ||
                   equal_ignore_case(parameter.substr(0, 6), "utf-32") ||
                   equal_ignore_case(parameter.substr(0, 5), "utf-7") ||
                   equal_ignore_case(parameter.substr(0, 4), "ucs-");
        }
    }
    return false;
}

bool has_values(const http::RequestHead& head, std::uint64_t most) {
    return is_small(head, most) && body_kind(head) != BodyKind::other &&
           !is_grpc(head.headers.value(http::Known::content_type));
}

}  // namespace

bool has_readable_body(const http::RequestHead& head, std::uint64_t most) {
    return has_values(head, most) && !has_coding(head.headers);
}

bool has_unreadable_body(const http::RequestHead& head, std::uint64_t most) {
    return has_values(head, most) &&
           (has_coding(head.headers) || is_wide(head.headers.value(http::Known::content_type)));
}

bool has_untyped_body(const http::RequestHead& head, std::uint64_t most) {
    const std::string_view type = without_parameters(head.headers.value(http::Known::content_type));
    return (type.empty() || equal_ignore_case(type, "text/plain")) && is_small(head, most) &&
           !has_coding(head.headers);
}

}  // namespace gw::gateway
