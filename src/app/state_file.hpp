// The snapshot of the embedded state, and what the log says of it. Control thread.
#pragma once

#include <memory>
#include <string>

#include "observe/log.hpp"
#include "state/snapshot_keeper.hpp"

namespace gw::app {

// What the file holds is in the store when this returns. The others outlive what is returned, which
// must be stopped before it goes.
std::unique_ptr<state::SnapshotKeeper> keep_snapshot(net::Loop& loop, observe::Log& log,
                                                     state::EmbeddedStore& store,
                                                     const std::string& path);

}  // namespace gw::app
