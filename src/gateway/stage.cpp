#include "gateway/stage.hpp"

#include <algorithm>

#include "gateway/stages.hpp"

namespace gw::gateway {

const StageOptions* find_options(const StageOptionsList& options, const Stage& stage) {
    const auto at = static_cast<std::size_t>(std::ranges::find(kStages, &stage) - kStages.begin());
    return at < options.size() ? options[at].get() : nullptr;
}

std::vector<StageStep> steps_of(const StageOptionsList& options) {
    static const StageOptions kNoOptions;
    std::vector<StageStep> steps;
    for (std::size_t i = 0; i < kStageCount; ++i) {
        const bool without = kStages[i]->read == nullptr;
        if (without || (i < options.size() && options[i] != nullptr)) {
            steps.push_back({.decide = kStages[i]->decide,
                             .options = without ? &kNoOptions : options[i].get(),
                             .stage = i});
        }
    }
    return steps;
}

StageOptionsList read_stage_options(config::Reader& route) {
    StageOptionsList options(kStageCount);
    for (std::size_t i = 0; i < kStageCount; ++i) {
        if (kStages[i]->read == nullptr) {
            continue;
        }
        config::Reader section = route.section(kStages[i]->name);
        if (section.present() || kStages[i]->everywhere) {
            options[i] = kStages[i]->read(section);
        }
    }
    return options;
}

}  // namespace gw::gateway
