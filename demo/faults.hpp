// The fault switches of demo/README.md: what a request may ask a service to do wrong.
#pragma once

namespace httplib {
class Server;
struct Request;
}  // namespace httplib

namespace demo {

// The path under which install_faults() answers requests that ask for a fault.
inline constexpr auto kFaultPath = "/demo-fault";

// Waits, or closes the connection, where the request asks for it. True when it asks for a fault
// that is an answer: the caller then sends it to kFaultPath.
bool begin_fault(const httplib::Request& request);

void install_faults(httplib::Server& server);

}  // namespace demo
