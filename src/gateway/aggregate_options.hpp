// What an operator may set about answers that are put together of several services'.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "gateway/stage.hpp"
#include "gateway/text_template.hpp"

namespace gw::gateway {

struct PartOptions {
    std::string service;
    PathTemplate path;
    bool required = true;
    Millis timeout{0};
    std::uint64_t bytes_max = 262'144;
    bool query = false;
};

struct AggregateOptions : StageOptions {
    // Each is a request to a service at the same time as the others.
    static constexpr std::size_t kPartsMax = 8;

    std::map<std::string, PartOptions> parts;

    // The same in the order of their names, and who points into whom. Made once they are read.
    struct Part {
        std::string name;
        PartOptions options;
        std::vector<std::size_t> needs;
        bool needed = false;
    };
    std::vector<Part> list;
};

std::optional<config::Flaw> check_part_name(std::string_view name);

template <class Visitor>
void fields(Visitor& field, PartOptions& o) {
    using namespace config;
    field("service", o.service, Required{}, "the service, by its name under `services`");
    field("path", o.path, Required{},
          "path there, perhaps with a query; may use `{id}` of the route's path, `{tenant}`, … and "
          "`{event#/venueId}`: of the answer of the part `event` the value at that JSON pointer, "
          "text or a whole number");
    field("required", o.required,
          "whether the whole fails with it; else it is `null`, and stands in `errors`");
    field("timeout_ms", o.timeout, Range{0, 3'600'000},
          "time for it, within that of the route; 0: that of the route");
    field("bytes_max", o.bytes_max, Range{1, 4'194'304}, "a larger answer is a failure");
    field("query", o.query, "whether the client's query goes along");
}

template <class Visitor>
void fields(Visitor& field, AggregateOptions& o) {
    using namespace config;
    field("parts", o.parts, Check{check_part_name, "^[a-z][A-Za-z0-9_]{0,63}$"},
          "services' JSON answers, by the names that they have in the whole; they are asked at "
          "once, but for those that need another");
}

// Of a route; null where it has none.
const AggregateOptions* aggregate_of(const StageOptionsList& options);

}  // namespace gw::gateway
