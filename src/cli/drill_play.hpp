// One drill while it is played: its steps in order, and what is to be undone at its end, however it
// ends.
#pragma once

#include <chrono>
#include <functional>
#include <span>

#include "cli/drill_stack.hpp"

namespace gw::cli {

class DrillPlay {
  public:
    // Looks once: empty, it is so; else what is there instead.
    using Look = std::function<std::string()>;

    DrillPlay(DrillStack& stack, DrillResult& result) : stack_(stack), result_(result) {}
    // Undoes, last things first.
    ~DrillPlay();
    DrillPlay(const DrillPlay&) = delete;
    DrillPlay& operator=(const DrillPlay&) = delete;

    [[nodiscard]] DrillStack& stack() { return stack_; }

    // Looks again and again until it is so or the time is over. False: the drill is over. cause,
    // act and recover start the clock; notice and hold go on with the one of the step before.
    [[nodiscard]] bool cause(const std::string& what, Millis within, const Look& look);
    [[nodiscard]] bool notice(const std::string& what, Millis within, const Look& look);
    [[nodiscard]] bool hold(const std::string& what, Millis within, const Look& look);
    [[nodiscard]] bool act(const std::string& what, Millis within, const Look& look);
    [[nodiscard]] bool recover(const std::string& what, Millis within, const Look& look);

    // Prometheus fires it; true without a step where no Prometheus is named.
    [[nodiscard]] bool alert(const std::string& name, Millis within);
    // A line of the log holds all of these; true without a step where no log is named.
    [[nodiscard]] bool line(const std::string& what, const std::vector<std::string>& texts);

    void at_end(std::function<void()> undo) { undo_.push_back(std::move(undo)); }
    // For undoing: again and again until it is done, at most for 20 s.
    void insist(const std::function<bool()>& done);
    void refuse(std::string why) { result_.refused = std::move(why); }

    // A token, once; empty after refusing.
    [[nodiscard]] std::string token();

  private:
    bool step(DrillPhase phase, const std::string& what, Millis within, const Look& look);

    DrillStack& stack_;
    DrillResult& result_;
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
    std::vector<std::function<void()>> undo_;
};

struct DrillPlan {
    const char* name;
    const char* help;
    const char* page;  // of docs/runbooks
    void (*run)(DrillPlay& play);
};

// In the order in which `drill all` plays them.
std::span<const DrillPlan> drill_plans();

void play_service_down(DrillPlay& play);
void play_high_latency(DrillPlay& play);
void play_memory_pressure(DrillPlay& play);
void play_bad_configuration(DrillPlay& play);
void play_brute_force(DrillPlay& play);
void play_cross_tenant(DrillPlay& play);
void play_token_leak(DrillPlay& play);
void play_redis_loss(DrillPlay& play);
void play_region_loss(DrillPlay& play);

// Of drill_play.cpp, for all: "" if the answer has the status, and the code where one is named;
// else what it has.
std::string unless_status(const DrillAnswer& answer, int status, std::string_view code = {});
std::string unless_at_least(double value, double least);

}  // namespace gw::cli
