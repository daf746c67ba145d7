// What the values of a template (text_template.hpp) are for a request.
#pragma once

#include "gateway/exchange.hpp"
#include "gateway/text_template.hpp"

namespace gw::gateway {

// Of a part of an answer: nothing, who puts them together knows them. Lives as long as the
// exchange.
TextTemplate::Value template_value(const Exchange& x, const TextTemplate::Piece& piece);

}  // namespace gw::gateway
