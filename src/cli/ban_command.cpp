#include "cli/ban_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <chrono>
#include <memory>
#include <set>

#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/state_port.hpp"
#include "state/resp_client.hpp"

namespace gw::cli {
namespace {

using state::RespClient;
using Kind = state::RedisReply::Kind;

constexpr const char* kPage = "1000";  // keys asked for at once

struct BanArguments {
    std::string config;
    std::uint16_t port = 0;  // 0: as configured
    bool json = false;
    std::string kind;
    std::string who;
    std::string lifetime;
    bool endless = false;
    std::string reason;
    std::string by;
};

std::expected<RespClient, int> connect(const BanArguments& arguments, Terminal& terminal) {
    return connect_to_state({.config = arguments.config, .port = arguments.port}, terminal);
}

// Asks for the values of these keys and when they end; what is gone meanwhile is left out.
RespClient::Outcome<void> read_lines(RespClient& client, const std::vector<std::string>& keys,
                                     std::vector<BanLine>& bans) {
    std::vector<state::RedisCommand> commands;
    for (const std::string& key : keys) {
        commands.push_back({"GET", key});
        commands.push_back({"PTTL", key});
    }
    const auto replies = client.run_all(commands);
    if (!replies) {
        return std::unexpected(replies.error());
    }
    const WallTime now = std::chrono::system_clock::now();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const state::RedisReply& value = (*replies)[2 * i];
        const state::RedisReply& end = (*replies)[2 * i + 1];
        if (value.is(Kind::error)) {  // a list or a set
            bans.push_back({.key = keys[i],
                            .kind = {},
                            .who = {},
                            .note = {},
                            .remaining = {},
                            .warning = "bans nobody: its value is no text"});
            bans.back().note.by_hand = true;
        } else if (value.is(Kind::text) && end.integer != -2) {
            bans.push_back(read_ban_line(
                keys[i], value.text,
                end.integer >= 0 ? std::optional(Millis{end.integer}) : std::nullopt, now));
        }
    }
    return {};
}

// All bans whose keys match.
RespClient::Outcome<std::vector<BanLine>> find_bans(RespClient& client,
                                                    const std::string& pattern) {
    std::vector<BanLine> bans;
    std::set<std::string> seen;  // Redis may name a key twice
    std::string cursor = "0";
    do {
        const auto page = client.run({"SCAN", cursor, "MATCH", pattern, "COUNT", kPage});
        if (!page) {
            return std::unexpected(page.error());
        }
        if (page->items.size() != 2) {
            return std::unexpected(RespClient::Failure{false, "no answer to SCAN"});
        }
        std::vector<std::string> keys;
        for (const state::RedisReply& key : page->items[1].items) {
            if (seen.insert(key.text).second) {
                keys.push_back(key.text);
            }
        }
        if (const auto read = read_lines(client, keys, bans); !read) {
            return std::unexpected(read.error());
        }
        cursor = page->items[0].text;
    } while (cursor != "0");
    return bans;
}

// A scan goes to one server; the others of a Cluster have keys of their own.
void warn_of_cluster(RespClient& client, Terminal& terminal) {
    const auto info = client.run({"INFO", "cluster"});
    if (info && info->text.find("cluster_enabled:1") != std::string::npos) {
        terminal.err << "warning: this is a Redis Cluster, and only one of its servers was asked; "
                        "GET /admin/v1/bans knows all bans\n";
    }
}

int list_bans(const BanArguments& arguments, Terminal& terminal) {
    auto client = connect(arguments, terminal);
    if (!client) {
        return client.error();
    }
    const auto bans = find_bans(*client, "banned:*");
    if (!bans) {
        return show(bans.error(), terminal);
    }
    if (arguments.json) {
        terminal.out << bans_as_json(*bans);
    } else if (bans->empty()) {
        terminal.out << "nobody is banned\n";
    } else {
        terminal.out << bans_as_table(*bans);
    }
    terminal.err << warnings_of(*bans);
    warn_of_cluster(*client, terminal);
    return kDone;
}

// The key, or nothing after its flaw has been shown.
std::optional<std::string> key_of(const BanArguments& arguments, Terminal& terminal) {
    BanKey key = ban_key(arguments.kind, arguments.who);
    if (*key.flaw != '\0') {
        terminal.err << shown(arguments.who) << ' ' << key.flaw << '\n';
        return std::nullopt;
    }
    return std::move(key.key);
}

int ban(const BanArguments& arguments, Terminal& terminal) {
    const auto key = key_of(arguments, terminal);
    const auto lifetime = parse_lifetime(arguments.lifetime);
    if (!key) {
        return kMisused;
    }
    if (arguments.endless == lifetime.has_value() ||
        (arguments.endless && !arguments.lifetime.empty())) {
        terminal.err << "say for how long: --for 90s, 15m, 12h or 7d, or --endless\n";
        return kMisused;
    }
    auto client = connect(arguments, terminal);
    if (!client) {
        return client.error();
    }
    const WallTime now = std::chrono::system_clock::now();
    const auto until = lifetime ? std::optional(now + *lifetime) : std::nullopt;
    const std::string value =
        state::write_ban({.reason = arguments.reason,
                          .by = arguments.by.empty() ? caller(terminal) : arguments.by,
                          .since = now,
                          .until = until});
    state::RedisCommand command{"SET", *key, value};
    if (lifetime) {
        command.insert(command.end(), {"PX", std::to_string(lifetime->count())});
    }
    if (const auto done = client->run(command); !done) {
        return show(done.error(), terminal);
    }
    terminal.out << "banned " << key->substr(key->find(':') + 1) << ' '
                 << (until ? "until " + second_text(*until) : "without an end") << " (" << *key
                 << ")\n";
    return kDone;
}

int unban(const BanArguments& arguments, Terminal& terminal) {
    const auto key = key_of(arguments, terminal);
    if (!key) {
        return kMisused;
    }
    auto client = connect(arguments, terminal);
    if (!client) {
        return client.error();
    }
    std::vector<std::string> keys{*key};
    std::string around;
    if (arguments.kind == "ip") {
        // Addresses may be banned by other spellings as well, and by blocks around them.
        const auto bans = find_bans(*client, "banned:ip:*");
        if (!bans) {
            return show(bans.error(), terminal);
        }
        const auto block = *state::parse_banned_block(arguments.who);
        for (const BanLine& line : *bans) {
            if (line.kind.empty() || line.key == *key) {
                continue;
            }
            const auto other = *state::parse_banned_block(line.who);
            if (other.bits == block.bits && state::to_text(other) == state::to_text(block)) {
                keys.push_back(line.key);
            } else if (other.bits < block.bits && other.contains(block.base)) {
                around += "warning: still banned by " + shown(line.key) + "\n";
            }
        }
    }
    std::int64_t lifted = 0;
    for (const std::string& each : keys) {
        const auto done = client->run({"DEL", each});
        if (!done) {
            return show(done.error(), terminal);
        }
        if (done->integer > 0) {
            ++lifted;
            terminal.out << "lifted " << shown(each) << '\n';
        }
    }
    terminal.err << (lifted == 0 ? "there is no such ban: " + *key + "\n" : "") << around;
    return lifted > 0 ? kDone : kFailed;
}

CLI::App* add_command(CLI::App& app, Chosen& chosen, const char* name, const char* help,
                      const std::shared_ptr<BanArguments>& arguments,
                      int (*run)(const BanArguments&, Terminal&)) {
    CLI::App* command = app.add_subcommand(name, help);
    add_state_port(*command, arguments->config, arguments->port);
    command->callback([&chosen, arguments, run] {
        chosen = [arguments, run](Terminal& terminal) { return run(*arguments, terminal); };
    });
    return command;
}

void add_whom(CLI::App& command, BanArguments& arguments) {
    command.add_option("kind", arguments.kind, "ip, user or tenant")
        ->required()
        ->check(CLI::IsMember({"ip", "user", "tenant"}));
    command
        .add_option("who", arguments.who,
                    "An address, a block such as 203.0.113.0/24, or the id of a user or tenant")
        ->required();
}

}  // namespace

void add_ban_commands(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<BanArguments>();
    add_command(app, chosen, "bans", "Show who is banned, why, by whom and until when", arguments,
                list_bans)
        ->add_flag("--json", arguments->json, "Print JSON");
    CLI::App* banning =
        add_command(app, chosen, "ban", "Ban an address, a user or a tenant", arguments, ban);
    add_whom(*banning, *arguments);
    banning->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    banning->add_flag("--endless", arguments->endless, "Until somebody lifts it");
    banning->add_option("--reason", arguments->reason, "Why; requests and the record show it");
    banning->add_option("--by", arguments->by, "Who bans (default: user@host)");
    add_whom(*add_command(app, chosen, "unban", "Lift a ban", arguments, unban), *arguments);
}

}  // namespace gw::cli
