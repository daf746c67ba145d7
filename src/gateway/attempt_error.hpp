// What the failure of an attempt at a service is called, and whose fault it was.
#pragma once

#include "base/result.hpp"
#include "observe/metrics.hpp"

namespace gw::gateway {

observe::UpstreamError error_label(const Error& error);

inline bool is_the_services(const Error& error) {
    return error.fault == Fault::upstream && error.code != Errc::cancelled;
}

}  // namespace gw::gateway
