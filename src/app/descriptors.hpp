// The descriptors of this process: those that must be there, and how many there may be.
#pragma once

#include <cstddef>

namespace gw::app {

// Descriptors 0 to 2 must exist: a socket that took their number would receive our log.
void open_standard_descriptors();

// For a command: none of its sockets or files takes such a number, and who writes to one that was
// closed is told.
void reserve_standard_descriptors();

// As many as the process may have. Returns how many those are.
std::size_t raise_descriptor_limit();

// Connections of clients where the configuration names no number: half of what we do not need
// ourselves, so that each that waits for an HTTP/1.1 service, or has a tunnel to one, finds a
// descriptor for the connection there.
std::size_t derived_connections_max(std::size_t descriptors);

// What is left for connections to services when as many clients are connected as may be.
std::size_t descriptors_for_services(std::size_t descriptors, std::size_t connections_max);

}  // namespace gw::app
