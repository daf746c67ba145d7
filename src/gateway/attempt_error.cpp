#include "gateway/attempt_error.hpp"

namespace gw::gateway {

observe::UpstreamError error_label(const Error& error) {
    switch (error.code) {
        case Errc::refused:
            return observe::UpstreamError::connect_refused;
        case Errc::timeout:
            return observe::UpstreamError::timeout;
        case Errc::connect_timeout:
            return observe::UpstreamError::connect_timeout;
        case Errc::reset:
        case Errc::closed:
            return observe::UpstreamError::reset;
        case Errc::malformed:
        case Errc::too_large:
            return observe::UpstreamError::malformed;
        case Errc::unreachable:
            return observe::UpstreamError::unreachable;
        case Errc::exhausted:
            return observe::UpstreamError::exhausted;
        default:
            return observe::UpstreamError::other;
    }
}

}  // namespace gw::gateway
