#include "cli/ban_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <boost/json/serialize.hpp>
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
    AdminArguments admin;    // of a gateway elsewhere
    std::string kind;
    std::string who;
    std::string lifetime;
    bool endless = false;
    bool shorten = false;
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
                        "`api-gateway bans --admin-port PORT` asks a gateway, which knows all bans "
                        "and shows a thousand\n";
    }
}

std::string text_in(const boost::json::object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? shown(found->as_string()) : std::string();
}

// A gateway's answer has so many at most.
void tell_of_more(const boost::json::object& answer, Terminal& terminal) {
    const auto* const bans = answer.if_contains("bans");
    const auto* const total = answer.if_contains("total");
    const std::size_t shown = bans != nullptr && bans->is_array() ? bans->get_array().size() : 0;
    if (total != nullptr && total->is_number() && total->to_number<std::size_t>() > shown) {
        terminal.err << "warning: " << shown << " of " << boost::json::serialize(*total)
                     << " bans are shown; `api-gateway bans` beside the gateway shows all\n";
    }
}

int list_elsewhere(const BanArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    const auto found =
        client ? client->ask("GET", "/bans", nullptr, terminal) : std::unexpected(client.error());
    if (!found) {
        return found.error();
    }
    tell_of_more(found->as_object(), terminal);
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*found) << '\n';
        return kDone;
    }
    const boost::json::array& bans = found->at("bans").as_array();
    terminal.out << (bans.empty() ? "nobody is banned\n" : "");
    for (const boost::json::value& each : bans) {
        const boost::json::object& one = each.as_object();
        const std::string until = text_in(one, "until");
        const std::string by = text_in(one, "by");
        terminal.out << text_in(one, "key") << "  " << text_in(one, "reason") << "  "
                     << (by.empty() ? "by hand" : by) << "  "
                     << (until.empty() ? "without an end" : "until " + until) << '\n';
    }
    return kDone;
}

int list_bans(const BanArguments& arguments, Terminal& terminal) {
    if (is_elsewhere(arguments.admin)) {
        return list_elsewhere(arguments, terminal);
    }
    auto client = connect(arguments, terminal);
    if (!client) {
        return client.error();
    }
    const auto bans = find_bans(*client, "banned:*");
    if (!bans) {
        return show(bans.error(), terminal);
    }
    if (arguments.admin.json) {
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

std::string kept_text(const std::string& key, const std::string& until) {
    return "kept " + key + ": it is banned longer already, " + until +
           "; to end that sooner say --shorten\n";
}

// The same through the admin API: which records it, too.
int change_elsewhere(const BanArguments& arguments, std::string_view method,
                     boost::json::object body, const std::string& said, Terminal& terminal) {
    body["by"] = arguments.by.empty() ? caller(terminal) : arguments.by;
    auto client = AdminClient::make(arguments.admin, terminal);
    const auto done =
        client ? client->ask(method, "/bans/" + arguments.kind + "/" + path_segment(arguments.who),
                             body, terminal)
               : std::unexpected(client.error());
    if (!done) {
        return done.error();
    }
    const boost::json::object& answer = done->as_object();
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*done) << '\n';
    } else if (answer.contains("kept")) {
        const std::string until = text_in(answer, "until");
        terminal.out << kept_text(text_in(answer, "key"),
                                  until.empty() ? "without an end" : "until " + until);
    } else {
        terminal.out << said << text_in(answer, "key") << '\n';
    }
    return kDone;
}

int ban_elsewhere(const BanArguments& arguments, std::optional<Millis> lifetime,
                  Terminal& terminal) {
    boost::json::object body{{"reason", arguments.reason}};
    if (lifetime) {
        body["seconds"] = lifetime->count() / 1'000;
    } else {
        body["endless"] = true;
    }
    if (arguments.shorten) {
        body["shorten"] = true;
    }
    return change_elsewhere(arguments, "PUT", std::move(body), "banned ", terminal);
}

// How long the ban that is there lasts if that is longer than what is wanted; -1: it has no end.
RespClient::Outcome<std::optional<std::int64_t>> kept_ms(RespClient& client, const std::string& key,
                                                         std::optional<Millis> lifetime) {
    const auto left = client.run({"PTTL", key});
    if (!left) {
        return std::unexpected(left.error());
    }
    const bool longer = lifetime && (left->integer == -1 || left->integer > lifetime->count());
    return longer ? std::optional(left->integer) : std::nullopt;
}

int ban(const BanArguments& arguments, Terminal& terminal) {
    const auto key = key_of(arguments, terminal);
    const auto lifetime = parse_lifetime(arguments.lifetime);
    if (!key) {
        return kMisused;
    }
    if (const std::string flaw = flaw_of_lifetime(arguments.lifetime, arguments.endless);
        !flaw.empty()) {
        terminal.err << flaw;
        return kMisused;
    }
    if (is_elsewhere(arguments.admin)) {
        return ban_elsewhere(arguments, lifetime, terminal);
    }
    auto client = connect(arguments, terminal);
    if (!client) {
        return client.error();
    }
    const WallTime now = std::chrono::system_clock::now();
    const auto until = lifetime ? std::optional(now + *lifetime) : std::nullopt;
    const auto kept = kept_ms(*client, *key, arguments.shorten ? std::nullopt : lifetime);
    if (!kept) {
        return show(kept.error(), terminal);
    }
    if (*kept) {
        const auto ends = **kept < 0 ? std::nullopt : end_after(Millis(**kept), now);
        const std::string end = ends ? second_text(*ends) : "";
        if (arguments.admin.json) {
            terminal.out << boost::json::serialize(boost::json::object{
                                {"key", *key},
                                {"until", end.empty() ? boost::json::value(nullptr)
                                                      : boost::json::value(end)},
                                {"kept", true}})
                         << '\n';
        } else {
            terminal.out << kept_text(*key, end.empty() ? "without an end" : "until " + end);
        }
        return kDone;
    }
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
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(boost::json::object{
                            {"key", *key},
                            {"until", until ? boost::json::value(second_text(*until))
                                            : boost::json::value(nullptr)}})
                     << '\n';
        return kDone;
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
    if (is_elsewhere(arguments.admin)) {
        return change_elsewhere(arguments, "DELETE", {}, "lifted ", terminal);
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
    boost::json::array gone;
    for (const std::string& each : keys) {
        const auto done = client->run({"DEL", each});
        if (!done) {
            return show(done.error(), terminal);
        }
        if (done->integer > 0) {
            ++lifted;
            gone.emplace_back(shown(each));
            if (!arguments.admin.json) {
                terminal.out << "lifted " << shown(each) << '\n';
            }
        }
    }
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(boost::json::object{{"lifted", std::move(gone)}})
                     << '\n';
    }
    terminal.err << (lifted == 0 ? "there is no such ban: " + *key + "\n" : "") << around;
    return lifted > 0 ? kDone : kFailed;
}

CLI::App* add_command(CLI::App& app, Chosen& chosen, const char* name, const char* help,
                      const char* examples, const std::shared_ptr<BanArguments>& arguments,
                      int (*run)(const BanArguments&, Terminal&)) {
    CLI::App* command = app.add_subcommand(name, help);
    add_state_port(*command, arguments->config, arguments->port);
    add_elsewhere_options(*command, arguments->admin);
    command->footer("Examples:\n" + std::string(examples) + command->get_footer());
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
    add_command(app, chosen, "bans", "Show who is banned, why, by whom and until when",
                "  api-gateway bans\n  api-gateway bans --json\n", arguments, list_bans);
    CLI::App* banning =
        add_command(app, chosen, "ban", "Ban an address, a user or a tenant",
                    "  api-gateway ban ip 203.0.113.7 --for 12h --reason \"scans\"\n"
                    "  api-gateway ban user 42 --for 7d --admin-host 10.1.2.3\n",
                    arguments, ban);
    add_whom(*banning, *arguments);
    banning->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    banning->add_flag("--endless", arguments->endless, "Until somebody lifts it");
    banning->add_flag("--shorten", arguments->shorten,
                      "Also where a ban that is there lasts longer");
    banning->add_option("--reason", arguments->reason, "Why; requests and the record show it");
    banning->add_option("--by", arguments->by, "Who bans (default: user@host)");
    add_whom(*add_command(app, chosen, "unban", "Lift a ban",
                          "  api-gateway unban ip 203.0.113.7\n", arguments, unban),
             *arguments);
}

}  // namespace gw::cli
