// Failures of the world as values: what happened, whose fault it is, whether it may be tried again.
//
// An Error is small and never allocates, because a stranger can cause one at will. Decisions about
// a request (banned, limited, no route) are not errors but verdicts; mistakes of our own are
// ensure().
#pragma once

#include <cstdint>
#include <expected>

namespace gw {

// What happened. A new code is added only where a caller reacts differently to it.
enum class Errc : std::uint8_t {
    closed,           // the other side ended the connection between messages
    reset,            // the other side ended it inside a message
    timeout,          // a deadline passed
    connect_timeout,  // no connection was made in the time for that
    cancelled,        // we gave up: drain, client gone
    malformed,        // bytes that are not the protocol
    too_large,        // a limit on size was passed
    head_too_large,   // the one on heads
    refused,          // nobody listens there
    unreachable,      // no address, no route, no name
    circuit_open,     // the service fails too often to be asked now
    exhausted,        // descriptors, memory or slots of ours ran out
    system,           // any other failure of a system call
};

enum class Fault : std::uint8_t { client, upstream, store, self };

// May the same thing be tried again? if_repeatable: only what is the same twice as once, because
// the other side may have acted on it; at once where its connection had served before, because then
// it most often has not.
enum class Retry : std::uint8_t { never, if_repeatable, yes };

struct Error {
    Errc code = Errc::system;
    Fault fault = Fault::self;
    Retry retry = Retry::never;
    const char* detail = "";  // a literal: for logs, never for clients
};

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Errc code, Fault fault, const char* detail,
                                   Retry retry = Retry::never) {
    return std::unexpected(Error{code, fault, retry, detail});
}

}  // namespace gw
