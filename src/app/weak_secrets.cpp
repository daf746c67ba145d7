#include "app/weak_secrets.hpp"

#include <array>
#include <string>
#include <string_view>

namespace gw::app {
namespace {

// 16 letters and digits made at random are 95 bits: beyond whoever has to ask us for each guess,
// and whoever has one signature to try guesses against.
constexpr std::size_t kBytesMin = 16;

struct Known {
    std::string_view setting;
    std::string_view variable;
    const std::string& secret;
};

}  // namespace

void warn_of_weak_secrets(const Settings& settings, observe::Log& log) {
    const std::array<Known, 5> all{{
        {"admin.token", "ADMIN_TOKEN", settings.admin.token},
        {"admin.viewer_token", "ADMIN_VIEWER_TOKEN", settings.admin.viewer_token},
        {"signing.secret", "INTERNAL_HMAC_SECRET", settings.signing.secret},
        {"audit.secret", "AUDIT_SECRET", settings.audit.secret},
        {"state.resp_password", "RESP_PASSWORD", settings.state.resp_password},
    }};
    for (const auto& [setting, variable, secret] : all) {
        if (!secret.empty() && secret.size() < kBytesMin) {
            const std::string remedy =
                "have " + std::string(variable) + " made by `openssl rand -hex 32`";
            log.warn("a secret is short enough to be guessed",
                     {{"setting", setting}, {"remedy", remedy}});
        }
    }
}

}  // namespace gw::app
