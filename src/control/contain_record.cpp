#include "control/contain_record.hpp"

#include <algorithm>

#include "control/contain_steps.hpp"

namespace gw::control {
namespace {

// Ends come from the store's clock and ours, and from those of the gateway that set them.
constexpr std::chrono::seconds kClocksDiffer{5};
// Records that name each other in a circle were not written by a gateway.
constexpr int kBackMost = 32;

std::string text_in(const boost::json::object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

std::optional<WallTime> time_in(const boost::json::object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_int64() ? std::optional(wall_at(found->as_int64()))
                                                 : std::nullopt;
}

std::optional<Standing> standing_in(const boost::json::object& step) {
    const auto* found = step.if_contains("before");
    const auto* before = found == nullptr ? nullptr : found->if_object();
    if (before == nullptr || !before->contains("value")) {
        return std::nullopt;
    }
    return Standing{.value = text_in(*before, "value"),
                    .until = time_in(*before, "untilMs"),
                    .containment = text_in(*before, "containment")};
}

bool same_end(const std::optional<WallTime>& a, const std::optional<WallTime>& b) {
    return a && b ? std::chrono::abs(*a - *b) <= kClocksDiffer : a.has_value() == b.has_value();
}

}  // namespace

ContainRecord read_contain_record(const boost::json::object& report) {
    ContainRecord record;
    const auto* undone = report.if_contains("undone");
    record.undone = undone != nullptr && undone->is_string();
    const auto* steps = report.if_contains("steps");
    if (steps == nullptr || !steps->is_array()) {
        return record;
    }
    for (const boost::json::value& item : steps->as_array()) {
        const boost::json::object* const step = item.if_object();
        if (step == nullptr) {
            continue;
        }
        RecordedStep read{.key = text_in(*step, "key"),
                          .written = text_in(*step, "written"),
                          .until = time_in(*step, "untilMs"),
                          .before = standing_in(*step)};
        if (!read.written.empty() && (is_ban(read.key) || read.key.starts_with("revoked:"))) {
            record.steps.push_back(std::move(read));
        }
    }
    return record;
}

boost::json::value standing_json(const std::optional<Standing>& standing) {
    if (!standing) {
        return nullptr;
    }
    boost::json::object out{{"value", standing->value}, {"untilMs", nullptr}};
    if (standing->until) {
        out["untilMs"] = epoch_ms(*standing->until);
    }
    if (!standing->containment.empty()) {
        out["containment"] = standing->containment;
    }
    return out;
}

std::string why_not_its_own(const RecordedStep& step, const std::optional<Standing>& there,
                            std::string_view id) {
    if (!there) {
        return "it is not there any more";
    }
    if (there->value != step.written || !same_end(there->until, step.until)) {
        return "it was changed since";
    }
    if (there->containment == id) {
        return {};
    }
    return there->containment.empty() ? "somebody asked for it again since"
                                      : "containment " + there->containment + " holds it too";
}

std::optional<Standing> what_comes_back(const RecordedStep& step, const ContainRecords& records,
                                        WallTime now) {
    std::optional<Standing> back = step.before;
    for (int i = 0; back && i < kBackMost; ++i) {
        const auto of = records.find(back->containment);
        if (back->until && *back->until <= now) {
            return std::nullopt;
        }
        if (of == records.end() || !of->second.undone) {
            return back;
        }
        const auto& steps = of->second.steps;
        const auto earlier = std::ranges::find(steps, step.key, &RecordedStep::key);
        // By hand something else may have been set where that containment had been.
        if (earlier == steps.end() || earlier->written != back->value ||
            !same_end(earlier->until, back->until)) {
            return back;
        }
        back = earlier->before;
    }
    return std::nullopt;
}

std::vector<std::string> held_before(const ContainRecord& record) {
    std::vector<std::string> ids;
    for (const RecordedStep& step : record.steps) {
        if (step.before && !step.before->containment.empty()) {
            ids.push_back(step.before->containment);
        }
    }
    return ids;
}

}  // namespace gw::control
