// What an operator may set about requests that are held against a description of the API.
#pragma once

#include <memory>
#include <string>

#include "gateway/stage.hpp"
#include "schema/contract.hpp"

namespace gw::gateway {

enum class ValidateMode : std::uint8_t { off, log, block };
constexpr std::array<std::pair<std::string_view, ValidateMode>, 3> names_of(ValidateMode) {
    return {
        {{"off", ValidateMode::off}, {"log", ValidateMode::log}, {"block", ValidateMode::block}}};
}
enum class Unlisted : std::uint8_t { refuse, pass };
constexpr std::array<std::pair<std::string_view, Unlisted>, 2> names_of(Unlisted) {
    return {{{"refuse", Unlisted::refuse}, {"pass", Unlisted::pass}}};
}

struct ValidateOptions : StageOptions {
    ValidateMode mode = ValidateMode::block;
    std::string openapi;
    std::string operation;
    std::string body;
    Unlisted unlisted = Unlisted::refuse;
    std::uint64_t body_bytes_max = 262'144;
    // Null only where it could not be read, or the mode is off.
    std::shared_ptr<const schema::Contract> contract;  // shared with nobody; options are copied
};

template <class Visitor>
void fields(Visitor& field, ValidateOptions& o) {
    field("mode", o.mode, "what becomes of a request that does not fit");
    field("openapi", o.openapi,
          "a description of the API, OpenAPI 3.0 or 3.1; a file beside this one");
    field("operation", o.operation,
          "the operationId of the one operation that this route takes; empty: the operation is "
          "found by method and path");
    field("body", o.body,
          "in place of `openapi`: a JSON Schema (draft 2020-12) that every body has to fit");
    field("unlisted", o.unlisted,
          "what becomes of a request for which the description has no operation");
    field("body_bytes_max", o.body_bytes_max, config::Range{1, 10'485'760},
          "largest JSON body: it is held until it has been looked at");
}

// Null where the route has no such section.
const ValidateOptions* validate_of(const StageOptionsList& options);

}  // namespace gw::gateway
