#include "http/hop_by_hop.hpp"

#include <span>

#include "base/text.hpp"

namespace gw::http {

std::string_view hop_by_hop_name(Known known) {
    switch (known) {
        case Known::keep_alive:
            return "keep-alive";
        case Known::proxy_connection:
            return "proxy-connection";
        case Known::proxy_authenticate:
            return "proxy-authenticate";
        case Known::proxy_authorization:
            return "proxy-authorization";
        case Known::te:
            return "te";
        case Known::trailer:
            return "trailer";
        case Known::upgrade:
            return "upgrade";
        case Known::http2_settings:
            return "http2-settings";
        default:
            return {};
    }
}

std::optional<ConnectionNames> ConnectionNames::of(const Headers& headers) {
    if (!headers.has(Known::connection)) {
        return std::nullopt;
    }
    for (const Field& field : headers) {
        if (field.known == Known::connection && !equal_ignore_case(field.value, "keep-alive") &&
            !equal_ignore_case(field.value, "close")) {
            return ConnectionNames(headers);
        }
    }
    return std::nullopt;
}

ConnectionNames::ConnectionNames(const Headers& headers) {
    for (const Field& field : headers) {
        if (field.known != Known::connection) {
            continue;
        }
        CommaList names(field.value);
        for (std::string_view name; count_ < kMax && names.next(name);) {
            names_[count_++] = name;
        }
    }
}

bool ConnectionNames::list(const Field& field) const {
    switch (field.known) {
        case Known::host:
        case Known::content_type:
        case Known::content_encoding:
        case Known::date:
        case Known::location:
        case Known::set_cookie:
        case Known::cache_control:
            return false;
        default:
            break;
    }
    if (field.name.empty()) {
        return false;
    }
    const char first = lower(field.name.front());
    for (const std::string_view name : std::span(names_).first(count_)) {
        if (name.size() == field.name.size() && lower(name.front()) == first &&
            equal_ignore_case(name, field.name)) {
            return true;
        }
    }
    return false;
}

}  // namespace gw::http
