// Tells configurations apart: gateways that show the same hash do the same. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include "app/settings.hpp"

namespace gw::app {

// FNV-1a of 64 bits, as hexadecimal digits: tells texts apart, no more.
std::string hash_of(std::string_view text);

// Of what is in force: the file, the files that it names, and what variables made of it; without
// what each gateway has of its own (config::OwnOfEach). Of all secrets together it tells 16 bits,
// so that a gateway with another one is seen and nobody who reads it knows more of any: other
// secrets give the same hash in one of 65,536 cases.
std::string config_hash(const Settings& settings);

}  // namespace gw::app
