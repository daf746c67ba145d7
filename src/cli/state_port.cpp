#include "cli/state_port.hpp"

#include <CLI/App.hpp>
#include <csignal>
#include <filesystem>
#include <memory>

#include "cli/ban_ledger.hpp"
#include "config/reader.hpp"
#include "state/state_options.hpp"

namespace gw::cli {
namespace {

using state::RespClient;

constexpr Millis kWithin{5'000};
constexpr std::string_view kStatuses = "Status: 0 done, 1 not done, 2 misused, 3 nobody answers.";

// Only this section: somebody must be banned also while the rest of the file has mistakes, or where
// nothing but the port is known.
std::optional<state::StateOptions> read_options(const StatePort& where, const Terminal& terminal) {
    const std::string path = find_config(where.config, terminal.environment);
    auto reading = std::make_shared<config::Reading>();
    reading->environment = terminal.environment;
    std::error_code ignored;
    if (!where.config.empty() || std::filesystem::exists(path, ignored)) {
        reading->document = config::Document::load(path, reading->mistakes);
    }
    state::StateOptions options;
    config::read(config::Reader::root(reading).section("state"), options);
    for (const config::Mistake& mistake : reading->mistakes) {
        terminal.err << mistake.to_string() << '\n';
    }
    if (where.port != 0) {
        options.resp_port = where.port;
    }
    return reading->mistakes.empty() ? std::optional(std::move(options)) : std::nullopt;
}

}  // namespace

int show(const RespClient::Failure& failure, Terminal& terminal) {
    if (failure.unreachable) {
        terminal.err << failure.why << '\n';
        return kUnreachable;
    }
    terminal.err << "the state store answers: " << shown(failure.why) << '\n';
    if (failure.why.starts_with("NOAUTH") || failure.why.starts_with("WRONGPASS")) {
        terminal.err << "its password is RESP_PASSWORD, or what RESP_PASSWORD_FILE names\n";
    }
    return kFailed;
}

std::expected<RespClient, int> connect_to_state(const StatePort& where, Terminal& terminal) {
    const auto options = read_options(where, terminal);
    if (!options) {
        return std::unexpected(kFailed);
    }
    if (options->resp_port == 0) {
        terminal.err << "the gateway has no port for the state: RESP_PORT is 0\n";
        return std::unexpected(kUnreachable);
    }
    // A gateway that goes away while it is asked is an error, not our end.
    std::signal(SIGPIPE, SIG_IGN);
    auto client = RespClient::connect(options->resp_port, options->resp_password, kWithin);
    if (!client) {
        if (client.error().unreachable) {
            terminal.err << "127.0.0.1:" << options->resp_port
                         << " does not answer: " << client.error().why
                         << "\nIs the gateway running on this machine, and RESP_PORT its port?\n";
            return std::unexpected(kUnreachable);
        }
        return std::unexpected(show(client.error(), terminal));
    }
    return std::move(*client);
}

void add_state_port(CLI::App& command, std::string& config, std::uint16_t& port) {
    command.add_option("--config", config, "Configuration file");
    command.add_option("--port", port, "Port of the state on 127.0.0.1 (default: RESP_PORT)");
    command.footer(
        "The password of the port is RESP_PASSWORD, or what RESP_PASSWORD_FILE names.\n" +
        std::string(kStatuses));
}

}  // namespace gw::cli
