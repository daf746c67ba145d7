// Secrets that somebody who tries may find: told at the start and at each reload, as a short secret
// of tokens is (issuers.cpp). Control thread.
#pragma once

#include "app/settings.hpp"
#include "observe/log.hpp"

namespace gw::app {

// One line for each that is set and short. None is shown.
void warn_of_weak_secrets(const Settings& settings, observe::Log& log);

}  // namespace gw::app
