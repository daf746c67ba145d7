#include "observe/access_log.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <climits>
#include <fstream>

#include "observe/masked_target.hpp"
#include "observe/pipe_test_support.hpp"

namespace gw::observe {
namespace {

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

std::string written(const AccessRecord& r, std::string_view origin = {}) {
    Piped pipe;
    {
        LogSink sink(pipe.writer());
        AccessLog log(sink);
        log.set_origin(origin);
        log.write(r);
        log.flush();
        sink.drain(Millis{5'000});
    }
    return pipe.all();
}

// The fields and their order are an interface: a change of tests/golden/access_line.txt is a change
// for whoever reads the lines.
TEST(AccessLog, LinesAreTheRecordedOnes) {
    AccessRecord full = record();
    full.query = "page=2&access_token=sesame";
    full.has_query = true;
    full.upstream = "event-service";
    full.upstream_duration = std::chrono::microseconds(900);
    full.user_id = "user-1";
    full.tenant_id = "tenant-a";
    full.client_cert = "CN=till-7,O=Partner";
    full.bytes_in = 3;
    full.bytes_out = 1024;
    AccessRecord refused = record();
    refused.level = LogLevel::error;
    refused.request_id = "";
    refused.trace_id = "";
    refused.route = "none";
    refused.status = 503;
    refused.duration = std::chrono::nanoseconds(999);
    refused.outcome = "forward";
    refused.detail = "no address of the service is known";
    std::ifstream golden(GW_SOURCE_DIR "/tests/golden/access_line.txt");
    const std::string recorded{std::istreambuf_iterator<char>(golden), {}};
    EXPECT_EQ(written(full) + written(refused), recorded);
}

TEST(AccessLog, NamesAServiceThatWasNotAskedWithoutATime) {
    AccessRecord refused = record();
    refused.upstream = "event-service";
    const boost::json::value line = boost::json::parse(written(refused));
    EXPECT_EQ(line.at("upstream").as_string(), "event-service");
    EXPECT_FALSE(line.as_object().contains("upstreamMs"));
}

TEST(AccessLog, SaysWhereItComesFrom) {
    AccessRecord nameless = record();
    nameless.trace_id = "";
    for (const AccessRecord& each : {record(), nameless}) {
        const boost::json::value line =
            boost::json::parse(written(each, origin_members("eu-\"1\"", "gw-1")));
        EXPECT_EQ(line.at("region").as_string(), "eu-\"1\"");
        EXPECT_EQ(line.at("instanceId").as_string(), "gw-1");
        EXPECT_EQ(line.at("method").as_string(), "GET");
    }
    EXPECT_EQ(written(record(), origin_members("", "")).find("region"), std::string::npos);
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
    EXPECT_FALSE(line.as_object().contains("sampled"));
    r.sampled = true;
    EXPECT_TRUE(boost::json::parse(written(r)).at("sampled").as_bool());
}

TEST(AccessLog, MasksSecretsInTheQueryHoweverTheirNamesAreWritten) {
    const auto masked = [](std::string_view query) {
        std::string out;
        append_masked_target(out, "/x", query, true);
        return out;
    };
    EXPECT_EQ(masked("a=1&token=abc&b=2"), "/x?a=1&token=***&b=2");
    EXPECT_EQ(masked("access_token=abc"), "/x?access_token=***");
    EXPECT_EQ(masked("%74oken=abc"), "/x?%74oken=***");
    EXPECT_EQ(masked("tokens=abc&keyboard=x&password"), "/x?tokens=abc&keyboard=x&password");
    EXPECT_EQ(masked("user[password]=abc&login.token=abc&token[]=abc"),
              "/x?user[password]=***&login.token=***&token[]=***");
    EXPECT_EQ(masked("user%5Bpassword%5D=abc"), "/x?user%5Bpassword%5D=***");
    EXPECT_EQ(masked("a&&=b&code=x=y"), "/x?a&&=b&code=***");
    EXPECT_EQ(masked("%&token%=a&%zz=b"), "/x?%&token%=a&%zz=b");
    EXPECT_EQ(masked(""), "/x?");
}

TEST(AccessLog, MasksEachNameThatTheContractKnows) {
    for (const std::string name :
         {"token", "access_token", "refresh_token", "id_token", "password", "passwd", "secret",
          "client_secret", "api_key", "apikey", "key", "signature", "sig", "code", "auth",
          "authorization", "jwt", "session"}) {
        std::string out;
        append_masked_target(out, "/x", name + "=sesame", true);
        EXPECT_EQ(out, "/x?" + name + "=***");
    }
}

TEST(AccessLog, MasksNamesThatHoldAWordForASecret) {
    for (const std::string name :
         {"reset_token", "verification-token", "new_password", "password_confirmation", "X-Api-Key",
          "webhookSecret", "current%50assword", "cvv", "X-Amz-Signature", "user[new_passwd]"}) {
        std::string out;
        append_masked_target(out, "/x", name + "=sesame", true);
        EXPECT_EQ(out, "/x?" + name + "=***");
    }
    std::string out;
    append_masked_target(out, "/x", "tokenId=7&keyboard=x&passenger=2&page=3", true);
    EXPECT_EQ(out, "/x?tokenId=7&keyboard=x&passenger=2&page=3");
    out.clear();
    append_masked_target(out, "/x", std::string(70, 'a') + "=sesame", true);
    EXPECT_EQ(out, "/x?" + std::string(70, 'a') + "=***");
}

TEST(AccessLog, MasksSignedTokensWhereverTheyStand) {
    const std::string token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2lnbmF0dXJl";
    std::string out;
    append_masked_target(out, "/verify/" + token + "/now", "x=" + token + "&y=1;z=" + token, true);
    EXPECT_EQ(out, "/verify/***/now?x=***&y=1;z=***");
    EXPECT_EQ(masked_path("/eyJhbGciOiJub25lIn0%2EeyJzdWIiOiJ1MSJ9%2e/x"), "/***/x");
    for (const std::string plain : {"/eyJ.a/b", "/eyJhbGciOiJub25lIn0/a", "/a.b/J.c", "/"}) {
        EXPECT_FALSE(holds_token(plain)) << plain;
        EXPECT_EQ(masked_path(plain), plain);
    }
    AccessRecord r = record();
    const std::string path = "/verify/" + token;
    r.path = path;
    EXPECT_EQ(boost::json::parse(written(r)).at("path").as_string(), "/verify/***");
}

// Some services end a parameter at ';' too, and others take it into the value: neither way may show
// it.
TEST(AccessLog, MasksWhatStandsBehindASemicolon) {
    std::string out;
    append_masked_target(out, "/x", "q=1;token=abc;d&API-Key=abc;def&r=2;s=3", true);
    EXPECT_EQ(out, "/x?q=1;token=***&API-Key=***&r=2;s=3");
}

TEST(AccessLog, MasksSecretsOfATargetWithinAParameter) {
    const auto masked = [](std::string_view query) {
        std::string out;
        append_masked_target(out, "/x", query, true);
        return out;
    };
    EXPECT_EQ(masked("next=/a?token=abc&b=2"), "/x?next=/a?token=***&b=2");
    EXPECT_EQ(masked("url=https%3A%2F%2Fa%2F%3Fx%3D1%26Reset-Token%3Dabc%26y%3D2&b=2"),
              "/x?url=https%3A%2F%2Fa%2F%3Fx%3D1%26Reset-Token%3D***&b=2");
    EXPECT_EQ(masked("url=%252Fa%253F%2574oken%253Dabc"), "/x?url=%252Fa%253F%2574oken%253D***");
    EXPECT_EQ(masked("back=https://a/%23access_token%3Dabc;d"),
              "/x?back=https://a/%23access_token%3D***");
    EXPECT_EQ(masked("state=code%3Dabc"), "/x?state=code%3D***");
    for (const char* plain :
         {"a=;b=2", "q=why%3F%20a%3Db", "next=/a?x=token&y=1", "q=100%25=%", "q=%2525%",
          "next=%2Flogin%3Ftokens%3D7", "q=what%3Ftoken", "a==b=c"}) {
        EXPECT_EQ(masked(plain), "/x?" + std::string(plain));
    }
    const std::string cursor = "cursor=" + std::string(80, 'a') + "token==";
    EXPECT_EQ(masked(cursor), "/x?" + cursor);
}

TEST(AccessLog, CutsWhatIsLong) {
    const std::string value(5'000, 'a');
    std::string out;
    append_masked_target(out, "/" + value, "b=" + value, true);
    EXPECT_EQ(out, "/" + std::string(2'047, 'a') + "…?b=" + std::string(2'046, 'a') + "…");
}

// Each text at its worst: every byte becomes six, all of them longer than they may be.
TEST(AccessLog, HasRoomForTheLongestLine) {
    const std::string bad(5'000, '\x01');
    AccessRecord r = record();
    r.request_id = r.method = r.path = r.query = r.route = r.upstream = r.user_id = r.tenant_id =
        r.detail = bad;
    r.has_query = true;
    r.status = INT_MAX;
    r.bytes_in = r.bytes_out = UINT64_MAX;
    r.duration = Instant::duration::max();
    r.upstream_duration = r.duration;
    const std::string line = written(r);
    EXPECT_NO_THROW(boost::json::parse(line));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
}

TEST(AccessLog, HandsOnABlockWhenItIsFull) {
    const int file = ::memfd_create("lines", 0);  // a pipe does not hold a block
    const auto size = [file] { return static_cast<std::size_t>(::lseek(file, 0, SEEK_END)); };
    const std::string one = written(record());
    const std::size_t lines = AccessLog::kFlushBytes / one.size() + 10;
    {
        LogSink sink(file);
        AccessLog log(sink);
        for (std::size_t i = 0; i < lines; ++i) {
            log.write(record());
        }
        sink.drain(Millis{5'000});
        // Whole lines, and no more than fit: the rest is still with the log.
        EXPECT_GE(size(), AccessLog::kFlushBytes);
        EXPECT_LT(size(), lines * one.size());
        EXPECT_EQ(size() % one.size(), 0U);
        log.flush();
        sink.drain(Millis{5'000});
        EXPECT_EQ(size(), lines * one.size());
    }
    ::close(file);
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

}  // namespace
}  // namespace gw::observe
