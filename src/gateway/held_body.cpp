#include "gateway/held_body.hpp"

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
    std::string& body = x.memory.body;
    bool last = hold_what_is_here(x);
    while (!last && body.size() <= most) {
        const Result<http::BodyPart> part = co_await x.stream.read_body();
        if (!part) {
            co_return std::unexpected(part.error());
        }
        body += part->bytes;
        last = part->last;
        x.held = {body, last};
    }
    co_return Result<void>{};
}

http::BodyPart first_part(Exchange& x) {
    return x.held ? *x.held : x.stream.body_at_hand();
}

}  // namespace gw::gateway
