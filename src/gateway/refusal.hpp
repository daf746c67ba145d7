// Responses of our own: application/problem+json (RFC 9457), never with text from a service or a
// library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace gw::gateway {

enum class Code : std::uint8_t {
#define REFUSAL(code, status, title, retry_after) code,
#include "gateway/refusal.def"
#undef REFUSAL
};

struct RefusalKind {
    std::string_view code;
    int status;
    std::string_view title;
    int retry_after_s;  // 0: no Retry-After
};
const RefusalKind& kind_of(Code code);

// What a client is told of a failure that is not its own.
const char* kind_detail(Code code);

// Which refusal a status of the HTTP parser is.
Code code_for_status(int status);

struct Problem {
    Code code;
    std::string_view detail;
    std::string_view instance;  // the path that was asked for
    std::string_view correlation_id;
    WallTime time;
    std::string_view errors{};  // a JSON array, if there is more to say
    bool more_errors = false;   // it does not hold all
};
// The body, as JSON. Appends to `out`.
void write_problem(std::string& out, const Problem& problem);

// What a failure means for the client. False: there is nobody left to answer.
bool refusal_for(const Error& error, Code& code);

}  // namespace gw::gateway
