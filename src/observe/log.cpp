#include "observe/log.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <type_traits>
#include <utility>

#include "observe/json_line.hpp"
#include "observe/timestamp.hpp"

namespace gw::observe {
namespace {

constexpr int kPollMs = 50;           // how long a blocked output hides from us that we should stop
constexpr Millis kStopPatience{100};  // for an output that is slow when we stop
constexpr Millis kReportEvery{1'000};  // under steady loss, more reports would only cost more lines

// A pipe that is writable takes this much without blocking (PIPE_BUF), and no more is promised; a
// file takes any.
std::size_t write_max_of(int fd) {
    struct stat about{};
    return ::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) ? SIZE_MAX : PIPE_BUF;
}

// What a block costs while it waits: its allocation, not only what it says.
std::size_t memory_of(const std::string& block) {
    return block.capacity() + sizeof(std::string);
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

std::string origin_members(std::string_view region, std::string_view instance_id) {
    std::string members;
    for (const auto& [name, text] :
         {std::pair(",\"region\":\"", region), std::pair(",\"instanceId\":\"", instance_id)}) {
        if (!text.empty()) {
            members += name;
            append_escaped(members, text);
            members += '"';
        }
    }
    return members;
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

void LogSink::set_origin(std::string members) {
    auto origin = std::make_shared<const std::string>(std::move(members));
    const std::lock_guard lock(mutex_);
    origin_ = std::move(origin);
}

std::shared_ptr<const std::string> LogSink::origin() const {
    const std::lock_guard lock(mutex_);
    return origin_;
}

bool LogSink::submit(std::string lines) {
    {
        const std::lock_guard lock(mutex_);
        if (queued_ + memory_of(lines) > queued_max_) {
            count_dropped(lines);
            return false;
        }
        queued_ += memory_of(lines);
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
        const std::string block = std::move(queue_.front());
        queue_.pop_front();
        const bool last = queue_.empty();
        lock.unlock();
        if (tap_ != nullptr) {
            tap_->feed(block);
        }
        if (write_block(block, stop) && dropped_lines() != reported_) {
            const Instant now = std::chrono::steady_clock::now();
            if (last || now >= report_next_) {
                report_next_ = now + kReportEvery;
                report_dropped(stop);
            }
        }
        lock.lock();
        queued_ -= memory_of(block);
        changed_.notify_all();
    }
}

void LogSink::report_dropped(const std::stop_token& stop) {
    const std::uint64_t dropped = dropped_lines();
    std::string text;
    JsonLine line(text);
    begin_line(line, LogLevel::warn, "log lines were dropped: the output did not take them");
    line.add("lines", static_cast<std::int64_t>(dropped - reported_));
    text += *origin();
    line.end();
    text += '\n';
    if (write_block(text, stop)) {
        reported_ = dropped;
    }
}

bool LogSink::write_block(std::string_view block, const std::stop_token& stop) {
    if (torn_ && put("\n", stop) == 0) {
        count_dropped(block);
        return false;
    }
    torn_ = false;
    const std::size_t written = put(block, stop);
    if (written == block.size()) {
        return true;
    }
    torn_ = written > 0 && block[written - 1] != '\n';
    count_dropped(block.substr(written));
    return false;
}

std::size_t LogSink::put(std::string_view bytes, const std::stop_token& stop) {
    std::size_t written = 0;
    // poll() never says anything of a descriptor that is no number of one.
    while (written < bytes.size() && fd_ >= 0 && !patience_ended(stop)) {
        pollfd ready{.fd = fd_, .events = POLLOUT, .revents = 0};
        // Without this a write to a full pipe would block, and nobody could end this thread. An
        // error of the descriptor counts as ready: write() says which.
        if (::poll(&ready, 1, kPollMs) <= 0) {
            continue;
        }
        const ssize_t put =
            ::write(fd_, bytes.data() + written, std::min(bytes.size() - written, write_max_));
        if (put > 0) {
            written += static_cast<std::size_t>(put);
        } else if (put < 0 && errno == EAGAIN) {
            ::poll(nullptr, 0, 1);  // it said ready and is not: not to spin
        } else if (put == 0 || errno != EINTR) {
            break;
        }
    }
    return written;
}

bool LogSink::patience_ended(const std::stop_token& stop) {
    if (!stop.stop_requested()) {
        return false;
    }
    const Instant now = std::chrono::steady_clock::now();
    if (!give_up_) {
        give_up_ = now + kStopPatience;
    }
    return now >= *give_up_;
}

void Log::set_level(LogLevel level) {
    const LogLevel before = level_.exchange(level, std::memory_order_relaxed);
    if (before != level) {
        write_line(LogLevel::warn, "log level changed",
                   {{"from", level_name(before)}, {"to", level_name(level)}});
    }
}

void Log::write(LogLevel level, std::string_view message, Fields fields) {
    if (level >= level_.load(std::memory_order_relaxed)) {
        write_line(level, message, fields);
    }
}

void Log::write_line(LogLevel level, std::string_view message, Fields fields) {
    std::string text;
    JsonLine line(text);
    begin_line(line, level, message);
    for (const LogField& field : fields) {
        std::visit(
            [&]<class Value>(const Value& value) {
                if constexpr (!std::is_same_v<Value, std::monostate>) {
                    line.add(field.key, value);
                }
            },
            field.value);
    }
    text += *sink_.origin();
    line.end();
    text += '\n';
    sink_.submit(std::move(text));
}

}  // namespace gw::observe
