#include "gateway/stage.hpp"

namespace gw::gateway {

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
