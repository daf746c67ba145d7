// Drills of attacks. Addresses are of the block 203.0.113.0/24, which is for documentation.
#include <unistd.h>

#include <memory>

#include "cli/drill_play.hpp"

namespace gw::cli {
namespace {

constexpr Millis kSecond{1'000};
constexpr Millis kMinute{60'000};
constexpr Millis kAcknowledge = 2 * kMinute;  // of security alerts
constexpr Millis kInvestigate = 15 * kMinute;
constexpr const char* kAttacker = "203.0.113.66";
constexpr const char* kThief = "203.0.113.67";
constexpr const char* kAnyone = "203.0.113.68";
constexpr int kBanSeconds = 600;  // a drill that is killed leaves nothing behind for long

std::string ban_target(const char* address) {
    return std::string("/bans/ip/") + address;
}

// A ban of the drill, lifted at its end if it is not before. Copies are the same one.
class DrillBan {
  public:
    DrillBan(DrillPlay& play, const char* address) : play_(&play), address_(address) {
        play.at_end([*this] { lift(); });
    }
    // False as long as the admin API does not.
    [[nodiscard]] bool set() const;
    void lift() const;

  private:
    DrillPlay* play_;
    const char* address_;
    std::shared_ptr<bool> set_ = std::make_shared<bool>(false);
};

bool DrillBan::set() const {
    *set_ =
        *set_ || play_->stack()
                     .operate("PUT", ban_target(address_),
                              boost::json::object{
                                  {"seconds", kBanSeconds}, {"reason", "drill"}, {"by", "drill"}})
                     .has_value();
    return *set_;
}

void DrillBan::lift() const {
    if (*set_) {
        *set_ = false;
        static_cast<void>(play_->stack().operate("DELETE", ban_target(address_), nullptr));
    }
}

// Is who asks told by X-Forwarded-For? Where it is not, a ban would be of ourselves.
bool addresses_are_believed(DrillPlay& play) {
    const DrillBan ban(play, kAnyone);
    if (!ban.set()) {
        play.refuse("the admin API does not ban");
        return false;
    }
    const auto began = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - began < kSecond) {
        if (play.stack().ask({.path = "/api/v1/drill", .address = kAnyone}).status == 403) {
            ban.lift();
            return true;
        }
        static_cast<void>(play.stack().pause(Millis{20}));
    }
    play.refuse("X-Forwarded-For of this machine is not believed: name it in TRUSTED_PROXIES");
    return false;
}

}  // namespace

void play_brute_force(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    if (token.empty() || !addresses_are_believed(play)) {
        return;
    }
    const DrillBan ban(play, kAttacker);
    const std::vector<std::string> label{"violation_type=\"brute_force\""};
    const auto violations = [&] { return play.stack().metric("security_violations_total", label); };
    const double before = violations();
    const double failures = play.stack().metric("auth_attempts_total", {"status=\"failure\""});
    // An account of this drill alone: failures of an earlier one are remembered for a quarter of an
    // hour.
    const std::string guess = R"({"email":"drill-)" + std::to_string(::getpid()) +
                              R"(@alpha.example","password":"guess"})";
    const bool noticed =
        play.cause(
            "passwords of one account are guessed; it is recognised", kAcknowledge,
            [&, number = 0]() mutable {
                ++number;
                static_cast<void>(play.stack().ask(
                    {.method = "POST",
                     .path = "/api/v1/auth/login",
                     // One address after five tries is refused by the limit of sign-ins.
                     .address =
                         number <= 5 ? kAttacker : "203.0.113." + std::to_string(70 + number % 100),
                     .body = guess}));
                return unless_at_least(violations(), before + 1);
            }) &&
        play.notice("auth_attempts_total{status=\"failure\"} rises", kAcknowledge,
                    [&] {
                        return unless_at_least(
                            play.stack().metric("auth_attempts_total", {"status=\"failure\""}),
                            failures + 1);
                    }) &&
        play.line("security violation, brute_force", {"security violation", "brute_force"}) &&
        play.line("auth ... fail", {"authentication failed", kAttacker}) &&
        play.alert("SecurityViolationDetected", kAcknowledge);
    const bool held =
        noticed &&
        play.act(
            "the address is banned: 403 everywhere within a second", kSecond,
            [&] {
                static_cast<void>(ban.set());
                return unless_status(
                    play.stack().ask({.path = a.other_path, .address = kAttacker, .token = token}),
                    403, "banned");
            }) &&
        play.hold("others are answered", kInvestigate, [&] {
            return unless_status(play.stack().ask({.path = a.other_path, .token = token}), 200);
        });
    static_cast<void>(held && play.recover("lifted: it is let in again", kInvestigate, [&] {
        ban.lift();
        return unless_status(
            play.stack().ask({.path = a.other_path, .address = kAttacker, .token = token}), 200);
    }));
}

void play_cross_tenant(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    if (token.empty() || !addresses_are_believed(play)) {
        return;
    }
    const auto attempts = [&] {
        return play.stack().metric("cross_tenant_attempts_total", {"outcome=\"blocked\""});
    };
    const double before = attempts();
    // Undone after this function has returned.
    const auto kept_id = std::make_shared<std::string>();
    std::string& id = *kept_id;
    play.at_end([&play, kept_id] {
        if (!kept_id->empty()) {
            static_cast<void>(play.stack().operate("DELETE", "/containments/" + *kept_id,
                                                   boost::json::object{{"by", "drill"}}));
        }
    });
    const bool noticed =
        play.cause("a user asks for another tenant's data: 403", kAcknowledge,
                   [&] {
                       return unless_status(
                           play.stack().ask({.path = a.other_path + "?tenantId=" + a.other_tenant,
                                             .address = kAttacker,
                                             .token = token}),
                           403, "cross_tenant");
                   }) &&
        play.notice("cross_tenant_attempts_total rises", kAcknowledge,
                    [&] { return unless_at_least(attempts(), before + 1); }) &&
        play.line("cross-tenant, with the other tenant", {"cross-tenant", a.other_tenant}) &&
        play.alert("CrossTenantAccessAttempt", kAcknowledge);
    const auto contain = [&] {
        const auto done =
            play.stack().operate("POST", "/containments",
                                 boost::json::object{{"users", boost::json::array()},
                                                     {"tenants", boost::json::array()},
                                                     {"addresses", boost::json::array({kAttacker})},
                                                     {"tokens", boost::json::array()},
                                                     {"seconds", kBanSeconds},
                                                     {"reason", "drill"},
                                                     {"by", "drill"},
                                                     {"dryRun", false}});
        const auto* found = done ? done->as_object().if_contains("id") : nullptr;
        id = found != nullptr && found->is_string() ? std::string(found->as_string()) : "";
    };
    const auto status = [&] {
        return play.stack().ask({.path = a.other_path, .address = kAttacker, .token = token});
    };
    const bool held = noticed && play.act("contained: 403 within a second", kSecond, [&] {
        if (id.empty()) {
            contain();
        }
        return unless_status(status(), 403, "banned");
    });
    static_cast<void>(held && play.recover("undone: all is as before", kInvestigate, [&] {
        static_cast<void>(play.stack().operate("DELETE", "/containments/" + id,
                                               boost::json::object{{"by", "drill"}}));
        id.clear();
        return unless_status(status(), 200);
    }));
}

void play_token_leak(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    const std::size_t first = token.find('.');
    if (token.empty() || first == std::string::npos) {
        return;
    }
    const auto claims = play.stack().claims(token);
    const std::string jti = claims.jti;
    if (jti.empty()) {
        play.refuse("the token has no jti to revoke it by");
        return;
    }
    const std::string revocation = "/revocations/jti/" + path_segment(jti);
    play.at_end([&play, revocation] {
        static_cast<void>(play.stack().operate("DELETE", revocation, nullptr));
    });
    const auto stolen = [&] {
        return play.stack().ask({.path = a.other_path, .address = kThief, .token = token});
    };
    const bool held =
        play.cause("a token is used from elsewhere", kAcknowledge,
                   [&] { return unless_status(stolen(), 200); }) &&
        play.line("the access line tells user and address", {claims.sub, "\"durationMs\""}) &&
        play.act("revoked: 401 within a second", kSecond, [&, done = false]() mutable {
            done = done || play.stack()
                               .operate("POST", "/revocations",
                                        boost::json::object{{"kind", "jti"},
                                                            {"who", jti},
                                                            {"seconds", kBanSeconds},
                                                            {"reason", "drill"},
                                                            {"by", "drill"}})
                               .has_value();
            return unless_status(stolen(), 401, "token_revoked");
        });
    static_cast<void>(
        held && play.recover("the user signs in again and is answered", kInvestigate, [&] {
            std::string flaw;
            const std::string fresh = play.stack().sign_in({}, flaw);
            return fresh.empty()
                       ? flaw
                       : unless_status(play.stack().ask({.path = a.other_path, .token = fresh}),
                                       200);
        }));
}

}  // namespace gw::cli
