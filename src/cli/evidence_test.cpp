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

// What a gateway says of itself, in the life of each process.
std::string life(std::string_view time, std::string_view message, std::string_view gateway = "") {
    return R"({"time":")" + std::string(time) + R"(","level":"INFO","msg":")" +
           std::string(message) + R"(","instanceId":")" + std::string(gateway) + "\"}";
}

constexpr std::string_view kBefore = "2026-11-22T00:00:00.000Z";
constexpr std::string_view kAfter = "2026-11-23T09:00:00.000Z";

// Of a log that begins before kSince, names all whom tests ask for, and whose gateway has ended.
std::vector<std::string> whole(const std::vector<std::string>& lines) {
    std::vector<std::string> all{
        R"({"time":"2026-11-22T00:00:00.000Z","level":"WARN","msg":"security violation: )"
        R"(cross-tenant access attempt","requestId":"z","sourceTenant":"t1","targetTenant":"t2",)"
        R"("userId":"mallory","ip":"203.0.113.7"})"};
    all.insert(all.end(), lines.begin(), lines.end());
    all.push_back(life(kAfter, "gateway stopped"));
    return all;
}

Evidence of(const std::vector<std::string>& given, Subject subject = {.user = "mallory"},
            const std::vector<std::string>& records = {}, bool is_whole = true,
            const std::string& until = "", const std::string& settled = "") {
    Evidence evidence(std::move(subject), std::string(kSince), until, settled);
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
    EXPECT_EQ(gap_of(of({request("a", 403, 1), life(kAfter, "gateway stopped")},
                        {.user = "mallory"}, {}, false)),
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
                           const std::string& instance = "") {
        return R"({"time":")" + time + R"(","level":"WARN","msg":"log level changed","from":")" +
               from + R"(","to":")" + to + R"(","instanceId":")" + instance + "\"}";
    };
    const std::string before = "2026-11-22T23:00:00.000Z";
    const std::string within = "2026-11-23T07:00:00.000Z";
    const std::string served = request("a", 403, 1);
    EXPECT_EQ(of({served, change(within, "INFO", "WARN")}).answer(), Accessed::unknown);
    EXPECT_EQ(of({served, change(within, "ERROR", "INFO")}).answer(), Accessed::unknown);
    EXPECT_EQ(of({served, change(within, "INFO", "DEBUG")}).answer(), Accessed::no);
    EXPECT_EQ(of({change(before, "INFO", "WARN"), served}).answer(), Accessed::unknown);
    const auto with_another = [&](const std::string& last) {
        return of({life(kBefore, "gateway started", "b"), change(before, "INFO", "WARN"), last,
                   served, life(kAfter, "gateway stopped", "b")})
            .answer();
    };
    EXPECT_EQ(with_another(change(before, "WARN", "INFO")), Accessed::no);
    EXPECT_EQ(with_another(change(before, "WARN", "INFO", "b")), Accessed::unknown);
    const std::string end = "2026-11-23T08:00:00.000Z";
    EXPECT_EQ(of({}, {.user = "mallory"}, {}, true, end, end).answer(), Accessed::unknown);
    EXPECT_EQ(of({served}, {.user = "mallory"}, {}, true, end, end).answer(), Accessed::no);
    // One of several gateways, from its start on.
    const auto silent = [](std::string_view time) {
        return R"({"time":")" + std::string(time) +
               R"(","level":"WARN","msg":"x","instanceId":"b"})";
    };
    EXPECT_EQ(of({silent(kBefore), served, silent(kAfter)}, {.user = "mallory"}, {}, true, end, end)
                  .answer(),
              Accessed::unknown);
}

std::vector<std::string> gaps_of(const Evidence& evidence) {
    std::vector<std::string> gaps;
    const boost::json::object report = evidence.report();
    for (const boost::json::value& gap : report.at("gaps").as_array()) {
        gaps.emplace_back(gap.as_string());
    }
    return gaps;
}

TEST(Evidence, DoesNotKnowWhereTheLinesOfOneGatewayBeginLate) {
    const std::string late = "2026-11-23T07:30:00.000Z";
    const Evidence evidence =
        of({request("a", 403, 1), life(late, "the state backend answers", "pod-b"),
            life(kAfter, "gateway stopped", "pod-b")});
    EXPECT_EQ(evidence.answer(), Accessed::unknown);
    EXPECT_EQ(gaps_of(evidence),
              std::vector<std::string>{"the lines of pod-b begin at " + late +
                                       ", later than was asked for: give older files, or --since " +
                                       late});
    // Nor of one that was started: its container may have had another process before.
    EXPECT_EQ(of({request("a", 403, 1), life(late, "gateway started", "pod-b"),
                  life(kAfter, "gateway stopped", "pod-b")})
                  .answer(),
              Accessed::unknown);
    EXPECT_EQ(of({request("a", 403, 1), life(kBefore, "gateway started", "pod-b"),
                  life(kAfter, "gateway stopped", "pod-b")})
                  .answer(),
              Accessed::no);
}

// It ends at 07:00.
std::string slow(std::string_view id, std::string_view ms) {
    std::string line = request(id, 200, 8'000'000);
    constexpr std::string_view kTook = "1.0,";
    line.replace(line.find(kTook, line.find("durationMs")), kTook.size(), std::string(ms) + ",");
    return line;
}

TEST(Evidence, CountsWhatWasUnderWayInTheTime) {
    const auto answer = [](const std::string& line) {
        return of({request("a", 403, 1), request("b", 403, 1, "alice"), line}, {.user = "mallory"},
                  {}, true, "2026-11-23T06:59:00.000Z", "2026-11-23T08:00:00.000Z");
    };
    EXPECT_EQ(answer(slow("c", "61000.5")).answer(), Accessed::yes);
    EXPECT_EQ(answer(slow("c", "61000")).answer(), Accessed::yes);
    EXPECT_EQ(answer(slow("c", "1e300")).answer(), Accessed::yes);
    EXPECT_EQ(answer(slow("c", R"("long")")).answer(), Accessed::yes);
    EXPECT_NE(answer(slow("c", "59000.0")).answer(), Accessed::yes);
    EXPECT_NE(answer(slow("c", "-1")).answer(), Accessed::yes);
}

TEST(Evidence, DoesNotKnowWhatMayBeUnderWay) {
    const std::string until = "2026-11-23T08:00:00.000Z";
    const std::string settled = "2026-11-23T08:00:10.000Z";
    const auto answer = [&](const std::vector<std::string>& more, const std::string& end = "",
                            const std::string& ended = "") {
        std::vector<std::string> lines{life(kBefore, "gateway started"), request("a", 403, 1)};
        lines.insert(lines.end(), more.begin(), more.end());
        return of(lines, {.user = "mallory"}, {}, false, end, ended);
    };
    const Evidence runs = answer({});
    EXPECT_EQ(runs.answer(), Accessed::unknown);
    EXPECT_EQ(gaps_of(runs),
              std::vector<std::string>{
                  "what is under way has no line before it ends (the lines end at "
                  "2026-11-23T07:00:00.000Z): say --until, some time before these; `contain` ends "
                  "what somebody has under way"});
    EXPECT_EQ(answer({}, until, settled).answer(), Accessed::unknown);
    EXPECT_EQ(answer({life("2026-11-23T08:00:09.999Z", "x")}, until, settled).answer(),
              Accessed::unknown);
    EXPECT_EQ(answer({life(settled, "x")}, until, settled).answer(), Accessed::no);
    EXPECT_EQ(answer({life(kAfter, "gateway stopped")}).answer(), Accessed::no);
    // Another gateway's lines say nothing of it, nor what it was before it was started again.
    EXPECT_EQ(
        answer({life(kBefore, "gateway started", "b"), life(kAfter, "x", "b")}, until, settled)
            .answer(),
        Accessed::unknown);
    EXPECT_EQ(answer({life(until, "gateway stopped"), life(kAfter, "gateway started")}).answer(),
              Accessed::unknown);
    EXPECT_EQ(answer({life(until, "gateway stopped"), life(until, "gateway started"),
                      life(kAfter, "gateway stopped")})
                  .answer(),
              Accessed::no);
}

TEST(Evidence, DoesNotKnowWhatAProcessHadUnderWayThatEndedWithoutAWord) {
    const std::string middle = "2026-11-23T07:30:00.000Z";
    const std::string start = life(kBefore, "gateway started");
    const std::string again = life(middle, "gateway started");
    // whole() ends with the end of one.
    EXPECT_EQ(of({start, request("a", 403, 1), again}).answer(), Accessed::unknown);
    EXPECT_EQ(of({request("a", 403, 1), again}).answer(), Accessed::unknown);
    const std::string end = "2026-11-23T08:00:00.000Z";
    const Evidence killed = of({start, request("a", 403, 1), again, life(kAfter, "x")},
                               {.user = "mallory"}, {}, false, end, end);
    EXPECT_EQ(killed.answer(), Accessed::unknown);
    EXPECT_EQ(gaps_of(killed),
              std::vector<std::string>{"a process began in place of one that did not say that it "
                                       "ended (the lines): what was under way there has no line"});
    // One takes over from the other, and the same line is in two files.
    const std::string over = life("2026-11-23T07:30:01.000Z", "gateway stopped");
    EXPECT_EQ(of({start, request("a", 403, 1), again, over}).answer(), Accessed::no);
    EXPECT_EQ(of({start, start, request("a", 403, 1), again, again, over}).answer(), Accessed::no);
}

std::string violation(std::string_view id, std::string_view kind) {
    return R"({"time":"2026-11-23T07:00:00.000Z","level":"WARN","msg":"security violation",)"
           R"("requestId":")" +
           std::string(id) + R"(","violationType":")" + std::string(kind) +
           R"(","tenantId":"t1","userId":"mallory","detail":"x","ip":"203.0.113.7"})";
}

TEST(Evidence, AsksOfAnotherTenantOnlyWhatWasAnAttemptAtOne) {
    const Evidence own = of({violation("a", "header_manipulation"), request("a", 200, 9)});
    EXPECT_EQ(own.answer(), Accessed::yes);
    EXPECT_EQ(own.crossed(), Accessed::no);
    EXPECT_EQ(own.report().at("attempts").as_array().size(), 1);
    const Evidence crossing = of({attempt("a", 200), request("a", 200, 9)});
    EXPECT_EQ(crossing.crossed(), Accessed::yes);
    // What a service made of an injection, nobody here knows.
    for (const char* kind : {"injection", "path_traversal"}) {
        EXPECT_EQ(of({violation("a", kind), request("a", 200, 9)}).crossed(), Accessed::unknown);
        EXPECT_EQ(of({violation("a", kind), request("a", 400, 9)}).crossed(), Accessed::no);
    }
    // An attempt without the line of its request may have been served.
    const Evidence missing = of({violation("a", "header_manipulation"), request("b", 403, 9)});
    EXPECT_EQ(missing.answer(), Accessed::unknown);
    EXPECT_EQ(missing.crossed(), Accessed::no);
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
    Evidence evidence({.user = "mallory"}, "2026-11-23T07:00:00.001Z", "", "");
    evidence.find_attempts(attempt("a", 200));
    evidence.find_requests(request("a", 200, 1));
    EXPECT_TRUE(evidence.lines().empty());
}

}  // namespace
}  // namespace gw::cli
