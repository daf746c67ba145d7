#include "gateway/shaping_check.hpp"

#include <algorithm>

#include "gateway/aggregate_options.hpp"
#include "gateway/canary_options.hpp"
#include "gateway/mirror_options.hpp"
#include "gateway/redirect_options.hpp"
#include "gateway/transform_options.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;
using Of = TextTemplate::Of;

std::optional<Flaw> flaw_of(const RouteOptions& route, const TextTemplate& text,
                            bool of_a_part = false) {
    for (const TextTemplate::Piece& piece : text.pieces()) {
        if (piece.of == Of::parameter && !route.path.has_parameter(piece.text)) {
            return Flaw{"uses {" + piece.text + "}, which the path does not have",
                        "use parameters of " + route.path.to_string() +
                            ", or one of {tenant}, {user}, {role}, {request_id}, {correlation_id}, "
                            "{client_ip}, {host}, {scheme}, {method}, {path}, {rest}"};
        }
        if (piece.of == Of::rest && !route.path.prefix) {
            return Flaw{"uses {rest}, but the path does not end in /**",
                        "use the parameters of " + route.path.to_string()};
        }
        if (piece.of == Of::part && !of_a_part) {
            return Flaw{"points into another part of an answer",
                        "only parts of an `aggregate` may"};
        }
    }
    return std::nullopt;
}

void check_redirect(RouteOptions& route, const RedirectOptions& options) {
    config::Reader section = route.stages.section("redirect");
    if (auto flaw = flaw_of(route, options.to)) {
        section.blame("to", "redirect.to " + flaw->what, std::move(flaw->remedy));
    }
    if (!route.service.empty()) {
        route.stages.blame("service", "has a service that is never asked, because of `redirect`",
                           "remove one of them");
    }
}

void check_fields(const RouteOptions& route, config::Reader section, const std::string& where,
                  const FieldChanges& changes) {
    const auto look = [&](const char* list, const std::vector<FieldTemplate>& fields) {
        for (const FieldTemplate& field : fields) {
            if (auto flaw = flaw_of(route, field.value)) {
                section.blame(list, where + list + " " + flaw->what, std::move(flaw->remedy));
            }
        }
    };
    look("set", changes.set);
    look("add", changes.add);
}

// The memory of answers knows the path that came, the tenant and the role, and nothing else.
bool tells_callers_apart(const PathTemplate& path) {
    return std::ranges::any_of(path.pieces(), [](const TextTemplate::Piece& piece) {
        return piece.of == Of::user || piece.of == Of::client_ip || piece.of == Of::request_id ||
               piece.of == Of::correlation_id;
    });
}

void check_transform(RouteOptions& route, const TransformOptions& options) {
    config::Reader section = route.stages.section("transform");
    if (auto flaw = flaw_of(route, options.path)) {
        section.blame("path", "transform.path " + flaw->what, std::move(flaw->remedy));
    }
    if (!options.path.empty() && !route.rewrite.empty()) {
        section.blame("path", "has both rewrite and transform.path", "keep one of them");
    }
    if (tells_callers_apart(options.path) && route.stages.gives("cache")) {
        section.blame("path", "transform.path tells callers apart that `cache` does not",
                      "leave {user}, {client_ip} and the ids out of it, or remove `cache`");
    }
    check_fields(route, section.section("request"), "transform.request.", options.request);
    check_fields(route, section.section("response"), "transform.response.", options.response);
}

void check_service(config::Reader section, const char* setting, const std::string& name,
                   const ServiceFlaw& service_flaw) {
    if (auto flaw = service_flaw(name); flaw && !name.empty()) {
        section.blame(setting, std::move(flaw->what), std::move(flaw->remedy));
    }
}

void check_aggregate(RouteOptions& route, const AggregateOptions& options,
                     const ServiceFlaw& service_flaw) {
    config::Reader section = route.stages.section("aggregate");
    for (const auto& [name, part] : options.parts) {
        config::Reader place = section.section("parts").section(name);
        if (auto flaw = flaw_of(route, part.path, true)) {
            place.blame("path", "aggregate.parts." + name + ".path " + flaw->what,
                        std::move(flaw->remedy));
        }
        check_service(place, "service", part.service, service_flaw);
    }
    const bool reads =
        !route.methods.empty() && std::ranges::all_of(route.methods, [](http::Method method) {
            return method == http::Method::get || method == http::Method::head;
        });
    if (!reads) {
        route.stages.blame("methods", "takes methods that an `aggregate` does not answer",
                           "write `methods: [GET]`");
    }
    for (const char* other : {"service", "rewrite", "redirect", "transform", "canary", "mirror",
                              "cache", "idempotency", "websocket"}) {
        if (route.stages.gives(other)) {
            route.stages.blame(
                other, "has `" + std::string(other) + "`, which an `aggregate` does not use",
                "remove one of them");
        }
    }
}

}  // namespace

void check_shaping(RouteOptions& route, const ServiceFlaw& service_flaw) {
    if (const auto* const redirect = redirect_of(route.stage_options)) {
        check_redirect(route, *redirect);
    } else if (const auto* const aggregate = aggregate_of(route.stage_options)) {
        check_aggregate(route, *aggregate, service_flaw);
    } else if (route.service.empty() && !route.stages.gives("service")) {
        route.stages.blame_missing("service",
                                   "write it, or give the route a `redirect` or an `aggregate`");
    }
    if (const auto* const canary = canary_of(route.stage_options)) {
        for (const CanaryVersion& version : canary->versions) {
            check_service(route.stages.section("canary"), "versions", version.service,
                          service_flaw);
        }
    }
    if (const auto* const mirror = mirror_of(route.stage_options)) {
        check_service(route.stages.section("mirror"), "service", mirror->service, service_flaw);
    }
    if (const auto* const transform = transform_of(route.stage_options)) {
        check_transform(route, *transform);
    }
}

}  // namespace gw::gateway
