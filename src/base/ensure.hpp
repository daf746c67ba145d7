// ensure(): for what only a mistake of ours can break. It ends the process, in every build, and
// says where. What the network, an operator or a peer can cause is a Result or a Verdict instead.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

namespace gw {

[[noreturn]] inline void ensure_failed(const char* what, const std::source_location& place) {
    std::fprintf(stderr, "ensure failed: %s at %s:%u\n", what, place.file_name(), place.line());
    std::abort();
}

inline void ensure(bool condition, const char* what,
                   const std::source_location& place = std::source_location::current()) {
    if (!condition) [[unlikely]] {
        ensure_failed(what, place);
    }
}

}  // namespace gw
