// All stages in their order. Few need to know them: what includes this is compiled anew for each
// new one.
#pragma once

#include <array>

#include "gateway/stage.hpp"

namespace gw::gateway {

namespace stages {
#define STAGE(name) extern const Stage name;
#include "gateway/stages.def"
#undef STAGE
}  // namespace stages

inline constexpr std::array kStages{
#define STAGE(name) &stages::name,
#include "gateway/stages.def"
#undef STAGE
};
inline constexpr std::size_t kStageCount = kStages.size();

}  // namespace gw::gateway
