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

Foundation::Foundation(LoadedSite loaded)
    : settings(std::move(loaded.settings)),
      site(std::move(loaded.site)),
      keys(std::move(loaded.keys)),
      name_servers(joined(settings->dns.servers)),
      log(sink, settings->log_level) {
    sink.show_to(tap);
}

void Foundation::adopt(LoadedSite loaded) {
    settings = std::move(loaded.settings);
    site = std::move(loaded.site);
    keys = std::move(loaded.keys);
}

}  // namespace gw::app
