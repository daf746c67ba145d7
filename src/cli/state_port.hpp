// How commands reach the state: the loopback port of the gateway on this machine, or the Redis that
// the configuration names where that has the port; never another Redis.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "cli/commands.hpp"
#include "state/resp_client.hpp"

namespace CLI {
class App;
}

namespace gw::cli {

struct StatePort {
    std::string config;      // as named on the command line
    std::uint16_t port = 0;  // 0: as configured
};

// Says on the terminal what is wrong; the status to end with.
int show(const state::RespClient::Failure& failure, Terminal& terminal);
// Or the status to end with, after it has been shown why.
std::expected<state::RespClient, int> connect_to_state(const StatePort& where, Terminal& terminal);

// --config and --port, and what a command's help says of them.
void add_state_port(CLI::App& command, std::string& config, std::uint16_t& port);

}  // namespace gw::cli
