// The operators' port: metrics and health. Runs on the control thread, so that a scrape under load
// costs no worker anything; the admin API takes its place here.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/random.hpp"
#include "gateway/health.hpp"
#include "http/stream.hpp"
#include "net/loop.hpp"

namespace gw::control {

class Admin final : public http::Responder {
  public:
    // metrics: makes the Prometheus text when asked.
    Admin(net::Loop& loop, std::function<std::string()> metrics)
        : loop_(loop), metrics_(std::move(metrics)) {}

    void adopt_health(std::shared_ptr<const gateway::HealthReport> report) {
        health_ = std::move(report);
    }
    net::Task<void> serve(http::Stream& stream) override;

  private:
    struct Answer {
        int status = 200;
        std::string_view content_type = "application/json";
        std::string body;
    };
    Answer answer_to(const http::RequestHead& head);

    net::Loop& loop_;
    std::function<std::string()> metrics_;
    std::shared_ptr<const gateway::HealthReport> health_ =
        std::make_shared<gateway::HealthReport>();
    Random random_{Random::fresh_seed()};
};

}  // namespace gw::control
