// What `format` of a schema asks of a text or a number. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/json.hpp"

namespace gw::schema {

enum class Format : std::uint8_t {
    none,  // says something of the value that nobody has to check
    uuid,
    date_time,
    date,
    time,
    email,
    hostname,
    uri,
    uri_reference,
    ipv4,
    ipv6,
    int32,
    int64,
};

// Nothing: a name that nobody here checks or knows to be without a check.
std::optional<Format> format_of(std::string_view name);
// The names that are checked, for messages.
inline constexpr std::string_view kFormatNames =
    "uuid, date-time, date, time, email, hostname, uri, uri-reference, ipv4, ipv6, int32, int64";

// Values of a kind that the format does not speak of fit it.
bool fits(Format format, const Value& value);

}  // namespace gw::schema
