// Who waits for a connection that all will share, while none is made.
#include "upstream/endpoint.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <vector>

namespace gw::upstream {
namespace {

// An address whose backlog is full: connecting to it takes for ever.
class Deaf {
  public:
    Deaf() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof at;
        auto* const any = reinterpret_cast<sockaddr*>(&at);
        EXPECT_EQ(::bind(listener_.get(), any, size), 0);
        EXPECT_EQ(::listen(listener_.get(), 0), 0);
        EXPECT_EQ(::getsockname(listener_.get(), any, &size), 0);
        address_ = {*IpAddress::parse("127.0.0.1"), ::ntohs(at.sin_port)};
        for (int i = 0; i < 4; ++i) {
            fillers_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            ::connect(fillers_.back().get(), any, size);
        }
    }
    [[nodiscard]] const net::Address& address() const { return address_; }

  private:
    net::Fd listener_;
    net::Address address_;
    std::vector<net::Fd> fillers_;
};

class Sharing : public testing::Test {
  protected:
    static ServiceOptions options() {
        ServiceOptions options;
        options.connect_timeout = Millis{50};
        options.connections_max = 2;
        return options;
    }

    struct Asked {
        std::optional<Errc> error;
        Instant over{};
        net::Attempt* attempt = nullptr;
        bool unused = false;  // what the endpoint says of itself when this one has failed
    };
    net::Task<void> ask(Asked& asked, Instant deadline) {
        const Result<SharedLease> lease =
            co_await endpoint_.share(pool_, {}, deadline, asked.attempt);
        if (!lease) {
            asked.error = lease.error().code;
        }
        asked.over = loop_.now();
        asked.unused = endpoint_.unused();
        if (--left_ == 0) {
            loop_.stop();
        }
    }
    void begin(Asked& asked, Millis patience) {
        ++left_;
        scope_.spawn(ask(asked, loop_.now() + patience));
    }

    net::Loop loop_;
    Deaf deaf_;
    ServiceOptions options_ = options();
    net::BufferPool buffers_{16UL * 1024, 4};
    http::H1Pool pool_{.buffers = buffers_, .server = {}, .client = {}};
    Endpoint endpoint_{loop_, deaf_.address(), options_};
    net::Scope scope_;
    int left_ = 0;
};

TEST_F(Sharing, AnEndpointIsInUseWhileSomebodyWaitsForItsConnection) {
    Asked first;
    Asked second;
    begin(first, Millis{10'000});
    begin(second, Millis{10'000});
    loop_.run();
    EXPECT_EQ(first.error, Errc::connect_timeout);
    EXPECT_FALSE(first.unused) << "the second has not heard of it yet";
    EXPECT_EQ(second.error, Errc::connect_timeout);
    EXPECT_TRUE(second.unused);
}

TEST_F(Sharing, WhoWaitsFailsWithTheConnectionAndMakesNoOther) {
    options_.connect_timeout = Millis{600};
    options_.connections_max = 4;
    std::vector<Asked> asked(4);
    for (Asked& each : asked) {
        begin(each, Millis{10'000});
    }
    loop_.run();
    for (const Asked& each : asked) {
        EXPECT_EQ(each.error, Errc::connect_timeout);
        EXPECT_LT(each.over - asked[0].over, Millis{300});
    }
}

TEST_F(Sharing, WhoHasLittleTimeTakesNobodyAlong) {
    options_.connect_timeout = Millis{300};
    Asked hurried;
    Asked patient;
    begin(hurried, Millis{20});
    begin(patient, Millis{10'000});
    loop_.run();
    EXPECT_EQ(hurried.error, Errc::timeout);
    EXPECT_EQ(patient.error, Errc::connect_timeout);
    EXPECT_GT(patient.over - hurried.over, Millis{200}) << "it has its own time";
}

TEST_F(Sharing, WhoWaitsTakesAPlaceAsWell) {
    std::vector<Asked> asked(3);
    for (Asked& each : asked) {
        begin(each, Millis{200});
    }
    EXPECT_EQ(asked[2].error, Errc::exhausted);
    loop_.run();
    EXPECT_EQ(endpoint_.lent(), 0U);
}

TEST_F(Sharing, WhoWaitsMayGiveUp) {
    Asked first;
    Asked second;
    begin(first, Millis{10'000});
    begin(second, Millis{10'000});
    ASSERT_NE(second.attempt, nullptr);
    second.attempt->cancel();
    loop_.run();
    EXPECT_EQ(second.error, Errc::cancelled);
    EXPECT_TRUE(first.unused);
}

}  // namespace
}  // namespace gw::upstream
