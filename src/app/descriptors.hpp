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

// Connections of clients where the configuration names no number: four fifths of what we do not
// need ourselves. The rest is for connections to services, of which there are far fewer, since they
// are shared.
std::size_t derived_connections_max(std::size_t descriptors);

}  // namespace gw::app
