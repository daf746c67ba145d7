// Refuses a request that has passed this gateway before: sent on, it would come back for ever (RFC
// 9110, 7.6.3).
#include "base/text.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

// A Via member is "1.1 name" or "HTTP/1.1 name (comment)".
bool names_us(std::string_view list, std::string_view us) {
    CommaList members(list);
    std::string_view member;
    while (members.next(member)) {
        const std::size_t space = member.find(' ');
        const std::string_view name =
            space == std::string_view::npos ? member : trim_ows(member.substr(space));
        if (name.substr(0, name.find(' ')) == us) {
            return true;
        }
    }
    return false;
}

Verdict decide(Exchange& x) {
    if (!x.head().headers.has(http::Known::via)) {
        return go_on();
    }
    for (const http::Field& field : x.head().headers) {
        if (field.known == http::Known::via && names_us(field.value, x.generation.site->via)) {
            x.stream.close_after();
            return refuse(Code::bad_gateway, "the request has been here before");
        }
    }
    return go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage loop = stage<decide>("loop");
}

}  // namespace gw::gateway
