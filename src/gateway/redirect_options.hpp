// What an operator may set about a route whose requests are sent elsewhere.
#pragma once

#include "gateway/stage.hpp"
#include "gateway/text_template.hpp"

namespace gw::gateway {

struct RedirectOptions : StageOptions {
    UrlTemplate to;
    std::uint32_t status = 302;
    bool keep_query = true;
};

template <class Visitor>
void fields(Visitor& field, RedirectOptions& o) {
    using namespace config;
    field("to", o.to, Required{},
          "path of this gateway or `https://host/…`; may use `{id}` of the path, `{rest}` of a "
          "prefix route, `{tenant}`, `{user}`, `{host}`, …, behind the host only");
    field("status", o.status, Range{301, 308},
          "301 or 302; 307 and 308 keep the method: 302 and 307 for now, 301 and 308 for good");
    field("keep_query", o.keep_query, "whether the query goes along, behind that of `to`");
}

// Of a route; null where it has none.
const RedirectOptions* redirect_of(const StageOptionsList& options);

}  // namespace gw::gateway
