// A kept answer as it stands in the store, with all that it was kept for: whoever reads it holds it
// against what was asked for, so that neither a chance nor a writer's mistake gives anybody
// another's. Comes from outside: what is not as it should be is nothing. Pure.
//
//   gw1 <SHA-256 over the secret and the rest> <rest>
//   rest: site, URI, who, numbers, …, header lines, body, each as <length>:<bytes>
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/shared_answers.hpp"

namespace gw::gateway {

struct SharedRecord {
    std::shared_ptr<StoredAnswer> answer;  // without the time when it came
    Millis fetched_in{0};                  // from the question to the service to its head
};

// secret: of all gateways, or "". What was written with another one is not read.
std::string write_shared(const SharedPlace& place, const StoredAnswer& answer, Millis fetched_in,
                         std::string_view secret);
// Nothing: it is not what a gateway wrote for this place.
std::optional<SharedRecord> read_shared(std::string_view text, const SharedPlace& place,
                                        std::string_view secret);

// What requests say of the fields that an answer varies by, in one text.
std::string selection_of(const std::vector<StoredAnswer::Selecting>& selecting);

}  // namespace gw::gateway
