#include "observe/log_tap.hpp"

#include <gtest/gtest.h>

namespace gw::observe {
namespace {

constexpr std::string_view kRequest =
    R"({"time":"t","level":"INFO","msg":"request","method":"GET","path":"/a?q=\"userId\":\"7\"","route":"/a/**","status":404,"durationMs":1.2,"ip":"203.0.113.7","userId":"42","tenantId":"t1","outcome":"upstream"})";
constexpr std::string_view kEvent =
    R"({"time":"t","level":"WARN","msg":"security violation","ip":"203.0.113.8","sourceTenant":"t2","targetTenant":"t1","status":403})";

TEST(FieldOf, FindsFieldsAndNotWhatTextsSay) {
    EXPECT_EQ(field_of(kRequest, "\"userId\":"), "42");
    EXPECT_EQ(field_of(kRequest, "\"status\":"), "404");
    EXPECT_EQ(field_of(kRequest, "\"path\":"), R"(/a?q=\"userId\":\"7\")");
    EXPECT_EQ(field_of(kRequest, "\"none\":"), "");
    EXPECT_EQ(field_of(R"({"ip":"cut)", "\"ip\":"), "");
}

TEST(LineFilter, FitsByEachField) {
    EXPECT_TRUE(LineFilter{}.fits(kRequest));
    EXPECT_TRUE(LineFilter{}.fits(kEvent));
    const auto fits = [](std::string LineFilter::* field, const char* value,
                         std::string_view line) {
        LineFilter filter;
        filter.*field = value;
        return filter.fits(line);
    };
    EXPECT_TRUE(fits(&LineFilter::user, "42", kRequest));
    EXPECT_FALSE(fits(&LineFilter::user, "4", kRequest));
    EXPECT_FALSE(fits(&LineFilter::user, "42", kEvent));
    EXPECT_TRUE(fits(&LineFilter::tenant, "t1", kRequest));
    EXPECT_TRUE(fits(&LineFilter::tenant, "t1", kEvent));
    EXPECT_TRUE(fits(&LineFilter::tenant, "t2", kEvent));
    EXPECT_TRUE(fits(&LineFilter::address, "203.0.113.", kRequest));
    EXPECT_FALSE(fits(&LineFilter::address, "203.0.113.7", kEvent));
    EXPECT_TRUE(fits(&LineFilter::route, "/a", kRequest));
    EXPECT_FALSE(fits(&LineFilter::route, "/b", kRequest));
    EXPECT_TRUE(fits(&LineFilter::status, "4xx", kRequest));
    EXPECT_TRUE(fits(&LineFilter::status, "404", kRequest));
    EXPECT_TRUE(fits(&LineFilter::status, "error", kEvent));
    EXPECT_FALSE(fits(&LineFilter::status, "5xx", kRequest));
    EXPECT_TRUE(fits(&LineFilter::text, "violation", kEvent));
    EXPECT_TRUE(fits(&LineFilter::text, "\"userId\":\"7\"", kRequest));
}

TEST(LineFilter, TellsRequestsFromEvents) {
    LineFilter filter;
    filter.events = false;
    EXPECT_TRUE(filter.fits(kRequest));
    EXPECT_FALSE(filter.fits(kEvent));
    filter = {};
    filter.requests = false;
    EXPECT_FALSE(filter.fits(kRequest));
    EXPECT_TRUE(filter.fits(kEvent));
}

TEST(LogTap, GivesEachWhatFitsOnce) {
    LogTap tap;
    LineFilter filter;
    filter.user = "42";
    const std::uint64_t one = tap.open(filter);
    const std::uint64_t all = tap.open({});
    const std::string block = std::string(kRequest) + "\n" + std::string(kEvent) + "\n";
    tap.feed(block);
    EXPECT_EQ(tap.take(one).lines, std::vector<std::string>{std::string(kRequest)});
    EXPECT_EQ(tap.take(all).lines.size(), 2U);
    EXPECT_TRUE(tap.take(all).lines.empty());
    tap.close(one);
    tap.feed(block);
    EXPECT_TRUE(tap.take(one).lines.empty());
    EXPECT_EQ(tap.take(all).lines.size(), 2U);
}

TEST(LogTap, ARingIsBoundedAndSaysWhatItSkipped) {
    LogTap tap;
    const std::uint64_t all = tap.open({});
    for (std::size_t i = 0; i < LogTap::kLinesMax + 5; ++i) {
        tap.feed(std::string(kEvent) + "\n");
    }
    const LogTap::Taken taken = tap.take(all);
    EXPECT_EQ(taken.lines.size(), LogTap::kLinesMax);
    EXPECT_EQ(taken.skipped, 5U);
}

TEST(LogTap, HasRoomForSoManyOnly) {
    LogTap tap;
    for (std::size_t i = 0; i < LogTap::kWatchersMax; ++i) {
        EXPECT_NE(tap.open({}), 0U);
    }
    EXPECT_EQ(tap.open({}), 0U);
    tap.close(1);
    EXPECT_NE(tap.open({}), 0U);
}

std::string line_of(int status, const char* tenant) {
    return R"({"status":)" + std::to_string(status) +
           R"(,"durationMs":1,"ip":"203.0.113.7","tenantId":")" + tenant + "\"}\n";
}

TEST(LogTap, CountsWhoSuffersWhileItIsAsked) {
    LogTap tap;
    tap.feed(line_of(429, "t1"));
    EXPECT_TRUE(tap.suffering(10).empty());
    tap.count_suffering(true);
    tap.feed(line_of(429, "t1") + line_of(503, "t2") + line_of(503, "t2") + line_of(200, "t3"));
    std::vector<LogTap::Sufferer> found = tap.suffering(10);
    ASSERT_EQ(found.size(), 2U);
    tap.feed(R"({"status":503,"ip":"127.0.0.1","outcome":"health"})"
             "\n");
    EXPECT_EQ(tap.suffering(10).size(), 2U) << "probes are nobody who is hurt";
    EXPECT_EQ(found[0].tenant, "t2");
    EXPECT_EQ(found[0].failed, 2U);
    EXPECT_EQ(found[1].limited, 1U);
    tap.turn_minute();
    tap.feed(line_of(429, "t1"));
    EXPECT_EQ(tap.suffering(10)[0].limited, 2U);
    tap.turn_minute();
    tap.turn_minute();
    EXPECT_TRUE(tap.suffering(10).empty());
    for (int i = 0; i < 1'000; ++i) {
        tap.feed(line_of(500, std::to_string(i).c_str()));
    }
    EXPECT_EQ(tap.suffering(1'000).size(), LogTap::kSuffering);
}

}  // namespace
}  // namespace gw::observe
