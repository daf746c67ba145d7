// Answers that vary by what the gateway itself tells the service. Vary is matched against what
// clients write; by a field that reaches no service as it was written, nobody is told apart.
#pragma once

#include "gateway/cache_options.hpp"
#include "http/headers.hpp"

namespace gw::gateway {

struct Exchange;

// Does the answer vary by a field that we write, and that says more than the key of what is kept?
bool varies_by_ours(const Exchange& x, const http::Headers& answer, Share share);

}  // namespace gw::gateway
