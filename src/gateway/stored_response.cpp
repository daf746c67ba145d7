#include <charconv>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "gateway/cache_work.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

using http::Field;

// What would describe a body that is not sent (RFC 9110, 15.4.5).
bool describes_body(const Field& field) {
    return starts_with_ignore_case(field.name, "content-") &&
           !equal_ignore_case(field.name, "content-location") &&
           !equal_ignore_case(field.name, "content-security-policy");
}

std::string_view decimal(Arena& arena, std::uint64_t number) {
    char* const at = arena.take(20);
    return {at, static_cast<std::size_t>(std::to_chars(at, at + 20, number).ptr - at)};
}

// RFC 9110, 15.3.7.
void give_part(Exchange& x, const http::ByteRange& part) {
    http::ResponseHead& head = x.memory.response;
    Arena& arena = x.memory.arena;
    const std::uint64_t whole = x.own.body.size();
    head.status = 206;
    head.content_length = part.size;
    x.own.body = x.own.body.substr(part.from, part.size);
    head.headers.erase_if(
        [](const Field& field) { return equal_ignore_case(field.name, "content-range"); });
    ensure(head.headers.add("Content-Range", arena.join("bytes ", decimal(arena, part.from), "-",
                                                        decimal(arena, part.from + part.size - 1),
                                                        "/", decimal(arena, whole))),
           "room was kept for our own fields");
}

}  // namespace

void leave_out_body(http::ResponseHead& head) {
    head.status = 304;
    head.reason = http::reason_phrase(head.status);
    head.framing = http::Framing::none;
    head.content_length = 0;
    head.headers.erase_if(describes_body);
}

Verdict prepare_stored(Exchange& x) {
    const StoredAnswer& stored = *x.cache->serves();
    const http::RequestHead& request = x.head();
    http::ResponseHead& head = x.memory.response;
    head.headers.clear();
    head.status = stored.status;
    head.framing = stored.status == 204 ? http::Framing::none : http::Framing::length;
    head.content_length = stored.body->size();
    ensure(stored.copy_to(head.headers), "what was kept has room");
    x.own.body = *stored.body;
    if (stored.status == 200 &&
        request.headers.has_any(http::Known::if_none_match, http::Known::if_modified_since) &&
        http::not_modified(request.headers, stored.validators(), x.shard.loop().clock().wall)) {
        leave_out_body(head);
        x.own.body = {};
    }
    if (const auto& part = x.cache->part(); part && head.status == 200) {
        give_part(x, *part);
    }
    head.reason = http::reason_phrase(head.status);
    if (request.method == http::Method::head) {
        x.own.body = {};
    }
    // Those who look at answers see this one as if it had come just now.
    if (const Verdict verdict = judge(x, head); !verdict.goes_on()) {
        return verdict;
    }
    const std::string_view age = decimal(
        x.memory.arena, static_cast<std::uint64_t>(stored.age(x.shard.loop().now()).count()));
    ensure(head.headers.add_other("Age", age) &&
               head.headers.add_other("Cache-Status", x.cache->status(x)),
           "room was kept for our own fields");
    if (!change_answer(x, head)) {
        return refuse(Code::bad_gateway, kind_detail(Code::bad_gateway));
    }
    add_own_fields(x, head);
    x.outcome.status = head.status;
    on_response(x);
    return go_on();
}

}  // namespace gw::gateway
