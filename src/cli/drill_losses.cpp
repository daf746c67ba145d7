// Drills of losses: Redis, and a whole region. What stops and starts them are commands of the
// operator or of the stack.
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/drill_play.hpp"

namespace gw::cli {
namespace {

constexpr Millis kMinute{60'000};
constexpr Millis kInvestigate = 60 * kMinute;
constexpr Millis kRedisRto = 10 * kMinute;
constexpr Millis kRegionRto = 30 * kMinute;
constexpr const char* kBanned = "203.0.113.69";
constexpr int kBanSeconds = 3'600;

boost::json::object ban_body() {
    return {{"seconds", kBanSeconds}, {"reason", "drill"}, {"by", "drill"}};
}

std::string ban_path() {
    return std::string("/bans/ip/") + kBanned;
}

// A command, once, in the first look of a step. Copies are the same one: what is undone at the end
// of a drill outlives the function that plays it.
class Once {
  public:
    explicit Once(std::string command) : command_(std::move(command)) {}

    // False as long as it has not ended well.
    bool done() const {
        *done_ = *done_ || DrillStack::run(command_);
        return *done_;
    }
    [[nodiscard]] bool was_done() const { return *done_; }

  private:
    std::string command_;
    std::shared_ptr<bool> done_ = std::make_shared<bool>(false);
};

// What was stopped is started, however the drill ends.
void start_at_end(DrillPlay& play, const Once& stop, const Once& start) {
    play.at_end([stop, start] {
        if (stop.was_done()) {
            static_cast<void>(start.done());
        }
    });
}

}  // namespace

void play_redis_loss(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    const auto facts = play.stack().operate("GET", "/status", nullptr);
    if (!facts || !boost::json::serialize(facts->as_object().at("state")).contains("redis")) {
        play.refuse("its state is not in Redis");
        return;
    }
    if (a.stop_redis.empty() || a.start_redis.empty()) {
        play.refuse("say how: --stop-redis COMMAND --start-redis COMMAND");
        return;
    }
    const std::string token = play.token();
    if (token.empty()) {
        return;
    }
    const auto up = [&] { return play.stack().metric("state_backend_up"); };
    const auto banned = [&] {
        return unless_status(
            play.stack().ask({.path = a.other_path, .address = kBanned, .token = token}), 403,
            "banned");
    };
    const auto served = [&] {
        return unless_status(play.stack().ask({.path = a.other_path, .token = token}), 200);
    };
    Once stop(a.stop_redis);
    Once start(a.start_redis);
    play.at_end([&play] {
        play.insist([&play] { return play.stack().metric("state_backend_up") == 1; });
        static_cast<void>(play.stack().operate("DELETE", ban_path(), nullptr));
    });
    if (!play.stack().operate("PUT", ban_path(), ban_body())) {
        play.refuse("the admin API does not ban");
        return;
    }
    start_at_end(play, stop, start);
    const bool held = play.cause("Redis is stopped; state_backend_up is 0", 2 * kMinute,
                                 [&] {
                                     if (!stop.done()) {
                                         return std::string("it cannot be stopped");
                                     }
                                     return up() == 0 ? std::string() : "it is not";
                                 }) &&
                      play.notice("/health says degraded", kInvestigate,
                                  [&] {
                                      return unless_status(play.stack().ask({.path = "/health"}),
                                                           200, "degraded");
                                  }) &&
                      play.line("state backend", {"state backend"}) &&
                      play.alert("StateBackendDown", kInvestigate) &&
                      play.hold("requests are answered", kRedisRto, served) &&
                      play.hold("who was banned still is", kRedisRto, banned) &&
                      play.hold("the gateway is ready", kRedisRto, [&] {
                          return unless_status(play.stack().ask({.path = "/health/ready"}), 200);
                      });
    static_cast<void>(held &&
                      play.recover("it is started, empty, and found again", kRedisRto,
                                   [&] {
                                       if (!start.done()) {
                                           return std::string("it cannot be started");
                                       }
                                       return up() == 1 ? unless_status(
                                                              play.stack().ask({.path = "/health"}),
                                                              200, R"("status":"ok")")
                                                        : "state_backend_up is not 1";
                                   }) &&
                      play.hold("the ban is in force", kRedisRto, banned) &&
                      play.hold("requests are answered", kRedisRto, served));
}

void play_region_loss(DrillPlay& play) {
    const DrillArguments& a = play.stack().arguments();
    if (a.other_port == 0 || a.other_admin_port == 0 || a.stop_region.empty() ||
        a.start_region.empty()) {
        play.refuse(
            "name the region that may be lost: --other-port, --other-admin-port, --stop-region, "
            "--start-region");
        return;
    }
    const std::string token = play.token();
    if (token.empty()) {
        return;
    }
    const DrillRequest as_banned{.path = a.other_path, .address = kBanned, .token = token};
    Once stop(a.stop_region);
    Once start(a.start_region);
    play.at_end([&play] {
        play.insist([&play] { return play.stack().metric_of_other("state_backend_up") == 1; });
        static_cast<void>(play.stack().operate_other("DELETE", ban_path(), nullptr));
    });
    start_at_end(play, stop, start);
    const bool shared = play.hold("a ban of the other region is in force here", kMinute, [&] {
        if (!play.stack().operate_other("PUT", ban_path(), ban_body())) {
            return std::string("the other region does not ban");
        }
        return unless_status(play.stack().ask(as_banned), 403, "banned");
    });
    int missed = 0;
    const bool held =
        shared &&
        play.cause("the other region is stopped; two checks in a row fail", kRegionRto,
                   [&] {
                       if (!stop.done()) {
                           return std::string("it cannot be stopped");
                       }
                       missed = play.stack().ask_other({.path = "/health/ready"}).status == 200
                                    ? 0
                                    : missed + 1;
                       return missed >= 2 ? std::string() : "it answers";
                   }) &&
        play.hold("its clients are answered here", kRegionRto,
                  [&] {
                      return unless_status(play.stack().ask({.path = a.other_path, .token = token}),
                                           200);
                  }) &&
        play.hold("its bans are in force here", kRegionRto,
                  [&] { return unless_status(play.stack().ask(as_banned), 403, "banned"); }) &&
        play.notice("state_peer_up is 0", kInvestigate,
                    [&] { return play.stack().metric("state_peer_up") == 0 ? "" : "it is not"; }) &&
        play.line("state of another region", {"state of another region does not answer"});
    static_cast<void>(held && play.recover("it is started again and ready", kRegionRto, [&] {
        if (!start.done()) {
            return std::string("it cannot be started");
        }
        return unless_status(play.stack().ask_other({.path = "/health/ready"}), 200);
    }) && play.hold("state_peer_up is 1", kRegionRto, [&] {
        return unless_at_least(play.stack().metric("state_peer_up"), 1);
    }) && play.hold("the ban is in force in both", kRegionRto, [&] {
        const std::string here = unless_status(play.stack().ask(as_banned), 403, "banned");
        return here.empty() ? unless_status(play.stack().ask_other(as_banned), 403, "banned")
                            : here;
    }));
}

}  // namespace gw::cli
