#include "gateway/health.hpp"

#include <array>
#include <charconv>

namespace gw::gateway {
namespace {

constexpr std::string_view kAlive = R"({"status":"ok"})";
constexpr std::string_view kReady = R"({"status":"ready"})";
constexpr std::string_view kStarting = R"({"status":"starting"})";
constexpr std::string_view kDraining = R"({"status":"draining"})";

HealthAnswer whole(const HealthReport& report, WallTime now, Arena& arena) {
    const auto up = std::chrono::duration_cast<std::chrono::seconds>(now - report.since).count();
    std::array<char, 20> digits{};
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), up).ptr;
    return {200, arena.join(report.body, std::string_view{digits.data(), end}, "}")};
}

}  // namespace

std::optional<HealthAnswer> health_answer(std::string_view path, const HealthReport& report,
                                          WallTime now, Arena& arena) {
    if (path == "/health") {
        return whole(report, now, arena);
    }
    if (path == "/health/live" || path == "/live") {
        return HealthAnswer{200, kAlive};
    }
    if (path == "/health/startup") {
        return report.started ? HealthAnswer{200, kReady} : HealthAnswer{503, kStarting};
    }
    if (path == "/health/ready" || path == "/ready") {
        if (!report.started) {
            return HealthAnswer{503, kStarting};
        }
        return report.draining ? HealthAnswer{503, kDraining} : HealthAnswer{200, kReady};
    }
    return std::nullopt;
}

}  // namespace gw::gateway
