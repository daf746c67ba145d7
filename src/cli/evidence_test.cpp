#include "cli/evidence.hpp"

#include <gtest/gtest.h>

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

Evidence of(const std::vector<std::string>& lines, Subject subject = {.user = "mallory"},
            const std::vector<std::string>& records = {}) {
    Evidence evidence(std::move(subject), std::string(kSince), "");
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
    const Evidence evidence = of({attempt("a", 403), request("a", 403, 300), request("b", 200, 9)});
    EXPECT_EQ(evidence.answer(), Accessed::no);
    EXPECT_EQ(why_of(evidence), "blocked");
    EXPECT_EQ(evidence.lines().size(), 3);
    EXPECT_EQ(evidence.report().at("allowed").as_array().size(), 1);
    EXPECT_EQ(evidence.report().at("refused").as_array().size(), 1);
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
