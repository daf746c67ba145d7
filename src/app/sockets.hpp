// The sockets that the process listens on: passed by a service manager, taken over from the process
// before this one, or opened. While starting.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "app/settings.hpp"
#include "config/environment.hpp"
#include "net/fd.hpp"
#include "net/handover.hpp"
#include "observe/log.hpp"

namespace gw::app {

struct OpenSockets {
    std::vector<std::vector<net::Fd>> workers;      // of each worker; how many there are to be
    std::vector<std::vector<net::Fd>> workers_tls;  // the same
    std::vector<net::Fd> admin;
    net::Fd resp;  // for redis-cli; not valid: there is none
    std::uint16_t port = 0;
    std::uint16_t tls_port = 0;  // 0: TLS is off
    std::uint16_t admin_port = 0;
    std::vector<net::Handover::Offer> offers;  // to a process that takes over
};

// Nothing: we cannot listen, and the log says why.
std::optional<OpenSockets> open_sockets(const Settings& settings,
                                        const config::Environment& environment, observe::Log& log);

}  // namespace gw::app
