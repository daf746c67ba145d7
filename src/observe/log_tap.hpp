// Log lines for those who watch them as they are written: each with a filter, into a ring of its
// own. The log's writer feeds it; while nobody watches that costs one load for a block of lines.
// Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace gw::observe {

// What a line must have; an empty text: anything. Lines without the field do not fit.
struct LineFilter {
    std::string user;      // userId, exactly
    std::string tenant;    // tenantId, sourceTenant or targetTenant, exactly
    std::string address;   // how `ip` begins
    std::string route;     // what `route` or `path` holds
    std::string status;    // "404", "5xx", or "error": 400 and above
    std::string text;      // anywhere in the line
    bool requests = true;  // access lines
    bool events = true;    // all others

    [[nodiscard]] bool fits(std::string_view line) const;
};

// The value of a field of a line as it is written, without quotes and still escaped; empty: it has
// none. name: with its quotes and colon: "\"ip\":".
std::string_view field_of(std::string_view line, std::string_view name);

class LogTap {
  public:
    static constexpr std::size_t kLinesMax = 500;  // that wait for one who watches
    static constexpr std::size_t kWatchersMax = 4;
    static constexpr std::size_t kSuffering = 200;  // whom to count at most, in a minute

    LogTap() = default;
    LogTap(const LogTap&) = delete;
    LogTap& operator=(const LogTap&) = delete;

    // The number of one who watches from now on; 0: there are as many as may be.
    std::uint64_t open(LineFilter filter);
    void close(std::uint64_t number);
    struct Taken {
        std::vector<std::string> lines;  // without their line feeds
        std::uint64_t skipped = 0;       // for which there was no room
    };
    // What came since the last call.
    Taken take(std::uint64_t number);

    // Whether requests are counted by who made them. Those of before are forgotten.
    void count_suffering(bool wanted);
    // Requests that were limited (429) or failed (5xx), by who made them.
    struct Sufferer {
        std::string tenant;  // any may be empty
        std::string user;
        std::string address;
        std::uint64_t limited = 0;
        std::uint64_t failed = 0;
    };
    // Of this minute and the one before, those with most first.
    std::vector<Sufferer> suffering(std::size_t most);
    void turn_minute();  // a new one has begun

    // Whole lines, by the log's writer.
    void feed(std::string_view lines) {
        if (wanted_.load(std::memory_order_relaxed)) {
            take_in(lines);
        }
    }

  private:
    struct Watcher {
        LineFilter filter;
        std::deque<std::string> lines;
        std::uint64_t skipped = 0;
    };
    using Minute = std::map<std::string, Sufferer, std::less<>>;
    void take_in(std::string_view lines);
    void count(std::string_view line);
    void update_wanted();

    std::atomic<bool> wanted_{false};
    std::mutex mutex_;
    std::map<std::uint64_t, Watcher> watchers_;
    std::uint64_t next_ = 1;
    bool counting_ = false;
    Minute now_;
    Minute before_;
};

}  // namespace gw::observe
