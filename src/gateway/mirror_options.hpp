// What an operator may set about copies of a route's requests.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "gateway/stage.hpp"
#include "http/method_names.hpp"

namespace gw::gateway {

struct Exchange;

struct MirrorOptions : StageOptions {
    std::string service;
    std::uint32_t percent = 100;
    std::vector<http::Method> methods{http::Method::get, http::Method::head};
    std::uint64_t body_bytes_max = 16'384;
    std::uint32_t in_flight_max = 16;
    Millis timeout{2'000};
    bool credentials = false;
};

template <class Visitor>
void fields(Visitor& field, MirrorOptions& o) {
    using namespace config;
    field("service", o.service, Required{},
          "the service that gets copies of what this route's own is asked, by its name under "
          "`services`; what it answers is dropped");
    field("percent", o.percent, Range{1, 100}, "share of the requests, in percent");
    field("methods", o.methods,
          "requests with these methods; those that change something only where they are listed");
    field("body_bytes_max", o.body_bytes_max, Range{0, 1'048'576},
          "bodies that are here whole with the request's head, up to this size, go along; requests "
          "with others are not mirrored");
    field("in_flight_max", o.in_flight_max, Range{1, 1'024},
          "most copies of this route's requests that each worker has on their way; beyond that "
          "requests are not mirrored");
    field("timeout_ms", o.timeout, Range{1, 60'000}, "time for the whole of a copy");
    field("credentials", o.credentials,
          "whether Authorization, Cookie and X-API-Key go along; who calls is told in any case");
}

// Of a route; null where it has none.
const MirrorOptions* mirror_of(const StageOptionsList& options);

// Whether copies are made of such requests, but for the share and what their bodies say.
bool may_be_copied(const Exchange& x, const MirrorOptions& options);

// What tells a copy from the request, and takes out what it is not to have. False: no room.
[[nodiscard]] bool mark_copy(const MirrorOptions& options, http::Headers& headers);

}  // namespace gw::gateway
