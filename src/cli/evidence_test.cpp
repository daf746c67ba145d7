#include "cli/evidence.hpp"

#include <gtest/gtest.h>

#include "cli/evidence_command.hpp"

namespace gw::cli {
namespace {

constexpr std::string_view kSince = "2026-11-23T00:00:00.000Z";

std::string request(std::string_view id, int status, int bytes, std::string_view user = "mallory") {
    return R"({"time":"2026-11-23T07:00:00.000Z","level":"INFO","msg":"request","requestId":")" +
           std::string(id) + R"(","method":"GET","path":"/v/1","route":"/v/{id}","status":)" +
           std::to_string(status) + R"(,"durationMs":1.0,"ip":"203.0.113.7","userId":")" +
           std::string(user) + R"(","tenantId":"t1","bytesOut":)" + std::to_string(bytes) +
           R"(,"outcome":"x"})";
}

std::string attempt(std::string_view id, int status) {
    return R"({"time":"2026-11-23T07:00:00.000Z","level":"WARN",)"
           R"("msg":"security violation: cross-tenant access attempt","requestId":")" +
           std::string(id) +
           R"(","violationType":"tenant_bypass","sourceTenant":"t1","targetTenant":"t2",)"
           R"("userId":"mallory","resource":"/v/1","outcome":"blocked","status":)" +
           std::to_string(status) + R"(,"ip":"203.0.113.7"})";
}

std::string record() {
    return R"({"seq":1,"time":"2026-11-23T07:00:00.000Z","event":"tenant_bypass",)"
           R"("requester":"mallory","tenant":"t1","address":"203.0.113.7","resource":"GET /v/1",)"
           R"x("decision":"blocked","detail":"target t2 by path (403)","prev":"","hash":""})x";
}

// Of a log that begins before kSince and names all whom tests ask for.
std::vector<std::string> whole(const std::vector<std::string>& lines) {
    std::vector<std::string> all{
        R"({"time":"2026-11-22T00:00:00.000Z","level":"WARN","msg":"security violation: )"
        R"(cross-tenant access attempt","requestId":"z","sourceTenant":"t1","targetTenant":"t2",)"
        R"("userId":"mallory","ip":"203.0.113.7"})"};
    all.insert(all.end(), lines.begin(), lines.end());
    return all;
}

Evidence of(const std::vector<std::string>& given, Subject subject = {.user = "mallory"},
            const std::vector<std::string>& records = {}, bool is_whole = true) {
    Evidence evidence(std::move(subject), std::string(kSince), "");
    const std::vector<std::string> lines = is_whole ? whole(given) : given;
    for (const std::string& line : lines) {
        evidence.find_attempts(line);
    }
    for (const std::string& line : lines) {
        evidence.find_requests(line);
    }
    for (const std::string& line : records) {
        evidence.find_records(line);
    }
    return evidence;
}

std::string why_of(const Evidence& evidence) {
    return std::string(
        evidence.report().at("attempts").as_array().at(0).as_object().at("why").as_string());
}

TEST(Evidence, SaysNoWhereEveryAttemptWasRefused) {
    const Evidence evidence = of({attempt("a", 403), request("a", 403, 300), request("b", 404, 9)});
    EXPECT_EQ(evidence.answer(), Accessed::no);
    EXPECT_EQ(why_of(evidence), "blocked");
    EXPECT_EQ(evidence.lines().size(), 3);
    EXPECT_EQ(evidence.report().at("refused").as_array().at(0).at("requests").as_int64(), 2);
}

TEST(Evidence, SaysYesWhereTheirOwnWasServedAndNoOfAnotherTenant) {
    const Evidence evidence = of({attempt("a", 403), request("a", 403, 300), request("b", 200, 9),
                                  request("c", 200, 5), request("d", 200, 7, "alice")});
    EXPECT_EQ(evidence.answer(), Accessed::yes);
    EXPECT_EQ(evidence.crossed(), Accessed::no);
    const boost::json::object report = evidence.report();
    EXPECT_EQ(report.at("served").at("requests").as_int64(), 2);
    EXPECT_EQ(report.at("served").at("bytesOut").as_int64(), 14);
    EXPECT_EQ(report.at("otherTenants").as_string(), "no");
    EXPECT_EQ(report.at("allowed").as_array().size(), 1);
}

TEST(Evidence, DoesNotKnowWhatItHasNoLinesOf) {
    const auto gap_of = [](const Evidence& evidence) {
        EXPECT_EQ(evidence.answer(), Accessed::unknown);
        return std::string(evidence.report().at("gaps").as_array().at(0).as_string());
    };
    EXPECT_EQ(gap_of(of({}, {.user = "mallory"}, {}, false)), "no line of a gateway is there");
    EXPECT_EQ(gap_of(of({request("a", 403, 1)}, {.user = "mallory"}, {}, false)),
              "the lines begin at 2026-11-23T07:00:00.000Z, later than was asked for: give older "
              "files, or --since 2026-11-23T07:00:00.000Z");
    for (const auto& [subject, what] :
         {std::pair{Subject{.user = "malory"}, "user malory"},
          {Subject{.tenant = "t3"}, "tenant t3"},
          {Subject{.address = "203.0.113.8"}, "address 203.0.113.8"}}) {
        EXPECT_EQ(gap_of(of({request("a", 403, 1)}, subject)),
                  "no line names " + std::string(what) + ": is it spelt as lines have it?");
    }
}

TEST(Evidence, DoesNotKnowWhereTheLogLevelLeftLinesOut) {
    const auto change = [](const std::string& time, const std::string& from, const std::string& to,
                           const std::string& instance) {
        return R"({"time":")" + time + R"(","level":"WARN","msg":"log level changed","from":")" +
               from + R"(","to":")" + to + R"(","instanceId":")" + instance + "\"}";
    };
    const std::string before = "2026-11-22T23:00:00.000Z";
    const std::string within = "2026-11-23T07:00:00.000Z";
    const std::string served = request("a", 403, 1);
    EXPECT_EQ(of({served, change(within, "INFO", "WARN", "1")}).answer(), Accessed::unknown);
    EXPECT_EQ(of({served, change(within, "ERROR", "INFO", "1")}).answer(), Accessed::unknown);
    EXPECT_EQ(of({served, change(within, "INFO", "DEBUG", "1")}).answer(), Accessed::no);
    EXPECT_EQ(of({change(before, "INFO", "WARN", "1"), served}).answer(), Accessed::unknown);
    EXPECT_EQ(of({change(before, "INFO", "WARN", "1"), change(before, "WARN", "INFO", "1"), served})
                  .answer(),
              Accessed::no);
    EXPECT_EQ(of({change(before, "INFO", "WARN", "1"), change(before, "WARN", "INFO", "2"), served})
                  .answer(),
              Accessed::unknown);
    EXPECT_EQ(of({}).answer(), Accessed::unknown);
    EXPECT_EQ(of({served}).answer(), Accessed::no);
}

TEST(Evidence, DoesNotKnowWhereOnlyAShareHasLines) {
    std::string other = request("b", 403, 10, "alice");
    EXPECT_EQ(of({request("a", 403, 10), other}).answer(), Accessed::no);
    other.insert(other.size() - 1, R"(,"sampled":true)");
    EXPECT_EQ(of({request("a", 403, 10), other}).answer(), Accessed::unknown);
    EXPECT_EQ(of({request("a", 200, 10), other}).answer(), Accessed::yes);
}

TEST(Evidence, KnowsTimesThatThereAre) {
    constexpr WallTime kNow{std::chrono::seconds(1'795'437'000)};
    EXPECT_EQ(moment_text("1h", kNow), "2026-11-23T11:30:00.000Z");
    EXPECT_EQ(moment_text("2026-11-23", kNow), "2026-11-23T00:00:00.000Z");
    EXPECT_EQ(moment_text("2026-11-23T07:00:00Z", kNow), "2026-11-23T07:00:00.000Z");
    EXPECT_EQ(moment_text("2026-11-23T07:00:00.412Z", kNow), "2026-11-23T07:00:00.412Z");
    for (const char* text : {"2026-99-99", "2026-02-30", "2026-11-23T25:00:00Z", "2026-11-23T07:00",
                             "yesterday", "", "0h"}) {
        EXPECT_EQ(moment_text(text, kNow), "") << text;
    }
}

TEST(Evidence, SaysYesWithTheBytesWhereOneWasServed) {
    const Evidence evidence = of({request("a", 200, 4711), attempt("a", 200), attempt("b", 403)});
    EXPECT_EQ(evidence.answer(), Accessed::yes);
    EXPECT_EQ(evidence.report().at("attempts").as_array().at(0).at("bytesOut").as_int64(), 4711);
}

TEST(Evidence, DoesNotKnowWithoutTheLineOfTheRequest) {
    EXPECT_EQ(of({attempt("a", 403)}).answer(), Accessed::unknown);
}

TEST(Evidence, IsNotMisledByAnIdUsedTwice) {
    const Evidence evidence =
        of({attempt("a", 403), request("a", 403, 300), request("a", 200, 9, "accomplice")});
    EXPECT_EQ(evidence.answer(), Accessed::unknown);
    EXPECT_EQ(why_of(evidence), "requests with the same id ended differently");
}

TEST(Evidence, DoesNotKnowWhereLinesAreMissingOrBroken) {
    const std::string dropped =
        R"({"time":"2026-11-23T07:00:00.000Z","level":"WARN",)"
        R"("msg":"log lines were dropped: the output did not take them","lines":3})";
    EXPECT_EQ(of({dropped}).answer(), Accessed::unknown);
    EXPECT_EQ(of({R"({"time":"2026-11-23T07:0)"}).answer(), Accessed::unknown);
    EXPECT_EQ(of({}, {.user = "mallory"}, {record()}).answer(), Accessed::unknown);
    EXPECT_EQ(
        of({attempt("a", 403), request("a", 403, 1)}, {.user = "mallory"}, {record()}).answer(),
        Accessed::no);
}

TEST(Evidence, AsksForAUserATenantAsSourceOrTargetAndAnAddress) {
    const std::vector<std::string> lines{attempt("a", 403), request("a", 403, 1)};
    for (const Subject& subject : {Subject{.user = "mallory"}, Subject{.tenant = "t1"},
                                   Subject{.tenant = "t2"}, Subject{.address = "203.0.113.7"}}) {
        EXPECT_EQ(of(lines, subject).report().at("attempts").as_array().size(), 1);
    }
    EXPECT_TRUE(of(lines, {.user = "alice"}).report().at("attempts").as_array().empty());
    EXPECT_TRUE(of(lines, {.user = "alice"}).lines().empty());
}

TEST(Evidence, LeavesOutWhatWasBefore) {
    Evidence evidence({.user = "mallory"}, "2026-11-23T07:00:00.001Z", "");
    evidence.find_attempts(attempt("a", 200));
    evidence.find_requests(request("a", 200, 1));
    EXPECT_TRUE(evidence.lines().empty());
}

}  // namespace
}  // namespace gw::cli
