#include "observe/log.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>

#include "observe/json_line.hpp"
#include "observe/timestamp.hpp"

namespace gw::observe {
namespace {

constexpr int kPollMs = 100;   // how long a blocked output keeps the writer from noticing that it should stop

// A pipe that is writable takes this much without blocking (PIPE_BUF), and no more is promised; a file takes any.
std::size_t write_max_of(int fd) {
    struct stat about{};
    return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? SIZE_MAX : PIPE_BUF;
}

void begin_line(JsonLine& line, LogLevel level, std::string_view message) {
    Timestamp now;
    line.add_plain("time", now.text(std::chrono::system_clock::now()));
    line.add_plain("level", level_name(level));
    line.add("msg", message);
    line.add_plain("service", "api-gateway");
}

}  // namespace

std::string_view level_name(LogLevel level) {
    return names_of(level)[static_cast<std::size_t>(level)].first;
}

LogSink::LogSink(int fd, std::size_t queued_max)
    : fd_(fd),
      queued_max_(queued_max),
      write_max_(write_max_of(fd)),
      writer_([this](const std::stop_token& stop) { write_all(stop); }) {}

LogSink::~LogSink() {
    writer_.request_stop();
    changed_.notify_all();
}

bool LogSink::submit(std::string lines) {
    {
        const std::lock_guard lock(mutex_);
        if (queued_ + lines.size() > queued_max_) {
            count_dropped(lines);
            return false;
        }
        queued_ += lines.size();
        queue_.push_back(std::move(lines));
    }
    changed_.notify_all();
    return true;
}

void LogSink::drain(Millis at_most) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, at_most, [this] { return queued_ == 0; });
}

void LogSink::count_dropped(std::string_view lines) {
    dropped_.fetch_add(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')),
                       std::memory_order_relaxed);
}

void LogSink::write_all(const std::stop_token& stop) {
    // A signal meant for the process is the control thread's.
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [this] { return !queue_.empty(); })) {
        std::string block = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        const std::size_t size = block.size();
        const bool written = write_block(block, stop);
        if (!written && stop.stop_requested()) {
            return;   // nobody reads any more
        }
        const std::uint64_t dropped = dropped_lines();
        if (written && dropped != reported_) {
            std::string line;
            JsonLine json(line);
            begin_line(json, LogLevel::warn, "log lines were dropped: the output did not take them");
            json.add("lines", static_cast<std::int64_t>(dropped - reported_));
            json.end();
            line += '\n';
            reported_ = dropped;
            write_block(line, stop);
        }
        lock.lock();
        queued_ -= size;
        changed_.notify_all();
    }
}

bool LogSink::write_block(std::string_view block, const std::stop_token& stop) {
    if (fd_ < 0) {
        count_dropped(block);
        return false;
    }
    while (!block.empty()) {
        pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
        if (::poll(&ready, 1, kPollMs) == 0) {
            if (stop.stop_requested()) {
                count_dropped(block);
                return false;
            }
            continue;
        }
        const ssize_t put = ::write(fd_, block.data(), std::min(block.size(), write_max_));
        if (put < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (put < 0) {
            count_dropped(block);
            return false;
        }
        block.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
}

void Log::write(LogLevel level, std::string_view message, Fields fields) {
    if (level < level_.load(std::memory_order_relaxed)) {
        return;
    }
    std::string text;
    JsonLine line(text);
    begin_line(line, level, message);
    for (const LogField& field : fields) {
        std::visit([&](const auto& value) { line.add(field.key, value); }, field.value);
    }
    line.end();
    text += '\n';
    sink_.submit(std::move(text));
}

}  // namespace gw::observe
