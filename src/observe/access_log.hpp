// One line for each request, formatted into a buffer of the worker and handed to the log's writer
// in large blocks. A line costs no allocation, no lock and no clock. One worker's thread.
//
// The fields and their order: tests/golden/access_line.txt.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "observe/log.hpp"
#include "observe/timestamp.hpp"

namespace gw::observe {

// Texts may hold anything, except where it says plain: those must need no escaping. What is empty
// is left out, but for method, path, route, ip, protocol and outcome.
struct AccessRecord {
    WallTime time{};
    LogLevel level = LogLevel::info;
    std::string_view request_id;
    std::string_view trace_id;  // plain
    std::string_view method;
    std::string_view path;   // as it came
    std::string_view query;  // secrets in it are masked
    bool has_query = false;
    std::string_view route;
    int status = 0;
    Instant::duration duration{};
    std::string_view upstream;                           // empty: none was to be asked
    std::optional<Instant::duration> upstream_duration;  // nothing: it was not asked
    std::string_view parts;  // of an answer that was put together, and what became of each
    std::string_view ip;     // plain
    std::string_view user_id;
    std::string_view tenant_id;
    std::string_view client_cert;  // the subject of the certificate that the client has shown
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
    std::string_view protocol;  // plain
    std::string_view outcome;   // plain: who decided
    std::string_view detail;    // why, written behind it; empty: nothing to say
    bool sampled = false;       // others that went as well have no line
};

class AccessLog {
  public:
    // Each block costs two switches to the writer and back, where both share a core: with 64 KiB
    // they were 3 % of a proxied request.
    static constexpr std::size_t kFlushBytes = 256UL * 1024;

    explicit AccessLog(LogSink& sink) : sink_(sink) { buffer_.reserve(kFlushBytes + kLineReserve); }

    // As LogSink::set_origin(), for the lines of this log.
    void set_origin(std::string_view members) {
        // Lines go on behind an open text, and leave one open.
        origin_ = members.empty() ? "" : '"' + std::string(members.substr(0, members.size() - 1));
    }
    void write(const AccessRecord& record);
    // Hands on what is there. write() does so by itself when the buffer is full.
    void flush();

  private:
    // A line of 1,200 bytes fits, all of them escaped; for a longer one the buffer grows.
    static constexpr std::size_t kLineReserve = 8UL * 1024;
    // Names, numbers and the time of a line, 430 bytes, and the marks of cuts and masks.
    static constexpr std::size_t kLineOverhead = 512;
    char* write_line(char* at, const AccessRecord& record);

    LogSink& sink_;
    Timestamp timestamp_;
    std::string buffer_;
    std::string origin_;   // `","region":"eu`; made once, not for each line
    std::string scratch_;  // for what has to be escaped or masked
};

}  // namespace gw::observe
