// Log lines: one JSON object a line, on one descriptor, written by a thread of its own. Whoever
// logs formats and goes on; when the output blocks or fails, lines are dropped and counted, and
// requests are not held up. One WARN line tells of them when the output works again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <variant>

#include "base/clock.hpp"
#include "observe/log_level.hpp"
#include "observe/log_tap.hpp"

namespace gw::observe {

class LogSink {
  public:
    // 8 MiB: a few seconds of lines of a busy gateway, and no memory to speak of.
    static constexpr std::size_t kQueuedMax = 8UL * 1024 * 1024;

    // fd is not owned. queued_max: bytes of memory that may wait for a slow output before lines are
    // dropped.
    explicit LogSink(int fd, std::size_t queued_max = kQueuedMax);
    LogSink(const LogSink&) = delete;
    LogSink& operator=(const LogSink&) = delete;
    // Writes what the output takes within a moment and drops the rest: drain() first.
    ~LogSink();

    // Whoever watches lines as they are written. Before the first line.
    void show_to(LogTap& tap) { tap_ = &tap; }
    // What every line says of this process from now on: members as origin_members() writes them.
    // Any thread. Lines that come whole (submit) have their own.
    void set_origin(std::string members);
    [[nodiscard]] std::shared_ptr<const std::string> origin() const;
    // Whole lines, each with its line feed. False: dropped. Any thread.
    bool submit(std::string lines);
    // Waits until everything is written, at most that long.
    void drain(Millis at_most);
    [[nodiscard]] std::uint64_t dropped_lines() const {
        return dropped_.load(std::memory_order_relaxed);
    }

  private:
    void write_all(const std::stop_token& stop);
    // Counts what the output did not take. False: not all of it was written.
    bool write_block(std::string_view block, const std::stop_token& stop);
    // How many bytes were written: fewer than all if the output failed, or blocks and stop was
    // asked for.
    std::size_t put(std::string_view bytes, const std::stop_token& stop);
    bool patience_ended(const std::stop_token& stop);
    void report_dropped(const std::stop_token& stop);
    void count_dropped(std::string_view lines);

    const int fd_;
    const std::size_t queued_max_;
    const std::size_t write_max_;
    LogTap* tap_ = nullptr;
    mutable std::mutex mutex_;
    std::shared_ptr<const std::string> origin_ = std::make_shared<const std::string>();
    std::condition_variable_any changed_;
    std::deque<std::string> queue_;
    std::size_t queued_ = 0;  // memory, with the block being written
    std::atomic<std::uint64_t> dropped_{0};
    // The writer's.
    std::uint64_t reported_ = 0;
    Instant report_next_{};
    std::optional<Instant> give_up_;
    bool torn_ = false;  // the last line that the output took has no end
    std::jthread writer_;
};

struct LogField {
    using Value = std::variant<std::string_view, std::int64_t, double, bool, std::monostate>;
    LogField(std::string_view key_, std::string_view text) : key(key_), value(text) {}
    LogField(std::string_view key_, const char* text) : key(key_), value(std::string_view(text)) {}
    LogField(std::string_view key_, const std::string& text)
        : key(key_), value(std::string_view(text)) {}
    LogField(std::string_view key_, std::int64_t number) : key(key_), value(number) {}
    // Without a number there is no field.
    LogField(std::string_view key_, std::optional<std::int64_t> number) : key(key_) {
        value = number ? Value(*number) : Value(std::monostate{});
    }
    LogField(std::string_view key_, double number) : key(key_), value(number) {}
    LogField(std::string_view key_, bool truth) : key(key_), value(truth) {}

    std::string_view key;  // a literal
    Value value;
};

// Changes of state and events of security; requests have the access log. Any thread.
class Log {
  public:
    using Fields = std::initializer_list<LogField>;

    Log(LogSink& sink, LogLevel level) : sink_(sink), level_(level) {}
    // A change is told whatever the level: who reads the log later has to know what it leaves out.
    void set_level(LogLevel level);
    [[nodiscard]] LogLevel level() const { return level_.load(std::memory_order_relaxed); }

    void debug(std::string_view message, Fields fields = {}) {
        write(LogLevel::debug, message, fields);
    }
    void info(std::string_view message, Fields fields = {}) {
        write(LogLevel::info, message, fields);
    }
    void warn(std::string_view message, Fields fields = {}) {
        write(LogLevel::warn, message, fields);
    }
    void error(std::string_view message, Fields fields = {}) {
        write(LogLevel::error, message, fields);
    }
    void write(LogLevel level, std::string_view message, Fields fields);

  private:
    void write_line(LogLevel level, std::string_view message, Fields fields);

    LogSink& sink_;
    std::atomic<LogLevel> level_;
};

// Where lines come from, as members of them: `,"region":"eu","instanceId":"gw-1"`; what is empty is
// left out.
std::string origin_members(std::string_view region, std::string_view instance_id);

// As lines name it: "INFO".
std::string_view level_name(LogLevel level);

}  // namespace gw::observe
