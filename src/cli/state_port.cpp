#include "cli/state_port.hpp"

#include <CLI/App.hpp>
#include <algorithm>
#include <csignal>

#include "base/text.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/own_section.hpp"
#include "state/resp_session.hpp"
#include "state/state_options.hpp"

namespace gw::cli {
namespace {

using state::RespClient;

constexpr Millis kWithin{5'000};
constexpr std::string_view kStatuses = "Status: 0 done, 1 not done, 2 misused, 3 nobody answers.";

std::optional<state::StateOptions> read_options(const StatePort& where, const Terminal& terminal) {
    auto options = OwnSection(where.config, terminal).read<state::StateOptions>("state");
    if (options && where.port != 0) {
        options->resp_port = where.port;
    }
    return options;
}

int tell_unreachable(const state::StateOptions& options, const std::string& why,
                     Terminal& terminal) {
    terminal.err << "127.0.0.1:" << options.resp_port << " does not answer: " << why
                 << "\nIs the gateway running on this machine, and RESP_PORT its port?\n";
    return kUnreachable;
}

// The database at this port, if that is the Redis which gateways are configured to share.
std::optional<unsigned> shared_database(const state::StateOptions& options) {
    const auto place =
        options.redis.configured() ? std::optional(state::place_of(options.redis)) : std::nullopt;
    if (!place || !*place || (*place)->kind == state::RedisKind::sentinel) {
        return std::nullopt;
    }
    const bool here = std::ranges::any_of((*place)->hosts, [&](const state::RedisHost& each) {
        return each.port == options.resp_port &&
               (each.host == "127.0.0.1" || equal_ignore_case(each.host, "localhost"));
    });
    return here ? std::optional((*place)->db) : std::nullopt;
}

// The status to end with, if what answers is not where gateways look: a Redis of somebody else
// takes every write, and nobody is banned by it.
std::optional<int> turn_away_strangers(RespClient& client, const state::StateOptions& options,
                                       Terminal& terminal) {
    const auto answer = client.run({std::string(state::kWhoCommand)});
    if (answer && answer->text.starts_with(state::kWhoAnswer)) {
        return std::nullopt;
    }
    if (!answer && answer.error().unreachable) {
        return tell_unreachable(options, answer.error().why, terminal);
    }
    if (!answer && answer.error().why.starts_with("NOAUTH")) {
        return show(answer.error(), terminal);
    }
    if (const auto database = shared_database(options)) {
        const auto chosen = client.run({"SELECT", std::to_string(*database)});
        return chosen ? std::nullopt : std::optional(show(chosen.error(), terminal));
    }
    terminal.err << "127.0.0.1:" << options.resp_port
                 << " is no gateway's port: a Redis answers there that the configuration does not "
                    "name, and what it holds is in force nowhere\nSay the gateway's port: --port "
                    "or RESP_PORT; or ask its admin API: --admin-port, with ADMIN_TOKEN\n";
    return kFailed;
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
        return std::unexpected(client.error().unreachable
                                   ? tell_unreachable(*options, client.error().why, terminal)
                                   : show(client.error(), terminal));
    }
    if (const auto status = turn_away_strangers(*client, *options, terminal)) {
        return std::unexpected(*status);
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
