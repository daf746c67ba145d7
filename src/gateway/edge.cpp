#include "gateway/edge.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::gateway {
namespace {

using http::Field;
using http::Known;

bool varies_by_origin(const http::Headers& headers) {
    for (const Field& field : headers) {
        if (field.known == Known::vary &&
            (list_contains(field.value, "origin") || list_contains(field.value, "*"))) {
            return true;
        }
    }
    return false;
}

bool add_cors(const Cors& cors, const http::RequestHead& request, http::Headers& headers) {
    // Two answers to one question would be none: here the gateway speaks for the services.
    const auto grants = [](const Field& field) {
        return field.known == Known::other &&
               starts_with_ignore_case(field.name, "access-control-");
    };
    if (std::ranges::any_of(headers, grants)) {
        headers.erase_if(grants);
    }
    // Also to those who show no origin: a cache between us must not give them what it gives others.
    if (!cors.any() && !varies_by_origin(headers) && !headers.add("Vary", "Origin")) {
        return false;
    }
    const std::string_view origin = request.headers.value(Known::origin);
    if (origin.empty() || !cors.allows(origin)) {
        return true;
    }
    if (!headers.add("Access-Control-Allow-Origin", cors.any() ? "*" : origin) ||
        (cors.credentials() && !headers.add("Access-Control-Allow-Credentials", "true"))) {
        return false;
    }
    if (is_preflight(request)) {
        return headers.add("Access-Control-Allow-Methods", cors.methods()) &&
               headers.add("Access-Control-Allow-Headers", cors.headers()) &&
               headers.add("Access-Control-Max-Age", cors.max_age());
    }
    return cors.exposed().empty() || headers.add("Access-Control-Expose-Headers", cors.exposed());
}

}  // namespace

bool is_preflight(const http::RequestHead& head) {
    if (head.method != http::Method::options || !head.headers.has(Known::origin)) {
        return false;
    }
    for (const Field& field : head.headers) {
        if (field.known == Known::other &&
            equal_ignore_case(field.name, "access-control-request-method")) {
            return true;
        }
    }
    return false;
}

bool answers_preflight(const Edge* edge, const http::RequestHead& head) {
    return edge != nullptr && edge->cors && is_preflight(head);
}

bool add_edge_fields(const Edge& edge, const http::RequestHead& request, http::Headers& headers) {
    return (!edge.cors || add_cors(*edge.cors, request, headers)) && edge.security.add_to(headers);
}

}  // namespace gw::gateway
