#include "app/foundation.hpp"

namespace gw::app {
namespace {

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) {
        text += (text.empty() ? "" : ",") + part;
    }
    return text;
}

}  // namespace

Foundation::Foundation(LoadedSite loaded, std::string_view commit)
    : settings(std::move(loaded.settings)),
      site(std::move(loaded.site)),
      keys(std::move(loaded.keys)),
      name_servers(joined(settings->dns.servers)),
      log(sink, settings->log_level) {
    sink.show_to(tap);
    exposition.built_from(std::string(commit));
    name_this();
}

void Foundation::adopt(LoadedSite loaded) {
    settings = std::move(loaded.settings);
    site = std::move(loaded.site);
    keys = std::move(loaded.keys);
    name_this();
}

void Foundation::name_this() {
    sink.set_origin(site->log_origin);
    exposition.runs_as(settings->instance_id, settings->region);
}

}  // namespace gw::app
