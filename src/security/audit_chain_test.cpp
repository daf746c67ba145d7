#include "security/audit_chain.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <csignal>
#include <fstream>
#include <sstream>
#include <vector>

#include "security/audit_line.hpp"

namespace gw::security {
namespace {

using Finding = AuditReport::Finding;

const WallTime kNow{Millis(1'795'417'200'123)};

class AuditChainTest : public ::testing::Test {
  protected:
    AuditChainTest() {
        std::string name = "/tmp/audit_chain_XXXXXX";
        const char* const made = ::mkdtemp(name.data());
        folder_ = made != nullptr ? made : "";
    }
    ~AuditChainTest() override {
        ::unlink(path().c_str());
        ::unlink((path() + ".1").c_str());
        ::rmdir(folder_.c_str());
    }
    [[nodiscard]] std::string path() const { return folder_ + "/audit.log"; }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::ifstream file(path());
        std::vector<std::string> found;
        for (std::string line; std::getline(file, line);) {
            found.push_back(line);
        }
        return found;
    }
    void write(const std::vector<std::string>& lines) const {
        std::ofstream file(path());
        for (const std::string& line : lines) {
            file << line << '\n';
        }
    }
    AuditHead fill(int records, const std::string& secret = "") {
        AuditChain chain({.path = path(), .secret = secret});
        EXPECT_TRUE(chain.open(kNow));
        for (int i = 0; i < records; ++i) {
            const std::string resource = "/venues/" + std::to_string(i);
            EXPECT_TRUE(chain.append({.event = "ban",
                                      .requester = "user-1",
                                      .tenant = "tenant-a",
                                      .address = "203.0.113.7",
                                      .resource = resource,
                                      .decision = "blocked",
                                      .detail = "say \"no\"\n\",\"prev\":\""},
                                     kNow));
        }
        return chain.head();
    }
    std::string folder_;
};

TEST_F(AuditChainTest, WritesOneRecordALineThatIsVerified) {
    const AuditHead head = fill(5);
    const auto text = lines();
    ASSERT_EQ(text.size(), 5U);
    const auto object = boost::json::parse(text[0]).as_object();
    std::string names;
    for (const auto& member : object) {
        names += std::string(member.key()) + " ";
    }
    EXPECT_EQ(names, "seq time event requester tenant address resource decision detail prev hash ");
    EXPECT_EQ(object.at("time").as_string(), "2026-11-23T07:00:00.123Z");
    const AuditReport report = verify_audit(path(), "", head);
    EXPECT_EQ(report.finding, Finding::whole) << report.why;
    EXPECT_EQ(report.records, 5U);
    EXPECT_EQ(report.head.hash, head.hash);
    struct stat about{};
    ASSERT_EQ(::stat(path().c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
}

TEST_F(AuditChainTest, SeesEachFieldChanged) {
    fill(5);
    const auto good = lines();
    for (const char* change : {"\"seq\":3", "07:00:00", "ban", "user-1", "tenant-a", "203.0.113.7",
                               "/venues/2", "blocked", "say", "\"prev\":\"", "\"hash\":\""}) {
        auto bad = good;
        std::string& line = bad[2];
        const std::size_t at = line.rfind(change) + std::strlen(change) - 1;
        const bool quote = line[at] == '"';
        char& changed = line[quote ? at + 1 : at];
        changed = changed == '1' ? '2' : '1';
        write(bad);
        const AuditReport report = verify_audit(path(), "");
        EXPECT_NE(report.finding, Finding::whole) << change;
        EXPECT_EQ(report.line, 3U) << change;
    }
}

TEST_F(AuditChainTest, SeesEveryByteChanged) {
    fill(3);
    const auto good = lines();
    for (std::size_t at = 0; at < good[1].size(); ++at) {
        auto bad = good;
        bad[1][at] = static_cast<char>(bad[1][at] ^ 1);
        write(bad);
        ASSERT_NE(verify_audit(path(), "").finding, Finding::whole) << at;
    }
}

TEST_F(AuditChainTest, SeesRecordsDeletedMovedAddedAndRepeated) {
    const AuditHead head = fill(5);
    const auto good = lines();
    auto bad = good;
    bad.erase(bad.begin() + 2);
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::missing);
    EXPECT_EQ(verify_audit(path(), "").line, 3U);
    bad = good;
    bad.erase(bad.begin());
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::missing);
    bad = good;
    std::swap(bad[1], bad[3]);
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::reordered);
    bad = good;
    bad.insert(bad.begin() + 3, good[1]);
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::reordered);
    bad = good;
    bad.insert(bad.begin() + 3, "x");
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::malformed);
    EXPECT_EQ(verify_audit(path(), "").line, 4U);
    bad = good;
    bad.resize(3);
    write(bad);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::whole);  // nothing in the file tells
    EXPECT_EQ(verify_audit(path(), "", head).finding, Finding::truncated);
    EXPECT_EQ(verify_audit(folder_ + "/none", "").finding, Finding::unreadable);
    EXPECT_EQ(verify_audit(folder_, "").finding, Finding::unreadable);
    write({});
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::empty);
    EXPECT_EQ(verify_audit(path(), "", head).finding, Finding::truncated);
}

TEST_F(AuditChainTest, ASecretMakesANewChainImpossible) {
    fill(3, "key");
    EXPECT_EQ(verify_audit(path(), "key").finding, Finding::whole);
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::changed);
    EXPECT_EQ(verify_audit(path(), "other").finding, Finding::changed);
}

TEST_F(AuditChainTest, ARecordOfAnotherSecretIsPutAwayWhole) {
    const std::string away = path() + ".1795417200";
    for (const auto& [before, after] : {std::pair{"old", "new"}, {"", "new"}, {"old", ""}}) {
        const AuditHead head = fill(3, before);
        AuditChain chain({.path = path(), .secret = after});
        ASSERT_TRUE(chain.open(kNow));
        EXPECT_EQ(chain.put_away(), away);
        EXPECT_TRUE(chain.append({.event = "ban"}, kNow));
        EXPECT_EQ(verify_audit(away, before, head).finding, Finding::whole);
        const AuditReport report = verify_audit(path(), after);
        EXPECT_EQ(report.finding, Finding::whole) << report.why;
        EXPECT_EQ(report.records, 2U);
        EXPECT_NE(lines()[0].find("audit_restarted"), std::string::npos);
        AuditChain again({.path = path(), .secret = after});
        ASSERT_TRUE(again.open(kNow));
        EXPECT_EQ(again.put_away(), "");
        EXPECT_EQ(again.head().seq, 2U);
        ::unlink(path().c_str());
        ::unlink(away.c_str());
    }
}

TEST_F(AuditChainTest, AChangedLastRecordOfOursIsNoOtherSecret) {
    fill(3, "s");
    auto bad = lines();
    bad[2].replace(bad[2].find("blocked"), 7, "allowed");
    write(bad);
    AuditChain chain({.path = path(), .secret = "s"});
    ASSERT_TRUE(chain.open(kNow));
    EXPECT_EQ(chain.put_away(), "");
    EXPECT_EQ(verify_audit(path(), "s").line, 3U);
}

TEST_F(AuditChainTest, GoesOnAfterARestart) {
    fill(3);
    const AuditHead head = fill(2);
    EXPECT_EQ(head.seq, 5U);
    EXPECT_EQ(verify_audit(path(), "", head).records, 5U);
}

TEST_F(AuditChainTest, MarksATornLineAndGoesOn) {
    for (const std::size_t kept : {1U, 40U, 200U}) {
        ::unlink(path().c_str());
        fill(3);
        struct stat about{};
        ::stat(path().c_str(), &about);
        const auto last = lines()[2].size() + 1;
        ASSERT_EQ(::truncate(path().c_str(),
                             about.st_size - static_cast<off_t>(last) + static_cast<off_t>(kept)),
                  0);
        EXPECT_EQ(verify_audit(path(), "").finding, Finding::torn);
        const AuditHead head = fill(2);
        EXPECT_EQ(head.seq, 5U);  // two whole ones, the mark, two more
        const AuditReport report = verify_audit(path(), "", head);
        EXPECT_EQ(report.finding, Finding::whole) << report.why;
        EXPECT_EQ(report.torn_lines, 1U);
    }
}

TEST_F(AuditChainTest, ARecordThatLacksOnlyItsLineFeedIsARecord) {
    fill(3);
    struct stat about{};
    ::stat(path().c_str(), &about);
    ASSERT_EQ(::truncate(path().c_str(), about.st_size - 1), 0);
    const AuditHead head = fill(1);
    EXPECT_EQ(head.seq, 5U);
    EXPECT_EQ(verify_audit(path(), "", head).finding, Finding::whole);
}

TEST_F(AuditChainTest, GoesOnInANewFileAfterRotation) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    chain.append({.event = "a"}, kNow);
    const AuditHead before = chain.head();
    ASSERT_EQ(::rename(path().c_str(), (path() + ".1").c_str()), 0);
    ASSERT_TRUE(chain.reopen(kNow));
    chain.append({.event = "b"}, kNow);
    EXPECT_EQ(chain.head().seq, 3U);
    EXPECT_EQ(verify_audit(path() + ".1", "", before).finding, Finding::whole);
    EXPECT_EQ(verify_audit(path(), "", chain.head()).finding, Finding::whole);
    EXPECT_EQ(read_audit_line(lines()[0])->prev, before.hash);
}

TEST_F(AuditChainTest, AFileThatIsDeletedUnderItIsMadeAnew) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(chain.append({.event = "ban"}, kNow));
    EXPECT_EQ(chain.deletions(), 0U);
    ::unlink(path().c_str());
    ASSERT_TRUE(chain.append({.event = "ban"}, kNow));
    EXPECT_EQ(chain.deletions(), 1U);
    ASSERT_EQ(lines().size(), 2U);
    EXPECT_NE(lines()[0].find("audit_continued"), std::string::npos);
    ASSERT_TRUE(chain.append({.event = "ban"}, kNow));
    EXPECT_EQ(chain.deletions(), 1U);
    EXPECT_EQ(lines().size(), 3U);
}

TEST_F(AuditChainTest, OpenedAgainWhereItsFileIsGoneTheChainGoesOn) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(chain.append({.event = "ban"}, kNow));
    ::unlink(path().c_str());
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_EQ(lines().size(), 1U);
    EXPECT_NE(lines()[0].find("audit_continued"), std::string::npos);
    EXPECT_EQ(chain.head().seq, 2U);
}

TEST_F(AuditChainTest, AFileThatBeginsBehindTheRecordExpectedMustJoinIt) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    chain.append({.event = "a"}, kNow);
    const AuditHead first = chain.head();
    chain.append({.event = "b"}, kNow);
    const AuditHead before = chain.head();
    ASSERT_EQ(::rename(path().c_str(), (path() + ".1").c_str()), 0);
    ASSERT_TRUE(chain.reopen(kNow));
    EXPECT_EQ(verify_audit(path(), "").finding, Finding::whole);
    EXPECT_EQ(verify_audit(path(), "", AuditHead{}).finding, Finding::whole);
    EXPECT_EQ(verify_audit(path(), "", before).finding, Finding::whole);
    // A made-up chain without a secret verifies by itself, and follows something else.
    const AuditReport other = verify_audit(path(), "", AuditHead{before.seq, std::string(64, 'a')});
    EXPECT_EQ(other.finding, Finding::changed);
    EXPECT_EQ(other.line, 1U);
    EXPECT_EQ(other.records, 0U);
    // Between them there is a record that this file does not have.
    EXPECT_EQ(verify_audit(path(), "", first).finding, Finding::missing);
}

TEST_F(AuditChainTest, AFullDiskIsCountedAndTheChainSurvivesIt) {
    ::signal(SIGXFSZ, SIG_IGN);
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(chain.append({.event = "a"}, kNow));
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit limit = before;
    limit.rlim_cur = 500;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_FALSE(chain.append({.event = "b"}, kNow));
    EXPECT_FALSE(chain.append({.event = "c"}, kNow));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(chain.failures(), 2U);
    EXPECT_NE(chain.last_error(), 0);
    EXPECT_TRUE(chain.append({.event = "d"}, kNow));
    EXPECT_EQ(chain.last_error(), 0);
    const AuditReport report = verify_audit(path(), "", chain.head());
    EXPECT_EQ(report.finding, Finding::whole) << report.why;
    EXPECT_EQ(report.torn_lines, 1U);
    EXPECT_EQ(report.records, 3U);
}

TEST_F(AuditChainTest, TwoThatWriteMakeOneChain) {
    AuditChain old({.path = path()});
    ASSERT_TRUE(old.open(kNow));
    ASSERT_TRUE(old.append({.event = "a"}, kNow));
    AuditChain next({.path = path()});
    ASSERT_TRUE(next.open(kNow));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(old.append({.event = "of the old one"}, kNow));
        ASSERT_TRUE(next.append({.event = "of the next one"}, kNow));
    }
    const AuditReport report = verify_audit(path(), "", next.head());
    EXPECT_EQ(report.finding, Finding::whole) << report.why;
    EXPECT_EQ(report.records, 7U);
}

TEST_F(AuditChainTest, TwoThatWriteGoOnInOneNewFile) {
    AuditChain old({.path = path()});
    ASSERT_TRUE(old.open(kNow));
    AuditChain next({.path = path()});
    ASSERT_TRUE(next.open(kNow));
    ASSERT_TRUE(old.append({.event = "a"}, kNow));
    ASSERT_EQ(::rename(path().c_str(), (path() + ".1").c_str()), 0);
    ASSERT_TRUE(next.reopen(kNow));
    ASSERT_TRUE(old.reopen(kNow));
    ASSERT_TRUE(old.append({.event = "b"}, kNow));
    ASSERT_TRUE(next.append({.event = "c"}, kNow));
    EXPECT_EQ(verify_audit(path() + ".1", "").records, 1U);
    const AuditReport report = verify_audit(path(), "", next.head());
    EXPECT_EQ(report.finding, Finding::whole) << report.why;
    EXPECT_EQ(report.head.seq, 4U) << "a, that it goes on here, b and c";
}

TEST_F(AuditChainTest, ARecordThatTookThePlaceOfOursIsSeen) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(chain.append({.event = "a"}, kNow));
    ASSERT_EQ(::truncate(path().c_str(), 0), 0);
    {
        AuditChain forger({.path = path()});
        ASSERT_TRUE(forger.open(kNow));
        ASSERT_TRUE(forger.append({.event = "nothing happened"}, kNow));
    }
    ASSERT_TRUE(chain.append({.event = "b"}, kNow));
    EXPECT_NE(verify_audit(path(), "").finding, Finding::whole);
}

TEST_F(AuditChainTest, WhoeverHoldsTheFileStopsNobodyForLong) {
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    const int other = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(other, LOCK_EX), 0);
    EXPECT_FALSE(chain.append({.event = "a"}, kNow));
    EXPECT_EQ(chain.last_error(), EWOULDBLOCK);
    ::close(other);
    EXPECT_TRUE(chain.append({.event = "a"}, kNow));
    EXPECT_EQ(verify_audit(path(), "", chain.head()).finding, Finding::whole);
}

// A disk that is full takes some bytes of each attempt, or nothing but the line feed.
TEST_F(AuditChainTest, SeveralTornLinesInARowAreMarkedByOneRecord) {
    ::signal(SIGXFSZ, SIG_IGN);
    AuditChain chain({.path = path()});
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(chain.append({.event = "a"}, kNow));
    struct stat about{};
    ASSERT_EQ(::stat(path().c_str(), &about), 0);
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlim_t most = static_cast<rlim_t>(about.st_size);
    for (const rlim_t more : {20U, 30U, 1U}) {
        most += more;
        rlimit limit = before;
        limit.rlim_cur = most;
        ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
        EXPECT_FALSE(chain.append({.event = "b"}, kNow));
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(chain.append({.event = "c"}, kNow));
    const AuditReport report = verify_audit(path(), "", chain.head());
    EXPECT_EQ(report.finding, Finding::whole) << report.why;
    EXPECT_EQ(report.records, 3U);
    EXPECT_EQ(report.torn_lines, 2U);
}

TEST_F(AuditChainTest, WithoutAFileEverythingIsCountedAndNothingElse) {
    AuditChain chain({.path = "/proc/none/audit"});
    EXPECT_FALSE(chain.open(kNow));
    EXPECT_FALSE(chain.append({.event = "a"}, kNow));
    EXPECT_EQ(chain.failures(), 1U);
    AuditChain link({.path = "/dev/null"});
    EXPECT_FALSE(link.open(kNow));
}

TEST_F(AuditChainTest, AFileThatIsFullMakesRoomForTheNextAlsoForAnotherProcess) {
    const AuditOptions options{.path = path(), .bytes_max = 2'000};
    AuditChain chain(options);
    AuditChain other(options);
    ASSERT_TRUE(chain.open(kNow));
    ASSERT_TRUE(other.open(kNow));
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE((i % 3 == 0 ? other : chain).append({.event = "ban"}, kNow));
    }
    for (const std::string& file : {path(), path() + ".1"}) {
        const AuditReport report = verify_audit(file, "");
        EXPECT_EQ(report.finding, Finding::whole) << file << ": " << report.why;
        struct stat about{};
        ASSERT_EQ(::stat(file.c_str(), &about), 0);
        EXPECT_LT(about.st_size, 2'500);
    }
    const std::uint64_t rotated = verify_audit(path() + ".1", "").head.seq;
    EXPECT_EQ(verify_audit(path(), "").head.seq, rotated + verify_audit(path(), "").records);
}

}  // namespace
}  // namespace gw::security
