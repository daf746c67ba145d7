// What of a request's target may stand in a log, a trace or a record: secrets in it are replaced by
// "***". Any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gw::observe {

// Of path and of query, in bytes: longer ones say nothing more about who asked for what.
inline constexpr std::size_t kTargetMax = 2048;

// Does something in it look like a signed token (RFC 7515, 3.1: a header that is a JSON object)?
bool holds_token(std::string_view text);

// `text`, which begins as `most` bytes of it at most, with "…" where it was cut; escaped for JSON.
void append_cut(std::string& out, std::string_view text, std::size_t most);

// A path without the tokens in it, not escaped.
std::string masked_path(std::string_view path);

// Path and query as lines show them: tokens, and values of parameters that carry secrets, are
// replaced, what is very long is cut and marked by "…". Appends to `out`, escaped for JSON.
void append_masked_target(std::string& out, std::string_view path, std::string_view query,
                          bool has_query);

}  // namespace gw::observe
