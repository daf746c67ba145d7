// docs/configuration.md: a short introduction and everything that can be set.
#pragma once

#include <string>

namespace gw::cli {

std::string reference_page();

}  // namespace gw::cli
