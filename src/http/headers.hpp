// Header fields in the order they came (RFC 9110, 5). Names and values are views into the buffer
// that holds the message, so a list costs nothing to fill and is valid as long as that buffer.
//
// Names that the gateway itself looks at are recognised once, when the field is added, and found
// again by a small integer: no hashing, no case folding on look-up. Not thread-safe; one message,
// one worker.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/ensure.hpp"

namespace gw::http {

// The catalogue of recognised names: identifier, canonical spelling.
#define GW_KNOWN_FIELDS(X)                              \
    X(host, "Host")                                     \
    X(connection, "Connection")                         \
    X(content_length, "Content-Length")                 \
    X(transfer_encoding, "Transfer-Encoding")           \
    X(trailer, "Trailer")                               \
    X(te, "TE")                                         \
    X(upgrade, "Upgrade")                               \
    X(keep_alive, "Keep-Alive")                         \
    X(proxy_connection, "Proxy-Connection")             \
    X(proxy_authenticate, "Proxy-Authenticate")         \
    X(proxy_authorization, "Proxy-Authorization")       \
    X(http2_settings, "HTTP2-Settings")                 \
    X(expect, "Expect")                                 \
    X(max_forwards, "Max-Forwards")                     \
    X(via, "Via")                                       \
    X(forwarded, "Forwarded")                           \
    X(x_forwarded_for, "X-Forwarded-For")               \
    X(x_forwarded_proto, "X-Forwarded-Proto")           \
    X(x_forwarded_host, "X-Forwarded-Host")             \
    X(x_forwarded_port, "X-Forwarded-Port")             \
    X(x_original_url, "X-Original-URL")                 \
    X(x_rewrite_url, "X-Rewrite-URL")                   \
    X(x_http_method_override, "X-HTTP-Method-Override") \
    X(x_request_id, "X-Request-Id")                     \
    X(x_correlation_id, "X-Correlation-Id")             \
    X(traceparent, "traceparent")                       \
    X(tracestate, "tracestate")                         \
    X(authorization, "Authorization")                   \
    X(cookie, "Cookie")                                 \
    X(content_type, "Content-Type")                     \
    X(content_encoding, "Content-Encoding")             \
    X(origin, "Origin")                                 \
    X(accept_encoding, "Accept-Encoding")               \
    X(user_agent, "User-Agent")                         \
    X(x_api_key, "X-API-Key")                           \
    X(idempotency_key, "Idempotency-Key")               \
    X(date, "Date")                                     \
    X(server, "Server")                                 \
    X(x_powered_by, "X-Powered-By")                     \
    X(location, "Location")                             \
    X(set_cookie, "Set-Cookie")                         \
    X(retry_after, "Retry-After")                       \
    X(x_resource_tenant, "X-Resource-Tenant")           \
    X(cache_control, "Cache-Control")                   \
    X(pragma, "Pragma")                                 \
    X(vary, "Vary")                                     \
    X(range, "Range")                                   \
    X(if_match, "If-Match")                             \
    X(if_none_match, "If-None-Match")                   \
    X(if_modified_since, "If-Modified-Since")           \
    X(if_unmodified_since, "If-Unmodified-Since")       \
    X(if_range, "If-Range")

enum class Known : std::uint8_t {
    other,
#define X(id, name) id,
    GW_KNOWN_FIELDS(X)
#undef X
};

// Which recognised name this is, in any case; Known::other if none. X-Resource-Tenant also with
// '_'.
Known recognise(std::string_view name);

std::string_view canonical_name(Known known);

struct Field {
    std::string_view name;
    std::string_view value;
    Known known = Known::other;
    // As it arrived: name ": " value CRLF stand together in memory, and may be copied together.
    bool whole_line = false;
};

class Headers {
  public:
    // More fields than this in one message are refused with 431; common frameworks stop at about
    // 100 too.
    static constexpr std::size_t kFieldsMax = 128;

    // False if the list is full: the caller refuses the message.
    [[nodiscard]] bool add(std::string_view name, std::string_view value) {
        return add(name, value, recognise(name));
    }
    [[nodiscard]] bool add(Known known, std::string_view value) {
        return add(canonical_name(known), value, known);
    }
    [[nodiscard]] bool add(std::string_view name, std::string_view value, Known known) {
        return add(Field{name, value, known});
    }
    // name: one of our own that is not in the catalogue.
    [[nodiscard]] bool add_other(std::string_view name, std::string_view value) {
        return add(Field{name, value, Known::other});
    }
    [[nodiscard]] bool add(const Field& field) {
        if (count_ == kFieldsMax) {
            return false;
        }
        fields_[count_++] = field;
        present_ |= bit(field.known);
        return true;
    }

    // Several at once; all or none. present: the bits of their names.
    [[nodiscard]] bool add(std::span<const Field> fields, std::uint64_t present) {
        if (fields.size() > kFieldsMax - count_) {
            return false;
        }
        Field* to = fields_.data() + count_;
        for (const Field& field : fields) {
            *to++ = field;
        }
        count_ += fields.size();
        present_ |= present;
        return true;
    }
    static constexpr std::uint64_t bit(Known known) {
        return std::uint64_t{1} << static_cast<unsigned>(known);
    }

    [[nodiscard]] bool has(Known known) const { return (present_ & bit(known)) != 0; }
    [[nodiscard]] bool has_any(std::same_as<Known> auto... known) const {
        return (present_ & (bit(known) | ...)) != 0;
    }

    // The first field of that name, or null.
    [[nodiscard]] const Field* find(Known known) const {
        if (!has(known)) {
            return nullptr;
        }
        for (std::size_t i = 0; i < count_; ++i) {
            if (fields_[i].known == known) {
                return &fields_[i];
            }
        }
        return nullptr;
    }
    // The value of the first field of that name, or nothing.
    [[nodiscard]] std::string_view value(Known known) const {
        const Field* field = find(known);
        return field != nullptr ? field->value : std::string_view{};
    }

    [[nodiscard]] const Field* begin() const { return fields_.data(); }
    [[nodiscard]] const Field* end() const { return fields_.data() + count_; }
    [[nodiscard]] std::size_t size() const { return count_; }
    [[nodiscard]] std::size_t room() const { return kFieldsMax - count_; }

    // Takes out those for which it says true.
    template <class Unwanted>
    void erase_if(Unwanted unwanted) {
        std::size_t kept = 0;
        present_ = 0;
        for (std::size_t i = 0; i < count_; ++i) {
            if (!unwanted(fields_[i])) {
                fields_[kept] = fields_[i];
                present_ |= bit(fields_[kept++].known);
            }
        }
        count_ = kept;
    }

    void clear() {
        count_ = 0;
        present_ = 0;
    }

  private:
    std::array<Field, kFieldsMax> fields_;
    std::size_t count_ = 0;
    std::uint64_t present_ = 0;
};

}  // namespace gw::http
