// Drills of services and of the gateway's own resources.
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cli/drill_play.hpp"

namespace gw::cli {
namespace {

constexpr Millis kMinute{60'000};
constexpr Millis kAtOnce{1'000};
constexpr Millis kInvestigate = 60 * kMinute;  // of warnings
constexpr int kSlowMs = 2'200;                 // more than the alert's two seconds

std::string with(const std::string& path, const std::string& parameter) {
    return path + (path.contains('?') ? "&" : "?") + parameter;
}

DrillPlay::Look answers(DrillPlay& play, const std::string& path, const std::string& token,
                        int status = 200, const char* code = "") {
    return [&play, path, token, status, code] {
        return unless_status(play.stack().ask({.path = path, .token = token}), status, code);
    };
}

std::string upstream_label(DrillPlay& play) {
    return "upstream=\"" + play.stack().arguments().service + "\"";
}

// As an operator says it; the drill ends with the breaker as it finds right.
bool tell_breaker(DrillPlay& play, const char* state) {
    boost::json::object body{{"state", state}, {"by", "drill"}};
    if (std::string_view(state) != "auto") {
        body["seconds"] = 600;
        body["reason"] = "drill";
    }
    const auto told =
        play.stack().operate("PUT", "/breakers/" + play.stack().arguments().service, body);
    return told.has_value();
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// In one step, so that no gateway reads half of it.
bool write_file(const std::string& path, const std::string& text) {
    const std::string fresh = path + ".drill";
    {
        std::ofstream file(fresh, std::ios::binary);
        file << text;
        if (!file.flush()) {
            return false;
        }
    }
    std::error_code error;
    std::filesystem::rename(fresh, path, error);
    return !error;
}

// The file that the gateway reads, and its text; empty after refusing. It is put back at the end.
std::string borrow_configuration(DrillPlay& play) {
    const std::string path = play.stack().arguments().config_file;
    const std::string text = path.empty() ? "" : read_file(path);
    if (text.empty()) {
        play.refuse("name the file that the gateway reads: --gateway-config FILE");
        return {};
    }
    play.at_end([path, text] { static_cast<void>(write_file(path, text)); });
    return text;
}

}  // namespace

void play_service_down(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    if (token.empty()) {
        return;
    }
    const std::string label = upstream_label(play);
    const auto errors = [&] {
        return play.stack().metric("downstream_requests_total", {label, "status_code=\"503\""});
    };
    const double errors_before = errors();
    const auto state = [&] { return play.stack().metric("circuit_breaker_state", {label}); };
    const bool held =
        play.cause(a.service + " answers 503 to every request; its breaker opens", kMinute,
                   [&] {
                       static_cast<void>(play.stack().ask(
                           {.path = with(a.path, "demo_status=503"), .token = token}));
                       return state() == 1 ? std::string() : "circuit_breaker_state is not 1";
                   }) &&
        play.notice("downstream_requests_total{status_code=\"503\"} rises", kInvestigate,
                    [&] { return unless_at_least(errors(), errors_before + 1); }) &&
        play.line("circuit breaker changed", {"circuit breaker changed", a.service}) &&
        play.alert("CircuitBreakerOpen", kInvestigate) &&
        play.hold("its routes answer 503 circuit_open with Retry-After", kInvestigate,
                  [&] {
                      const DrillAnswer answer = play.stack().ask({.path = a.path, .token = token});
                      return answer.head.contains("Retry-After: ")
                                 ? unless_status(answer, 503, "circuit_open")
                                 : "it has no Retry-After";
                  }) &&
        play.hold("other services answer", kInvestigate, answers(play, a.other_path, token)) &&
        play.hold("the gateway is ready", kInvestigate, answers(play, "/health/ready", ""));
    static_cast<void>(held && play.recover("well again: it closes by itself", 30 * kMinute, [&] {
        const DrillAnswer answer = play.stack().ask({.path = a.path, .token = token});
        return state() == 0 ? unless_status(answer, 200) : "it is not closed";
    }));
}

void play_high_latency(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    if (token.empty()) {
        return;
    }
    const auto count = [&](const char* le) {
        return play.stack().metric("http_request_duration_seconds_bucket",
                                   {std::string("le=\"") + le + "\"", "method=\"GET\""});
    };
    const double all = count("+Inf");
    const double fast = count("2");
    const std::string slow = with(a.path, "demo_delay_ms=" + std::to_string(kSlowMs));
    const bool seen =
        play.cause(
            a.service + " takes " + std::to_string(kSlowMs) + " ms; p95 is over 2 s", 5 * kMinute,
            [&] {
                static_cast<void>(play.stack().ask({.path = slow, .token = token}));
                const double share = (count("2") - fast) / std::max(1.0, count("+Inf") - all);
                return share < 0.95 && count("+Inf") - all >= 3
                           ? std::string()
                           : std::to_string(share) + " of the requests take less";
            }) &&
        play.alert("APIGatewayHighLatency", kInvestigate);
    if (!seen) {
        return;
    }
    play.at_end([&play] { static_cast<void>(tell_breaker(play, "auto")); });
    const bool held =
        play.act("its breaker is held open: nobody waits, 503 at once", kInvestigate,
                 [&] {
                     if (!tell_breaker(play, "open")) {
                         return std::string("the admin API refuses");
                     }
                     const DrillAnswer answer = play.stack().ask({.path = slow, .token = token});
                     return answer.took < kAtOnce ? unless_status(answer, 503, "circuit_open")
                                                  : "it took " + drill_time(answer.took);
                 }) &&
        play.hold("other services answer", kInvestigate, answers(play, a.other_path, token));
    static_cast<void>(held && play.recover("let go: it answers, and quickly", kInvestigate, [&] {
        if (!tell_breaker(play, "auto")) {
            return std::string("the admin API refuses");
        }
        const DrillAnswer answer = play.stack().ask({.path = a.path, .token = token});
        return answer.took < kAtOnce ? unless_status(answer, 200)
                                     : "it took " + drill_time(answer.took);
    }));
}

void play_bad_configuration(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    const std::string good = token.empty() ? "" : borrow_configuration(play);
    if (good.empty()) {
        return;
    }
    const auto refusals = [&] {
        return play.stack().metric("config_reloads_total", {"result=\"refused\""});
    };
    const auto hash = [&] {
        const auto facts = play.stack().operate("GET", "/status", nullptr);
        return facts ? boost::json::serialize(facts->as_object().at("configHash")) : "";
    };
    const double before = refusals();
    const std::string hash_before = hash();
    const bool held =
        play.cause("the file gets a section that nobody knows; it is refused", 5 * kMinute,
                   [&, written = false]() mutable {
                       written = written || write_file(a.config_file, good + "\ndrill: nonsense\n");
                       return written ? unless_at_least(refusals(), before + 1)
                                      : "it cannot be written";
                   }) &&
        play.line("configuration refused", {"configuration refused"}) &&
        play.alert("ConfigReloadRefused", kInvestigate) &&
        play.hold("the configuration before it is in force", kInvestigate,
                  [&] { return hash() == hash_before ? std::string() : "its hash has changed"; }) &&
        play.hold("requests are answered", kInvestigate, answers(play, a.other_path, token));
    static_cast<void>(held && play.recover("taken back: the next change is taken over",
                                           kInvestigate, [&, written = false]() mutable {
                                               // A comment, so that there is a change to see.
                                               written =
                                                   written ||
                                                   write_file(a.config_file, good + "\n# drill\n");
                                               return hash() != hash_before
                                                          ? std::string()
                                                          : "its hash is still the same";
                                           }));
}

void play_memory_pressure(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const std::string token = play.token();
    const std::string good = token.empty() ? "" : borrow_configuration(play);
    if (good.empty()) {
        return;
    }
    constexpr double kMiB = 1024.0 * 1024.0;
    const auto resident = [&] {
        return play.stack().metric("process_resident_memory_bytes") / kMiB;
    };
    // Reads are refused from 88 percent on, all but routes of high priority from 92.
    const int most = std::max(1, static_cast<int>(resident() / 0.90));
    const double shed = play.stack().metric("requests_shed_total");
    const bool held =
        play.cause("it may use little more memory than it does; reads are refused", 5 * kMinute,
                   [&, written = false]() mutable {
                       written = written ||
                                 write_file(a.config_file, good + "\noverload: {memory_max_mb: " +
                                                               std::to_string(most) + "}\n");
                       return unless_status(play.stack().ask({.path = a.path, .token = token}), 503,
                                            "overloaded");
                   }) &&
        play.notice("memory_pressure is 1 or more", kInvestigate,
                    [&] { return unless_at_least(play.stack().metric("memory_pressure"), 1); }) &&
        play.notice("requests_shed_total rises", kInvestigate,
                    [&] {
                        return unless_at_least(play.stack().metric("requests_shed_total"),
                                               shed + 1);
                    }) &&
        play.hold("health answers", kInvestigate, answers(play, "/health", "")) &&
        play.hold("operators are answered", kInvestigate, [&] {
            return play.stack().operate("GET", "/status", nullptr) ? std::string() : "they are not";
        });
    static_cast<void>(
        held &&
        play.recover("more memory: all are answered", kInvestigate, [&, written = false]() mutable {
            written = written || write_file(a.config_file, good);
            return unless_status(play.stack().ask({.path = a.path, .token = token}), 200);
        }));
}

}  // namespace gw::cli
