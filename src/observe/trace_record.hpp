// What a trace will say of one request: made where it is sampled, filled while it is served, and
// sent away by the control thread (otlp.hpp). One owner at a time.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "observe/trace.hpp"

namespace gw::observe {

struct TraceRecord {
    using SpanId = std::array<char, 16>;  // hexadecimal digits

    // A wait of a stage, or a try at the service.
    struct Part {
        enum class Kind : std::uint8_t { stage, attempt };
        Kind kind = Kind::stage;
        SpanId id{};
        std::string name{};      // of the stage; of the service
        std::string endpoint{};  // "address:port"; empty: none was reached
        Instant began{};
        Instant ended{};
        int status = 0;            // of an answer; 0: there was none
        std::string_view error{};  // a literal, one of kUpstreamErrors; empty: none
        std::uint32_t again = 0;   // how many tries came before
    };

    TraceContext trace;
    SpanId parent{};  // all zero bytes: the trace begins here
    Instant began{};
    Instant ended{};
    WallTime ended_at{};
    std::string method;
    std::string path;  // without its query, which may hold secrets
    std::string route;
    std::string client;
    std::string user;
    std::string tenant;
    std::string request_id;
    std::string outcome;  // who decided: "upstream", or a stage
    std::string detail;
    std::string_view protocol;  // a literal: "1.1", "2"
    bool secure = false;
    int status = 0;
    std::vector<Part> parts;
};

using TraceBatch = std::vector<std::unique_ptr<TraceRecord>>;

}  // namespace gw::observe
