// What an operator may change about a route's requests and answers on their way.
#pragma once

#include "gateway/field_changes.hpp"
#include "gateway/stage.hpp"
#include "gateway/text_template.hpp"

namespace gw::gateway {

struct TransformOptions : StageOptions {
    PathTemplate path;  // empty: as it is
    FieldChanges request;
    FieldChanges response;
    bool authorization = false;
};

template <class Visitor>
void fields(Visitor& field, TransformOptions& o) {
    using namespace config;
    field("path", o.path,
          "path at the service, in place of `rewrite`: may use `{id}` of the path also within a "
          "segment, `{rest}` of a prefix route, `{tenant}`, `{user}`, …; a request with a value "
          "that does not fit is refused with 400");
    field("request", o.request, "fields of requests, on their way to the service");
    field("response", o.response,
          "fields of the service's answers, on their way to the client; answers of the gateway "
          "itself stay as they are");
    field("authorization", o.authorization,
          "whether `request` may set or add Authorization: the service then sees that of the "
          "configuration in place of the caller's");
}

// Of a route; null where it has none.
const TransformOptions* transform_of(const StageOptionsList& options);

}  // namespace gw::gateway
