// Traces as OTLP says them in JSON (OpenTelemetry Protocol 1.x, JSON mapping: ids in hexadecimal,
// times as decimal strings of nanoseconds), with the names of the semantic conventions for HTTP.
// Pure.
#pragma once

#include <span>
#include <string>

#include "observe/trace_record.hpp"

namespace gw::observe {

struct TraceResource {
    std::string instance_id;
    std::string region;
};

// The body of one export request.
std::string otlp_request(std::span<const std::unique_ptr<TraceRecord>> traces,
                         const TraceResource& resource);

}  // namespace gw::observe
