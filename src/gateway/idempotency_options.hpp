// What an operator may set about requests with an Idempotency-Key.
#pragma once

#include "gateway/stage.hpp"

namespace gw::gateway {

enum class WithoutStore : std::uint8_t { serve, refuse };
constexpr std::array<std::pair<std::string_view, WithoutStore>, 2> names_of(WithoutStore) {
    return {{{"serve", WithoutStore::serve}, {"refuse", WithoutStore::refuse}}};
}

struct IdempotencyOptions : StageOptions {
    bool required = false;
    std::uint64_t ttl_s = 86'400;
    std::uint64_t request_bytes_max = 65'536;
    std::uint64_t answer_bytes_max = 65'536;
    WithoutStore without_store = WithoutStore::serve;
};

template <class Visitor>
void fields(Visitor& field, IdempotencyOptions& o) {
    using config::Range;
    field("required", o.required,
          "whether requests that change something must have an Idempotency-Key");
    field("ttl_s", o.ttl_s, Range{1, 2'592'000},
          "how long a key is known, and its first answer given again");
    field("request_bytes_max", o.request_bytes_max, Range{0, 1'048'576},
          "largest body of a request with a key: it is held to compare it");
    field("answer_bytes_max", o.answer_bytes_max, Range{0, 1'048'576},
          "largest body of an answer that is kept; the key of a larger one is used up");
    field("without_store", o.without_store,
          "while the store does not answer, or has no room for further keys: `serve` as if there "
          "were "
          "no key, which the service gets all the same, or `refuse`");
}

}  // namespace gw::gateway
