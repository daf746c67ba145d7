#include "gateway/grpc.hpp"

namespace gw::gateway {

int grpc_status(int status) {
    enum Code : std::uint8_t {
        unknown = 2,
        deadline_exceeded = 4,
        permission_denied = 7,
        resource_exhausted = 8,
        unimplemented = 12,
        internal = 13,
        unavailable = 14,
        unauthenticated = 16
    };
    switch (status) {
        case 400:
            return internal;
        case 401:
            return unauthenticated;
        case 403:
            return permission_denied;
        case 404:
            return unimplemented;
        case 413:
        case 431:
            return resource_exhausted;
        case 408:
        case 504:
            return deadline_exceeded;  // ours, and it was the call's
        case 429:
        case 502:
        case 503:
            return unavailable;
        default:
            return unknown;
    }
}

std::optional<Millis> grpc_timeout(std::string_view text) {
    constexpr std::size_t kDigitsMost = 8;
    if (text.size() < 2 || text.size() > kDigitsMost + 1) {
        return std::nullopt;
    }
    const auto number = parse_decimal(text.substr(0, text.size() - 1));
    if (!number) {
        return std::nullopt;
    }
    const auto of = [&](auto unit) {
        const auto time = std::chrono::ceil<Millis>(unit * static_cast<std::int64_t>(*number));
        return std::min(time, kGrpcTimeoutMost);
    };
    switch (text.back()) {
        case 'H':
            return of(std::chrono::hours{1});
        case 'M':
            return of(std::chrono::minutes{1});
        case 'S':
            return of(std::chrono::seconds{1});
        case 'm':
            return of(std::chrono::milliseconds{1});
        case 'u':
            return of(std::chrono::microseconds{1});
        case 'n':
            return of(std::chrono::nanoseconds{1});
        default:
            return std::nullopt;
    }
}

}  // namespace gw::gateway
