#include "cli/drill.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace gw::cli {
namespace {

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(width, text.size()), ' ');
    return text;
}

std::size_t failures(const std::vector<DrillResult>& results) {
    return static_cast<std::size_t>(
        std::ranges::count_if(results, [](const DrillResult& result) { return !result.passed(); }));
}

std::string count_line(const std::vector<DrillResult>& results) {
    const std::size_t failed = failures(results);
    return std::to_string(results.size() - failed) + " passed, " + std::to_string(failed) +
           " failed\n";
}

std::string cell(std::string text) {
    for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
        text.insert(at, "\\");
    }
    return text;
}

}  // namespace

std::string_view name_of(DrillPhase phase) {
    switch (phase) {
        case DrillPhase::cause:
            return "cause";
        case DrillPhase::notice:
            return "notice";
        case DrillPhase::hold:
            return "hold";
        case DrillPhase::act:
            return "act";
        case DrillPhase::recover:
            return "recover";
    }
    return "";
}

bool DrillResult::passed() const {
    return refused.empty() && !steps.empty() &&
           std::ranges::all_of(steps, [](const DrillStep& step) { return step.passed; });
}

std::string drill_time(Millis time) {
    const auto ms = time.count();
    if (ms < 10'000) {
        return std::to_string(ms / 1'000) + "." + std::to_string(ms % 1'000 / 100) +
               std::to_string(ms % 100 / 10) + " s";
    }
    return ms < 120'000 ? std::to_string(ms / 1'000) + " s" : std::to_string(ms / 60'000) + " min";
}

std::string results_as_text(const std::vector<DrillResult>& results) {
    std::string text;
    for (const DrillResult& result : results) {
        text += result.name + "  (docs/runbooks/" + result.page + ")\n";
        if (!result.refused.empty()) {
            text += "  not played: " + result.refused + "\n";
        }
        for (const DrillStep& step : result.steps) {
            text += std::string(step.passed ? "  ok      " : "  FAILED  ") +
                    padded(std::string(name_of(step.phase)), 9) + padded(step.what, 64) +
                    drill_time(step.took) + " of " + drill_time(step.within) + "\n";
            if (!step.passed) {
                text += "          " + step.found + "\n";
            }
        }
    }
    return text + count_line(results);
}

std::string results_as_json(const std::vector<DrillResult>& results) {
    boost::json::array all;
    for (const DrillResult& result : results) {
        boost::json::array steps;
        for (const DrillStep& step : result.steps) {
            boost::json::object entry{{"phase", name_of(step.phase)},
                                      {"what", step.what},
                                      {"passed", step.passed},
                                      {"tookMs", step.took.count()},
                                      {"withinMs", step.within.count()}};
            if (!step.passed) {
                entry["found"] = step.found;
            }
            steps.push_back(std::move(entry));
        }
        boost::json::object entry{{"drill", result.name},
                                  {"page", result.page},
                                  {"passed", result.passed()},
                                  {"steps", std::move(steps)}};
        if (!result.refused.empty()) {
            entry["refused"] = result.refused;
        }
        all.push_back(std::move(entry));
    }
    return boost::json::serialize(
               boost::json::object{{"drills", std::move(all)}, {"failed", failures(results)}}) +
           "\n";
}

std::string results_as_markdown(const std::vector<DrillResult>& results) {
    std::string text = "| drill | | what | took | may take |\n|---|---|---|---|---|\n";
    for (const DrillResult& result : results) {
        std::string name = "[" + result.name + "](runbooks/" + result.page + ")";
        if (!result.refused.empty()) {
            text += "| " + name + " | | not played: " + cell(result.refused) + " | | |\n";
        }
        for (const DrillStep& step : result.steps) {
            text += "| " + name + " | " + std::string(name_of(step.phase)) + " | " +
                    cell(step.what) + (step.passed ? "" : ": **failed**, " + cell(step.found)) +
                    " | " + drill_time(step.took) + " | " + drill_time(step.within) + " |\n";
            name.clear();
        }
    }
    return text;
}

}  // namespace gw::cli
