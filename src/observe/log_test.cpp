#include "observe/log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <sstream>

#include "observe/pipe_test_support.hpp"

namespace gw::observe {
namespace {

using Steady = std::chrono::steady_clock;

// A condition that another thread brings about.
template <class Condition>
bool comes(Condition condition) {
    const Instant latest = Steady::now() + Millis{10'000};
    while (!condition()) {
        if (Steady::now() > latest) {
            return false;
        }
        std::this_thread::yield();
    }
    return true;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        lines.push_back(line);
    }
    return lines;
}

std::uint64_t fill(LogSink& sink, std::size_t count, const std::string& line) {
    std::uint64_t refused = 0;
    for (std::size_t i = 0; i < count; ++i) {
        refused += sink.submit(line + "\n") ? 0 : 1;
    }
    return refused;
}

Millis cpu_time() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto ms = [](const timeval& t) { return Millis{t.tv_sec * 1'000 + t.tv_usec / 1'000}; };
    return ms(usage.ru_utime) + ms(usage.ru_stime);
}

TEST(LogSink, WritesBlocksWholeAndInOrder) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        sink.submit("a\nb\n");
        sink.submit("c\n");
        sink.drain(Millis{5'000});
        EXPECT_EQ(sink.dropped_lines(), 0U);
    }
    EXPECT_EQ(pipe.all(), "a\nb\nc\n");
}

TEST(LogSink, ShowsWhatItWritesToWhoeverWatches) {
    Piped pipe;
    LogTap tap;
    LogSink sink(pipe.writer());
    sink.show_to(tap);
    sink.submit("before\n");
    sink.drain(Millis{5'000});
    const std::uint64_t watcher = tap.open({});
    std::vector<std::string> seen;
    sink.submit("a\nb\n");
    sink.submit("c\n");
    EXPECT_TRUE(comes([&] {
        for (std::string& line : tap.take(watcher).lines) {
            seen.push_back(std::move(line));
        }
        return seen.size() == 3;
    }));
    EXPECT_EQ(seen, (std::vector<std::string>{"a", "b", "c"}));
    tap.close(watcher);
    sink.submit("after\n");
    sink.drain(Millis{5'000});
    EXPECT_TRUE(tap.take(watcher).lines.empty());
}

TEST(LogSink, WritesWhatWaitsBeforeItEnds) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        fill(sink, 100, "x");
    }
    EXPECT_EQ(pipe.all().size(), 200U);
}

TEST(LogSink, LinesOfManyThreadsAreNeverMixed) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        {
            std::vector<std::jthread> threads;
            for (const char c : {'a', 'b', 'c', 'd'}) {
                threads.emplace_back([&sink, c] { fill(sink, 200, std::string(100, c)); });
            }
        }
        sink.drain(Millis{5'000});
    }
    const std::vector<std::string> lines = lines_of(pipe.all());
    EXPECT_EQ(lines.size(), 800U);
    for (const std::string& line : lines) {
        EXPECT_EQ(line, std::string(100, line.at(0)));
    }
}

TEST(LogSink, DropsAndCountsWhenNobodyReadsAndSaysSoLater) {
    Piped pipe;
    LogSink sink(pipe.writer(), 600'000);
    const std::string line = R"({"n":")" + std::string(990, 'x') + R"("})";
    const std::uint64_t refused = fill(sink, 2'000, line);
    EXPECT_GT(refused, 500U);
    EXPECT_EQ(sink.dropped_lines(), refused);
    // Every line is either written or reported, sooner or later.
    std::string text;
    std::uint64_t written = 0;
    std::uint64_t reported = 0;
    EXPECT_TRUE(comes([&] {
        text += pipe.at_hand();
        written = 0;
        reported = 0;
        for (const std::string& one : lines_of(text.substr(0, text.rfind('\n') + 1))) {
            const boost::json::object object = boost::json::parse(one).as_object();
            if (const auto* count = object.if_contains("lines")) {
                EXPECT_EQ(object.at("level").as_string(), "WARN");
                reported += static_cast<std::uint64_t>(count->as_int64());
            } else {
                ++written;
            }
        }
        return written + reported == 2'000U;
    }));
    EXPECT_EQ(reported, refused);
    EXPECT_EQ(written + refused, 2'000U);
}

TEST(LogSink, EndsSoonWhenNobodyReads) {
    Piped pipe;
    const Instant began = Steady::now();
    std::uint64_t dropped = 0;
    {
        LogSink sink(pipe.writer());
        fill(sink, 5'000, std::string(500, 'x'));  // ten times what a pipe holds, as many blocks
        dropped = sink.dropped_lines();
    }
    EXPECT_EQ(dropped, 0U);
    EXPECT_LT(Steady::now() - began, Millis{3'000});
}

TEST(LogSink, EndsSoonWhenTheReaderIsSlow) {
    Piped pipe;
    std::atomic<bool> done{false};
    std::jthread reader([&] {
        // One byte frees a page now and then: never fast enough, never still.
        std::array<char, 64> part{};
        while (!done.load() && ::read(pipe.reader(), part.data(), part.size()) > 0) {
            std::this_thread::yield();
        }
    });
    Instant began;
    {
        LogSink sink(pipe.writer());
        fill(sink, 8'000, std::string(900, 'x'));
        began = Steady::now();
    }
    EXPECT_LT(Steady::now() - began, Millis{3'000});
    done.store(true);
    pipe.close_writer();
}

TEST(LogSink, AReaderThatWentAwayCostsLinesAndNothingElse) {
    Piped pipe;
    pipe.close_reader();
    LogSink sink(pipe.writer());
    fill(sink, 100, "a");
    sink.drain(Millis{5'000});
    EXPECT_EQ(sink.dropped_lines(), 100U);
}

TEST(LogSink, AClosedOutputCostsLinesAndNothingElse) {
    const int fd = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    // A number that nobody else is given meanwhile.
    const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, 900);
    ::close(fd);
    LogSink sink(high);
    ::close(high);
    sink.submit("a\nb\n");
    sink.drain(Millis{5'000});
    EXPECT_EQ(sink.dropped_lines(), 2U);
    LogSink none(-1);
    none.submit("a\nb\n");
    none.drain(Millis{5'000});
    EXPECT_EQ(none.dropped_lines(), 2U);
}

TEST(LogSink, AFullDiskCostsLinesAndNothingElse) {
    const int fd = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    {
        LogSink sink(fd);
        fill(sink, 1'000, "a");
        sink.drain(Millis{5'000});
        EXPECT_EQ(sink.dropped_lines(), 1'000U);
    }
    ::close(fd);
}

TEST(LogSink, AnOutputThatBlocksCostsNoCpu) {
    Piped pipe;
    LogSink sink(pipe.writer(), 600'000);
    fill(sink, 2'000, std::string(500, 'x'));
    const Millis before = cpu_time();
    sink.drain(Millis{500});
    EXPECT_LT(cpu_time() - before, Millis{200});
}

// A disk that fills in the middle of a line leaves that line without an end.
TEST(LogSink, ATornLineDoesNotSpoilTheNext) {
    std::array<char, 32> path{"/tmp/log_sink_XXXXXX"};
    const int fd = ::mkstemp(path.data());
    ASSERT_GE(fd, 0);
    ::unlink(path.data());
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit before = limit;
    {
        LogSink sink(fd);
        limit.rlim_cur = 1'000;
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        sink.submit(std::string(700, 'a') + "\n" + std::string(700, 'b') + "\n" +
                    std::string(700, 'c') + "\n");
        sink.drain(Millis{5'000});
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
        EXPECT_EQ(sink.dropped_lines(), 2U);
        sink.submit("d\n");
        sink.drain(Millis{5'000});
    }
    std::string text(10'000, '\0');
    text.resize(static_cast<std::size_t>(::pread(fd, text.data(), text.size(), 0)));
    ::close(fd);
    const std::vector<std::string> lines = lines_of(text);
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(lines[1], std::string(299, 'b'));
    EXPECT_EQ(lines[2], "d");
    EXPECT_EQ(boost::json::parse(lines[3]).at("lines").as_int64(), 2);
}

// Whoever started us may have made our output non-blocking, or a socket.
TEST(LogSink, ANonBlockingOutputGetsEverything) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    constexpr std::size_t kLines = 4'000;
    std::size_t read = 0;
    {
        LogSink sink(ends[0]);
        EXPECT_EQ(fill(sink, kLines, std::string(999, 'x')), 0U);
        std::array<char, 65'536> part{};
        EXPECT_TRUE(comes([&] {
            const ssize_t got = ::read(ends[1], part.data(), part.size());
            read += got > 0 ? static_cast<std::size_t>(got) : 0;
            return read == kLines * 1'000;
        }));
        EXPECT_EQ(sink.dropped_lines(), 0U);
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(Log, WritesOnlyItsLevelAndAbove) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        Log log(sink, LogLevel::warn);
        log.info("quiet");
        log.warn("loud");
        log.set_level(LogLevel::debug);
        log.debug("louder");
        log.set_level(LogLevel::error);
        log.set_level(LogLevel::error);
        sink.drain(Millis{5'000});
    }
    const std::vector<std::string> lines = lines_of(pipe.all());
    ASSERT_EQ(lines.size(), 4U);
    EXPECT_EQ(boost::json::parse(lines[0]).at("level").as_string(), "WARN");
    EXPECT_EQ(boost::json::parse(lines[1]).at("to").as_string(), "DEBUG");
    EXPECT_EQ(boost::json::parse(lines[2]).at("msg").as_string(), "louder");
    EXPECT_EQ(boost::json::parse(lines[3]).at("msg").as_string(), "log level changed");
}

TEST(Log, ANumberThatThereIsNotIsNoField) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        Log log(sink, LogLevel::info);
        log.info("a", {{"known", std::optional(std::int64_t{0})},
                       {"unknown", std::optional<std::int64_t>()}});
        sink.drain(Millis{5'000});
    }
    const boost::json::value line = boost::json::parse(lines_of(pipe.all()).at(0));
    EXPECT_EQ(line.at("known").as_int64(), 0);
    EXPECT_EQ(line.as_object().if_contains("unknown"), nullptr);
}

TEST(Log, ALineHasTimeLevelMessageServiceAndThenItsFields) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        Log log(sink, LogLevel::info);
        const std::string text = "x\"y\nz";
        log.error("loud", {{"reason", text},
                           {"count", std::int64_t{-3}},
                           {"ratio", 0.5},
                           {"again", true},
                           {"nothing", std::numeric_limits<double>::quiet_NaN()}});
        sink.drain(Millis{5'000});
    }
    const std::string line = pipe.all();
    constexpr std::size_t kTime = std::string_view(R"({"time":"2026-11-23T07:00:00.123Z")").size();
    EXPECT_EQ(line.substr(kTime),
              R"(,"level":"ERROR","msg":"loud","service":"api-gateway","reason":"x\"y\nz",)"
              R"("count":-3,"ratio":0.5,"again":true,"nothing":null})"
              "\n");
}

TEST(Log, SaysWhereItComesFrom) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        Log log(sink, LogLevel::info);
        sink.set_origin(origin_members("", "gw-1"));
        log.info("one", {{"count", std::int64_t{1}}});
        sink.set_origin(origin_members("eu", "gw-1"));
        log.info("two");
        sink.drain(Millis{5'000});
    }
    const std::string lines = pipe.all();
    EXPECT_NE(lines.find(R"("count":1,"instanceId":"gw-1"})"), std::string::npos) << lines;
    EXPECT_NE(lines.find(R"("service":"api-gateway","region":"eu","instanceId":"gw-1"})"),
              std::string::npos)
        << lines;
}

}  // namespace
}  // namespace gw::observe
