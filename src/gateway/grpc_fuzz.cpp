// Any text as `grpc-timeout`: nothing, or a time that is not below zero and that may be added to
// any moment.
#include "base/ensure.hpp"
#include "gateway/grpc.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto timeout = gw::gateway::grpc_timeout(text)) {
        gw::ensure(size >= 2 && size <= 9, "a timeout of that size");
        gw::ensure(timeout->count() >= 0 && *timeout <= gw::gateway::kGrpcTimeoutMost,
                   "a timeout out of bounds");
    }
    gw::gateway::is_grpc(text);
    return 0;
}
