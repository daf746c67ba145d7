// What is taken for an answer of the store lies within the bounds of one.
#include "base/ensure.hpp"
#include "limits/exact.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    gw::state::RedisReplyReader reader;
    if (!reader.feed({reinterpret_cast<const char*>(data), size})) {
        return 0;
    }
    const auto reply = reader.next();
    if (!reply || !*reply) {
        return 0;
    }
    if (const auto answer = gw::limits::read_answer(**reply)) {
        gw::ensure(answer->granted <= gw::limits::Quota::kLimitMax, "no more than any limit");
        gw::ensure(answer->retry_after.count() >= 0 && answer->id >= 0, "no time before now");
    }
    return 0;
}
