#include "control/line_query.hpp"

#include <algorithm>

#include "base/encoding.hpp"

namespace gw::control {
namespace {

constexpr std::size_t kTextMax = 200;

std::string* text_named(observe::LineFilter& filter, std::string_view name) {
    return name == "user"      ? &filter.user
           : name == "tenant"  ? &filter.tenant
           : name == "address" ? &filter.address
           : name == "route"   ? &filter.route
           : name == "status"  ? &filter.status
           : name == "text"    ? &filter.text
                               : nullptr;
}

}  // namespace

observe::LineFilter read_filter(std::string_view query) {
    observe::LineFilter filter;
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view one = query.substr(0, end);
        query.remove_prefix(std::min(end + 1, query.size()));
        const std::size_t equals = std::min(one.find('='), one.size());
        const std::string_view name = one.substr(0, equals);
        const auto value = percent_decode(one.substr(std::min(equals + 1, one.size())));
        if (!value) {
            continue;
        }
        if (std::string* const text = text_named(filter, name); text != nullptr) {
            *text = value->substr(0, kTextMax);
        } else if (name == "only") {
            filter.requests = *value != "events";
            filter.events = *value != "requests";
        }
    }
    return filter;
}

}  // namespace gw::control
