// What a test of a stage needs: an exchange whose client is a script, no socket, no thread.
#pragma once

#include <string>
#include <vector>

#include "gateway/shard.hpp"

namespace gw::gateway {

// A client's request as given, and what the gateway answered.
class ScriptedStream final : public http::Stream {
  public:
    explicit ScriptedStream(std::string raw) : raw_(std::move(raw)) {
        const http::H1Parse parse = http::parse_request(raw_, {}, head_);
        if (parse.state == http::H1Parse::State::refused) {
            refusal_ = parse.refusal;
        }
    }

    [[nodiscard]] const http::RequestHead& head() const override { return head_; }
    [[nodiscard]] const http::H1Refusal* defect() const override {
        return refusal_ ? &*refusal_ : nullptr;
    }
    [[nodiscard]] const net::Address& peer() const override { return peer_; }
    [[nodiscard]] http::Protocol protocol() const override { return http::Protocol::http11; }
    [[nodiscard]] bool secure() const override { return false; }
    [[nodiscard]] Instant began() const override { return {}; }
    http::BodyPart body_at_hand() override { return {{}, true}; }
    net::Task<Result<http::BodyPart>> read_body() override { co_return http::BodyPart{{}, true}; }
    void limit_body(std::uint64_t bytes) override { body_limit = bytes; }
    [[nodiscard]] const http::Headers* trailers() const override { return nullptr; }
    net::Task<Result<void>> send(http::ResponseHead& head, std::string_view bytes, bool,
                                 const http::Headers*) override {
        status = head.status;
        for (const http::Field& field : head.headers) {
            fields.emplace_back(std::string(field.name), std::string(field.value));
        }
        body = bytes;
        responded_ = true;
        co_return Result<void>{};
    }
    net::Task<Result<void>> send_body(std::string_view bytes, bool, const http::Headers*) override {
        body += bytes;
        co_return Result<void>{};
    }
    net::Task<Result<void>> send_interim(http::ResponseHead&) override { co_return Result<void>{}; }
    void cut() override { was_cut = true; }
    void abort() override {}
    void close_after() override { closes = true; }
    void cancel_read() override {}
    void watch_peer(net::Stream::Watcher*) override {}
    [[nodiscard]] bool responded() const override { return responded_; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return 0; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return body.size(); }

    [[nodiscard]] std::string field(std::string_view name) const {
        for (const auto& [known, value] : fields) {
            if (known == name) {
                return value;
            }
        }
        return "";
    }

    int status = 0;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string body;
    std::uint64_t body_limit = 0;
    bool closes = false;
    bool was_cut = false;

  private:
    std::string raw_;
    http::RequestHead head_;
    std::optional<http::H1Refusal> refusal_;
    net::Address peer_{IpAddress::v4({203, 0, 113, 7}), 50'000};
    bool responded_ = false;
};

// A shard with the routes given, on a loop that nobody runs.
class ShardFixture {
  public:
    explicit ShardFixture(std::vector<std::unique_ptr<Route>> routes) {
        std::vector<ServiceEntry> services(1);
        services[0].name = "event-service";
        services[0].authority = "event-service:4003";
        auto site = std::make_shared<Site>(std::move(routes), std::move(services));
        site->name_in_via("gw-test");
        shard.break_by(breakers);
        shard.adopt(std::move(site));
    }

    net::Loop loop;
    net::BufferPool buffers{16 * 1024, 4};
    http::H1Pool h1{.buffers = buffers, .server = {}, .client = {}};
    observe::MetricBlock metrics;
    observe::LogSink sink{-1};
    observe::AccessLog access_log{sink};
    upstream::BreakerSet breakers{[](const std::string&) {}};
    Shard shard{loop, h1, metrics, access_log};
};

inline std::unique_ptr<Route> prefix_route(std::string path, std::uint16_t methods = 0) {
    auto route = std::make_unique<Route>();
    route->name = path;
    route->path = std::move(path);
    route->prefix = route->path.ends_with("/**");
    route->methods = methods;
    route->timeout = Millis{10'000};
    route->body_max = 1'000;
    return route;
}

}  // namespace gw::gateway
