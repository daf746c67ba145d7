// Any bytes, in any pieces: a reply that is read is written and read again as itself.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ensure.hpp"
#include "state/redis_reply.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    gw::state::RedisReplyReader reader;
    const std::size_t piece = size == 0 ? 1 : 1 + data[0] % 16;
    for (std::size_t at = 0; at < size; at += piece) {
        if (!reader.feed(bytes.substr(at, piece))) {
            return 0;
        }
        while (true) {
            const auto reply = reader.next();
            if (!reply) {
                return 0;
            }
            if (!reply->has_value()) {
                break;
            }
            std::string written;
            gw::state::append_reply(written, **reply);
            gw::state::RedisReplyReader again;
            gw::ensure(again.feed(written).has_value(), "what was written is taken");
            const auto same = again.next();
            gw::ensure(same.has_value() && same->has_value(), "it is a reply again");
            // A lone CR in a status or an error, which is one line, is written as a space.
            std::string twice;
            gw::state::append_reply(twice, **same);
            gw::ensure(twice == written, "it is read again as itself");
            gw::ensure((*same)->kind == (*reply)->kind && (*same)->integer == (*reply)->integer &&
                           (*same)->items.size() == (*reply)->items.size(),
                       "it is another reply");
        }
    }
    return 0;
}
