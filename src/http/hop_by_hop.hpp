// Fields that are for one connection only and go no further (RFC 9110, 7.6.1), whether Connection
// names them or not. Any thread.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "http/headers.hpp"

namespace gw::http {

constexpr bool hop_by_hop(Known known) {
    switch (known) {
        case Known::connection:
        case Known::keep_alive:
        case Known::proxy_connection:
        case Known::proxy_authenticate:
        case Known::proxy_authorization:
        case Known::te:
        case Known::trailer:
        case Known::transfer_encoding:
        case Known::content_length:  // written anew from the framing
        case Known::upgrade:
        case Known::http2_settings:
            return true;
        default:
            return false;
    }
}

// What a field is called, in lower case, that Connection names and that is known for nothing else.
inline constexpr std::string_view kConnection = "connection";

// The name, in lower case, of a field that belongs to one connection; empty for any other, and for
// those that say where a message ends and whether the connection stays: every message has them.
std::string_view hop_by_hop_name(Known known);

// What Connection names in one message, read once: a message with n fields costs n looks at a short
// list, however it is written. Views into the message's fields.
class ConnectionNames {
  public:
    // A head that names more is refused (FieldRules): nobody has so many fields for one connection.
    static constexpr std::size_t kMax = 32;

    // Nothing where Connection says no more than the usual "keep-alive" or "close".
    static std::optional<ConnectionNames> of(const Headers& headers);

    // Is this field named? Fields that carry meaning end to end stay, whoever lists them.
    [[nodiscard]] bool list(const Field& field) const;

  private:
    explicit ConnectionNames(const Headers& headers);

    std::array<std::string_view, kMax> names_;
    std::size_t count_ = 0;
};

}  // namespace gw::http
