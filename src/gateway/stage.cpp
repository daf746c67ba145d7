#include "gateway/stage.hpp"

namespace gw::gateway {

std::vector<StageStep> steps_of(const StageOptionsList& options) {
    static const StageOptions kNoOptions;
    std::vector<StageStep> steps;
    for (std::size_t i = 0; i < kStageCount; ++i) {
        const bool without = kStages[i]->read == nullptr;
        if (without || options[i] != nullptr) {
            steps.push_back({.decide = kStages[i]->decide,
                             .options = without ? &kNoOptions : options[i].get(),
                             .stage = i});
        }
    }
    return steps;
}

StageOptionsList read_stage_options(config::Reader& route) {
    StageOptionsList options;
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
