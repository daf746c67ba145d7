// Sockets that a service manager has opened for this process (systemd's socket activation,
// sd_listen_fds(3)), and what it wants to be told (sd_notify(3)). A socket that the manager keeps
// goes on queueing connections while the process is replaced. While starting and stopping.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/environment.hpp"
#include "net/handover.hpp"

namespace gw::net {

// The first descriptor that is passed; the others follow it.
inline constexpr int kFirstPassed = 3;

// Of each passed descriptor in their order: what it is for. LISTEN_FDNAMES may say `admin`,
// `resp` or `tls`; every other socket, named or not, is for clients and is called `public`. Empty:
// none were passed, or not to the process `pid`. Malformed numbers are an error.
Result<std::vector<std::string>> passed_names(const config::Environment& environment, int pid);

// The sockets themselves, ready for the loop. Each must be a listening stream socket. Only once in
// a process.
Result<std::vector<NamedSocket>> passed_sockets(const config::Environment& environment);

// Another descriptor of the same socket. Invalid where the process has too many.
Fd same_socket(const Fd& socket);

// Tells the manager `READY=1` or `STOPPING=1`, if it asks for that (NOTIFY_SOCKET). Never waits.
void tell_manager(const config::Environment& environment, const char* state);

}  // namespace gw::net
