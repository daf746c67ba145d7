#include "config/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>

namespace gw::config {

Environment::Environment(Values values) : values_(std::move(values)) {
    std::erase_if(values_, [](const auto& entry) {
        return entry.second.empty() || is_service_link(entry.first, entry.second);
    });
}

Environment Environment::of_process() {
    Values values;
    for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            values.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return Environment(std::move(values));
}

const std::string* Environment::find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

bool is_service_link(std::string_view name, std::string_view value) {
    constexpr std::array<std::string_view, 3> kSchemes{"tcp://", "udp://", "sctp://"};
    constexpr std::array<std::string_view, 3> kProtocols{"_TCP", "_UDP", "_SCTP"};
    if (name.ends_with("_SERVICE_HOST")) {
        return true;
    }
    // NAME_SERVICE_PORT, NAME_SERVICE_PORT_HTTP
    constexpr std::string_view kServicePort = "_SERVICE_PORT";
    const std::size_t at = name.find(kServicePort);
    if (at != std::string_view::npos) {
        const std::string_view rest = name.substr(at + kServicePort.size());
        if (rest.empty() || rest.front() == '_') {
            return true;
        }
    }
    // NAME_PORT=tcp://10.0.0.1:6379
    if (name.ends_with("_PORT") &&
        std::ranges::any_of(kSchemes, [&](auto scheme) { return value.starts_with(scheme); })) {
        return true;
    }
    // NAME_PORT_6379_TCP, NAME_PORT_6379_TCP_ADDR
    constexpr std::string_view kPort = "_PORT_";
    const std::size_t port = name.find(kPort);
    if (port == std::string_view::npos) {
        return false;
    }
    std::string_view rest = name.substr(port + kPort.size());
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    rest.remove_prefix(digits);
    return digits > 0 && std::ranges::any_of(kProtocols, [&](auto protocol) {
               return rest == protocol ||
                      (rest.starts_with(protocol) && rest.substr(protocol.size()).starts_with('_'));
           });
}

}  // namespace gw::config
