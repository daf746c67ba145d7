// Holds a client's Idempotency-Key against what services may rely on: one, of few plain characters.
// By it a request is sent again that otherwise would not be (gateway/resend.hpp).
#include <algorithm>

#include "gateway/exchange.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

constexpr std::size_t kLongest = 128;

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

Verdict decide(Exchange& x) {
    const http::Headers& headers = x.head().headers;
    if (!headers.has(http::Known::idempotency_key)) [[likely]] {
        return go_on();
    }
    const std::string_view key = headers.value(http::Known::idempotency_key);
    const bool one =
        std::ranges::count(headers, http::Known::idempotency_key, &http::Field::known) == 1;
    return one && !key.empty() && key.size() <= kLongest && std::ranges::all_of(key, is_plain)
               ? go_on()
               : refuse(Code::validation_failed,
                        "Idempotency-Key is one of 1 to 128 letters, digits, '-' and '_'");
}

}  // namespace

namespace stages {
extern constinit const Stage idempotency_key = stage<decide>("idempotency_key");
}

}  // namespace gw::gateway
