// What callers may do: permissions of their token and of their role. Pure functions; any thread.
#pragma once

#include <string_view>

#include "identity/identity.hpp"

namespace gw::identity {

// permission: "resource:action". A caller has it by that name, by "resource:*" or by "*"; one of
// the form "resource:action-own" is enough for "resource:action-own" alone.
bool allows(const Identity& caller, std::string_view permission);

// May the caller act for this venue? Administrators may for all.
bool holds_venue(const Identity& caller, std::string_view venue);

}  // namespace gw::identity
