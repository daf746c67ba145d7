// Log lines: one JSON object a line, on one descriptor, written by a thread of its own. Whoever logs formats and goes
// on; when the output blocks or fails, lines are dropped and counted, and requests are not held up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "base/clock.hpp"
#include "observe/log_level.hpp"

namespace gw::observe {

class LogSink {
  public:
    // fd is not owned. queued_max: bytes that may wait for a slow output before lines are dropped.
    explicit LogSink(int fd, std::size_t queued_max = 8UL * 1024 * 1024);
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    // Gives up on an output that blocks.
    ~LogSink();

    // Whole lines, each with its line feed. False: dropped. Any thread.
    bool submit(std::string lines);
    // Waits until everything is written, at most that long.
    void drain(Millis at_most);
    [[nodiscard]] std::uint64_t dropped_lines() const { return dropped_.load(std::memory_order_relaxed); }

  private:
    void write_all(const std::stop_token& stop);
    // False: the output failed, or stop was asked for.
    bool write_block(std::string_view block, const std::stop_token& stop);
    void count_dropped(std::string_view lines);

    const int fd_;
    const std::size_t queued_max_;
    const std::size_t write_max_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    std::deque<std::string> queue_;
    std::size_t queued_ = 0;   // bytes, with the block being written
    std::atomic<std::uint64_t> dropped_{0};
    std::uint64_t reported_ = 0;
    std::jthread writer_;
};

struct LogField {
    using Value = std::variant<std::string_view, std::int64_t, double, bool>;
    LogField(std::string_view key_, std::string_view text) : key(key_), value(text) {}
    LogField(std::string_view key_, const char* text) : key(key_), value(std::string_view(text)) {}
    LogField(std::string_view key_, const std::string& text) : key(key_), value(std::string_view(text)) {}
    LogField(std::string_view key_, std::int64_t number) : key(key_), value(number) {}
    LogField(std::string_view key_, double number) : key(key_), value(number) {}
    LogField(std::string_view key_, bool truth) : key(key_), value(truth) {}

    std::string_view key;   // a literal
    Value value;
};

// Changes of state and events of security; requests have the access log. Any thread.
class Log {
  public:
    using Fields = std::initializer_list<LogField>;

    Log(LogSink& sink, LogLevel level) : sink_(sink), level_(level) {}
    void set_level(LogLevel level) { level_.store(level, std::memory_order_relaxed); }

    void debug(std::string_view message, Fields fields) { write(LogLevel::debug, message, fields); }
    void info(std::string_view message, Fields fields) { write(LogLevel::info, message, fields); }
    void warn(std::string_view message, Fields fields) { write(LogLevel::warn, message, fields); }
    void error(std::string_view message, Fields fields) { write(LogLevel::error, message, fields); }
    void write(LogLevel level, std::string_view message, Fields fields);

  private:
    LogSink& sink_;
    std::atomic<LogLevel> level_;
};

// As lines name it: "INFO".
std::string_view level_name(LogLevel level);

}  // namespace gw::observe
