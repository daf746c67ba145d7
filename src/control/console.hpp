// The operators' console: its page at `/` of the admin port, and what the page listens to, as
// server-sent events: /admin/v1/live, and lines of the log at /admin/v1/tail. Samples the counters
// once a second, whether or not somebody listens, so that whoever comes sees the last hour.
// docs/console.md. Control thread.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/admin_api.hpp"
#include "control/console_json.hpp"
#include "control/console_record.hpp"
#include "http/date.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"
#include "observe/history.hpp"
#include "observe/log_tap.hpp"

namespace gw::control {

// What the console shows; all outlive it.
struct ConsoleParts {
    net::Loop& loop;
    const AdminApi& api;
    const upstream::BreakerSet& breakers;
    const EndpointBoard& endpoints;
    observe::LogTap& lines;
    // What workers count.
    std::function<std::vector<const observe::MetricBlock*>()> blocks;
    std::function<std::shared_ptr<const gateway::Site>()> site;
    // Facts of the process, as GET /status has them and more.
    std::function<boost::json::object()> status;
};

class Console {
  public:
    static constexpr std::size_t kListenersMax = 16;
    static constexpr std::chrono::seconds kEvery{1};
    static constexpr Millis kLinesEvery{250};
    static constexpr std::size_t kSufferersShown = 15;
    // Who takes nothing for so long has gone, or is of no use.
    static constexpr std::chrono::seconds kPatience{5};

    explicit Console(ConsoleParts parts) : parts_(std::move(parts)) {}
    Console(const Console&) = delete;
    Console& operator=(const Console&) = delete;

    // Its streams of events, for the list of what there is; that they are listened to is serve()'s.
    static void add_to(AdminApi& api);

    // Begins to sample.
    void start();
    // Listeners end. Nothing of it may be served any more once the server's connections are done.
    void stop();

    // Answers what is the console's; anything else, and who may not listen, is the caller's to
    // answer. full: there are as many listeners as there may be.
    enum class Served : std::uint8_t { no, yes, full };
    net::Task<Served> serve(http::Stream& stream, std::string_view request_id);

    // Events, as they happen.
    [[nodiscard]] ConsoleRecord& record() { return record_; }

  private:
    struct Timer : net::Timer {
        explicit Timer(Console& c)
            : net::Timer([](net::Timer& timer) { static_cast<Timer&>(timer).console.tick(); }),
              console(c) {}
        Console& console;
    };
    // One that listens: lives in its coroutine.
    struct Listener {
        Listener(Console& console, std::vector<Listener*>& among, http::Stream& to);
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        ~Listener();

        std::vector<Listener*>& all;
        http::Stream& stream;
        std::string authorization;
        net::Pause pause;
        std::shared_ptr<const std::string> next;  // what is to be sent; null: nothing
        std::optional<Instant> sending;           // since when
    };

    // What is listened to: each with its path below AdminApi::kBase. All there are stand in kFeeds,
    // from which they are served and listed.
    struct Feed {
        std::string_view path;
        std::string_view summary;
        net::Task<Served> (Console::*serve)(http::Stream& stream, std::string_view request_id);
    };
    static const std::array<Feed, 2> kFeeds;
    static const Feed* find_feed(std::string_view path);

    net::Task<void> serve_asset(http::Stream& stream, std::string_view request_id);
    net::Task<Served> serve_live(http::Stream& stream, std::string_view request_id);
    net::Task<Served> serve_tail(http::Stream& stream, std::string_view request_id);
    net::Task<void> serve_lines(http::Stream& stream, std::string_view request_id,
                                std::uint64_t number);
    net::Task<Result<void>> begin_events(http::Stream& stream, std::string_view request_id,
                                         std::string_view first);
    void tick();
    void tell(const observe::Totals& totals);
    void drop_useless();
    boost::json::array suffering();
    [[nodiscard]] std::string hello(std::string_view authorization);

    ConsoleParts parts_;
    observe::History history_;
    ConsoleRecord record_;
    Timer timer_{*this};
    Instant timer_due_{};
    http::DateText date_;
    std::vector<Listener*> listeners_;  // of ticks
    std::vector<Listener*> readers_;    // of lines
    std::uint64_t tick_ = 0;
    std::uint64_t told_events_ = 0;
    std::uint64_t told_generation_ = 0;
    bool stopping_ = false;
};

}  // namespace gw::control
