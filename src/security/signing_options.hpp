// What an operator may set about the signatures of requests to services.
#pragma once

#include <cstdint>
#include <string>

#include "config/field.hpp"

namespace gw::security {

struct SigningOptions {
    std::string secret;
    std::uint64_t body_bytes_max = 1'048'576;
};

template <class Visitor>
void fields(Visitor& field, SigningOptions& o) {
    using namespace config;
    field("secret", o.secret, Env{"INTERNAL_HMAC_SECRET"}, Secret{},
          "requests to services carry a signature under it (`X-Internal-Signature`); empty: none");
    field("body_bytes_max", o.body_bytes_max, Range{0, 1'073'741'824},
          "a body up to this size is held until its hash is known and signed with the head; of a "
          "larger one the signature says UNSIGNED-BODY");
}

}  // namespace gw::security
