#include "observe/access_log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>

namespace gw::observe {
namespace {

// What a sink wrote, through a pipe.
class Piped {
  public:
    Piped() { EXPECT_EQ(::pipe(fds_.data()), 0); }
    Piped(const Piped&) = delete;
    Piped& operator=(const Piped&) = delete;
    ~Piped() {
        ::close(fds_[0]);
        close_writer();
    }
    [[nodiscard]] int writer() const { return fds_[1]; }
    void close_writer() {
        if (fds_[1] >= 0) {
            ::close(std::exchange(fds_[1], -1));
        }
    }
    std::string all() {
        close_writer();
        std::string text;
        std::array<char, 4096> part{};
        for (ssize_t got = 0; (got = ::read(fds_[0], part.data(), part.size())) > 0;) {
            text.append(part.data(), static_cast<std::size_t>(got));
        }
        return text;
    }

  private:
    std::array<int, 2> fds_{};
};

AccessRecord record() {
    AccessRecord r;
    r.time = WallTime(std::chrono::milliseconds(1'795'417'200'123));
    r.request_id = "req-1";
    r.trace_id = "0af7651916cd43dd8448eb211c80319c";
    r.method = "GET";
    r.path = "/api/v1/events/7";
    r.route = "/api/v1/events/**";
    r.status = 200;
    r.duration = std::chrono::microseconds(1'500);
    r.ip = "203.0.113.7";
    r.protocol = "HTTP/1.1";
    r.outcome = "upstream";
    return r;
}

std::string written(const AccessRecord& r) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        AccessLog log(sink);
        log.write(r);
        log.flush();
        sink.drain(Millis{5'000});
    }
    return pipe.all();
}

TEST(AccessLog, OneLineHasTheFieldsInTheirOrder) {
    AccessRecord r = record();
    r.upstream = "event-service";
    r.upstream_duration = std::chrono::microseconds(900);
    r.bytes_in = 3;
    r.bytes_out = 1024;
    EXPECT_EQ(written(r),
              R"({"time":"2026-11-23T07:00:00.123Z","level":"INFO","msg":"request","service":"api-gateway",)"
              R"("requestId":"req-1","traceId":"0af7651916cd43dd8448eb211c80319c","method":"GET",)"
              R"("path":"/api/v1/events/7","route":"/api/v1/events/**","status":200,"durationMs":1.500,)"
              R"("upstream":"event-service","upstreamMs":0.900,"ip":"203.0.113.7","bytesIn":3,"bytesOut":1024,)"
              R"("protocol":"HTTP/1.1","outcome":"upstream"})"
              "\n");
}

TEST(AccessLog, SaysWhyAndWhoWhenThatIsKnown) {
    AccessRecord r = record();
    r.level = LogLevel::error;
    r.user_id = "u\"1";
    r.tenant_id = "alpha";
    r.outcome = "forward";
    r.detail = "connection refused";
    const boost::json::value line = boost::json::parse(written(r));
    EXPECT_EQ(line.at("level").as_string(), "ERROR");
    EXPECT_EQ(line.at("userId").as_string(), "u\"1");
    EXPECT_EQ(line.at("tenantId").as_string(), "alpha");
    EXPECT_EQ(line.at("outcome").as_string(), "forward: connection refused");
}

TEST(AccessLog, MasksSecretsInTheQueryHoweverTheirNamesAreWritten) {
    const auto masked = [](std::string_view query) {
        std::string out;
        append_masked_target(out, "/x", query, true);
        return out;
    };
    EXPECT_EQ(masked("a=1&token=abc&b=2"), "/x?a=1&token=***&b=2");
    EXPECT_EQ(masked("access_token=abc"), "/x?access_token=***");
    EXPECT_EQ(masked("API-Key=abc;q=1"), "/x?API-Key=***;q=1");
    EXPECT_EQ(masked("%74oken=abc"), "/x?%74oken=***");
    EXPECT_EQ(masked("tokens=abc&keyboard=x&password"), "/x?tokens=abc&keyboard=x&password");
    EXPECT_EQ(masked(""), "/x?");
}

TEST(AccessLog, ALineIsOneValidObjectWhateverThePath) {
    AccessRecord r = record();
    std::string path = "/";
    for (int c = 1; c < 256; ++c) {
        path += static_cast<char>(c);
    }
    path += std::string(10'000, '"');
    r.path = path;
    r.query = path;
    r.has_query = true;
    const std::string line = written(r);
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_NO_THROW(boost::json::parse(line));
    EXPECT_LT(line.size(), 40'000U);
}

TEST(LogSink, DropsAndCountsWhenNobodyReadsAndSaysSoLater) {
    Piped pipe;
    LogSink sink(pipe.writer(), 100'000);
    const std::string line(999, 'x');
    int refused = 0;
    for (int i = 0; i < 1'000; ++i) {
        refused += sink.submit(line + "\n") ? 0 : 1;
    }
    EXPECT_GT(refused, 500);
    EXPECT_EQ(sink.dropped_lines(), static_cast<std::uint64_t>(refused));
    // The destructor gives up on the pipe that nobody reads.
}

TEST(LogSink, AFailedOutputCostsLinesAndNothingElse) {
    LogSink sink(-1);
    sink.submit("a\nb\n");
    sink.drain(Millis{5'000});
    EXPECT_EQ(sink.dropped_lines(), 2U);
}

TEST(Log, WritesOnlyItsLevelAndAbove) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        Log log(sink, LogLevel::warn);
        log.info("quiet", {});
        log.error("loud", {{"reason", "x"}, {"count", std::int64_t{3}}});
        sink.drain(Millis{5'000});
    }
    const boost::json::value line = boost::json::parse(pipe.all());
    EXPECT_EQ(line.at("level").as_string(), "ERROR");
    EXPECT_EQ(line.at("msg").as_string(), "loud");
    EXPECT_EQ(line.at("count").as_int64(), 3);
}

}  // namespace
}  // namespace gw::observe
