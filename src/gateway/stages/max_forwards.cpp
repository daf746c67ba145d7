// Answers an OPTIONS that may be passed on no further, as who is asked last (RFC 9110, 7.6.2).
#include <array>

#include "gateway/forwarded_head.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

using http::Method;

std::uint16_t methods_there(const Exchange& x) {
    constexpr std::array kServed{Method::get,   Method::head,    Method::post,   Method::put,
                                 Method::patch, Method::delete_, Method::options};
    std::uint16_t methods = 0;
    for (const Method method : kServed) {
        if (x.generation.site->routes.find(x.path, x.head().authority, method).route != nullptr) {
            methods = static_cast<std::uint16_t>(methods | method_bit(method));
        }
    }
    return methods;
}

Verdict decide(Exchange& x) {
    if (hops_left(x.head()) != 0) [[likely]] {
        return go_on();
    }
    x.allow = x.memory.arena.copy(allow_list(methods_there(x)));
    x.own.status = 204;
    x.own.content_type = {};
    return answer();
}

}  // namespace

namespace stages {
extern constinit const Stage max_forwards = stage<decide>("max_forwards");
}

}  // namespace gw::gateway
