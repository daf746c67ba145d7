// What stands in the store under an Idempotency-Key, as text that all gateways read. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/answer_cache.hpp"

namespace gw::gateway {

struct IdempotencyRecord {
    enum class Is : std::uint8_t {
        running,    // somebody serves it
        answered,   // with `answer`
        too_large,  // it was answered with more than is kept, or than there was room for
        withheld,   // it was answered with what its client may not have
    };
    Is is = Is::running;
    std::string_view request{};  // the digest of the request that came with the key first
    StoredAnswer answer{};
};

// nonce: of one claim among all, one word.
std::string write_running(std::string_view request, std::string_view nonce);
std::string write_too_large(std::string_view request);
std::string write_withheld(std::string_view request);
// status, lines and body of `answer`.
std::string write_answered(std::string_view request, const StoredAnswer& answer);

// Nothing: no gateway has written that. The record's `request` is a view of `text`.
std::optional<IdempotencyRecord> read_idempotency(std::string_view text);

}  // namespace gw::gateway
