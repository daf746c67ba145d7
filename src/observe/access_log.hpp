// One line for each request, formatted into a buffer of the worker and handed to the log's writer in large blocks.
// One worker's thread.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "observe/log.hpp"
#include "observe/timestamp.hpp"

namespace gw::observe {

struct AccessRecord {
    WallTime time{};
    LogLevel level = LogLevel::info;
    std::string_view request_id;
    std::string_view trace_id;
    std::string_view method;
    std::string_view path;    // as it came; may hold anything
    std::string_view query;   // secrets in it are masked
    bool has_query = false;
    std::string_view route;
    int status = 0;
    Instant::duration duration{};
    std::string_view upstream;   // empty: none was contacted
    Instant::duration upstream_duration{};
    std::string_view ip;
    std::string_view user_id;     // empty: unknown
    std::string_view tenant_id;
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::string_view protocol;
    std::string_view outcome;   // who decided
    std::string_view detail;    // why, written behind it; empty: nothing to say
};

class AccessLog {
  public:
    explicit AccessLog(LogSink& sink) : sink_(sink) { buffer_.reserve(kFlushBytes + kLineReserve); }

    void write(const AccessRecord& record);
    // Hands on what is there. write() does so by itself when the buffer is full.
    void flush();

  private:
    static constexpr std::size_t kFlushBytes = 64UL * 1024;
    static constexpr std::size_t kLineReserve = 8UL * 1024;
    static constexpr std::size_t kLineOverhead = 512;   // names, numbers and time of a line: about 350 bytes
    char* write_line(char* at, const AccessRecord& record);
    LogSink& sink_;
    Timestamp timestamp_;
    std::string buffer_;
};

// Path and query as lines show them: values of parameters that carry secrets replaced by "***", what is very long cut.
// Appends to `out`, escaped for JSON.
void append_masked_target(std::string& out, std::string_view path, std::string_view query, bool has_query);

}  // namespace gw::observe
