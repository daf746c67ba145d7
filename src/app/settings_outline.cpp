#include "app/settings_outline.hpp"

#include "app/settings.hpp"
#include "base/ensure.hpp"
#include "gateway/stages.hpp"

namespace gw::app {

config::Outline settings_outline() {
    config::Outline outline;
    Settings defaults;
    fields(outline, defaults);
    config::OutlineField* routes = outline.find("routes");
    ensure(routes != nullptr, "the settings have routes");
    for (const gateway::Stage* stage : gateway::kStages) {
        if (stage->describe == nullptr) {
            continue;
        }
        config::Outline options;
        stage->describe(options);
        config::OutlineField section;
        section.kind = config::OutlineField::Kind::section;
        section.name = stage->name;
        section.help = "options of the stage `" + section.name +
                       "`, which runs on the routes that have this section, even an empty one";
        section.members = std::move(options.fields);
        routes->members.push_back(std::move(section));
    }
    return outline;
}

}  // namespace gw::app
