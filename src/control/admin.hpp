// The operators' port: metrics, health, the admin API and the console. Runs on the control thread,
// all of it, so that a scrape under load costs no worker anything.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "control/admin_api.hpp"
#include "control/console.hpp"
#include "gateway/health.hpp"
#include "http/date.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"
#include "observe/metric_text.hpp"

namespace gw::control {

class Admin final : public http::Responder {
  public:
    using Metrics = std::function<std::string(observe::TextFormat)>;
    // metrics: makes their text when asked. All of them outlive this.
    Admin(net::Loop& loop, Metrics metrics, AdminApi& api, Console& console)
        : loop_(loop), metrics_(std::move(metrics)), api_(api), console_(console) {}

    // What /health… tells from now on.
    void adopt_health(std::shared_ptr<const gateway::HealthReport> report) {
        health_ = std::move(report);
    }
    // Answers whatever came; what is refused, with a problem. A client that is gone is no failure.
    net::Task<void> serve(http::Stream& stream) override;

  private:
    struct Answer {
        int status = 200;
        std::string_view content_type = "application/json";
        std::string body;
    };
    struct Refusal {
        gateway::Code code{};
        std::string why;
        std::string allow;  // of what is refused for its method
    };
    // Metrics and health: what is at hand.
    std::expected<Answer, Refusal> answer_to(const http::RequestHead& head);
    // An operation with its body, which is read first; 413 above AdminApi::kBodyBytesMax.
    net::Task<std::expected<Answer, Refusal>> call_api(http::Stream& stream);
    // One of the two, or why the head was refused.
    net::Task<std::expected<Answer, Refusal>> answer(http::Stream& stream);

    net::Loop& loop_;
    Metrics metrics_;
    AdminApi& api_;
    Console& console_;
    std::shared_ptr<const gateway::HealthReport> health_ =
        std::make_shared<gateway::HealthReport>();
    Random random_{Random::fresh_seed()};
    http::DateText date_;
};

}  // namespace gw::control
