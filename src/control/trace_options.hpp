// What an operator may set about traces.
#pragma once

#include <charconv>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "config/field.hpp"

namespace gw::control {

// A share from 0 to 1, in millionths.
struct SampleShare {
    std::uint32_t millionths = 100'000;

    static constexpr std::string_view kPattern = R"(^(0(\.[0-9]+)?|1(\.0+)?|\.[0-9]+)$)";
    static std::expected<SampleShare, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;

    bool operator==(const SampleShare&) const = default;
};

// http://host[:port][/path] of an OTLP receiver, without the signal's own path.
struct OtlpEndpoint {
    std::string host;  // empty: none is set
    std::uint16_t port = 4318;
    std::string path;  // "" or "/…", without a slash at the end

    static constexpr std::string_view kPattern =
        R"(^http://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^ ?#]*)?$)";
    static std::expected<OtlpEndpoint, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] bool set() const { return !host.empty(); }

    bool operator==(const OtlpEndpoint&) const = default;
};

struct TraceOptions {
    OtlpEndpoint endpoint;
    SampleShare share;
    bool server_timing = false;
    std::uint32_t queue_max = 4'096;

    bool operator==(const TraceOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, TraceOptions& o) {
    using namespace config;
    field("endpoint", o.endpoint, Env{"OTEL_EXPORTER_OTLP_ENDPOINT"}, OwnOfEach{},
          "where traces are sent, as OTLP over HTTP in JSON: `http://collector:4318`; not set: "
          "nowhere");
    field("share", o.share, Env{"OTEL_TRACES_SAMPLER_ARG"},
          "which part of the requests is traced whose clients have not decided it; answers of 5xx "
          "are traced always");
    field("server_timing", o.server_timing,
          "answers say in `Server-Timing` how long we and the service took");
    field("queue_max", o.queue_max, Range{16, 1'000'000},
          "most traces that wait to be sent; what comes when there are as many is dropped and "
          "counted");
}

}  // namespace gw::control
