#include "cli/operate_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "identity/api_key.hpp"

namespace gw::cli {
namespace {

using boost::json::object;
using boost::json::value;

struct OperateArguments {
    AdminArguments admin;
    std::string kind;  // what is changed: "user", "open", "read-only", …
    std::string who;
    std::string lifetime;
    bool endless = false;
    std::string reason;
    std::string banner;
    std::string service;
    std::string by;
    bool yes = false;
    bool everywhere = false;
};

std::string text_of(const value& from) {
    return from.is_string() ? shown(from.as_string()) : boost::json::serialize(from);
}

int print(const value& answer, const AdminArguments& arguments, Terminal& terminal,
          const std::string& text) {
    terminal.out << (arguments.json ? boost::json::serialize(answer) : text) << '\n';
    return kDone;
}

object signed_body(const OperateArguments& arguments, const Terminal& terminal) {
    object body{{"by", arguments.by.empty() ? caller(terminal) : arguments.by}};
    if (!arguments.reason.empty()) {
        body["reason"] = arguments.reason;
    }
    return body;
}

enum class Endless : std::uint8_t { allowed, unknown };

// False, after saying why: it was not said, or said twice.
bool add_lifetime(const OperateArguments& arguments, object& body, Terminal& terminal,
                  Endless endless = Endless::allowed) {
    const auto lifetime = parse_lifetime(arguments.lifetime);
    if (const std::string flaw =
            flaw_of_lifetime(arguments.lifetime, arguments.endless, endless == Endless::allowed);
        !flaw.empty()) {
        terminal.err << flaw;
        return false;
    }
    if (lifetime) {
        body["seconds"] = lifetime->count() / 1'000;
    } else {
        body["endless"] = true;
    }
    return true;
}

std::string until_text(const value& answer) {
    const auto* until = answer.as_object().if_contains("until");
    return until == nullptr || !until->is_string()
               ? "until somebody lifts it"
               : "until " + std::string(until->as_string()).substr(0, 19) + "Z";
}

// "CLOSED, forced, for 12 s: why"
std::string breaker_line(const object& breaker) {
    std::string line = text_of(breaker.at("state"));
    if (const auto* forced = breaker.if_contains("forced"); forced != nullptr && *forced == true) {
        line += ", forced";
    }
    if (const auto* age = breaker.if_contains("forSeconds")) {
        line += ", for " + text_of(*age) + " s";
    }
    if (const auto* next = breaker.if_contains("nextTrySeconds")) {
        line += ", next try in " + text_of(*next) + " s";
    }
    return line + ": " + text_of(breaker.at("why"));
}

int status(const OperateArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    auto facts = client->ask("GET", "/status", nullptr, terminal);
    auto breakers = facts ? client->ask("GET", "/breakers", nullptr, terminal) : facts;
    auto doors = breakers ? client->ask("GET", "/authentication", nullptr, terminal) : breakers;
    if (!doors) {
        return doors.error();
    }
    std::string text;
    for (const auto& [name, fact] : facts->as_object()) {
        if (name == "knobs") {
            continue;
        }
        text += std::string(name) + std::string(18 - std::min<std::size_t>(17, name.size()), ' ') +
                text_of(fact) + "\n";
    }
    text += "authentication    " + text_of(doors->as_object().at("line")) + "\n";
    if (const auto* knobs = facts->as_object().if_contains("knobs")) {
        for (const value& knob : knobs->as_array()) {
            text += "changed           " + text_of(knob.as_object().at("knob")) + " " +
                    knob_line(knob.as_object()) + "\n";
        }
    }
    std::size_t closed = 0;
    for (const auto& [name, breaker] : breakers->as_object()) {
        const object& entry = breaker.as_object();
        if (entry.at("state") == "CLOSED" && entry.at("forced") == false) {
            ++closed;
        } else {
            text += "breaker           " + shown(name) + " " + breaker_line(entry) + "\n";
        }
    }
    text += "breakers closed   " + std::to_string(closed) + " of " +
            std::to_string(breakers->as_object().size());
    object answer = std::move(facts->as_object());
    answer["authentication"] = *std::move(doors);
    answer["breakers"] = *std::move(breakers);
    return print(answer, arguments.admin, terminal, text);
}

// What one POST /revocations wants.
std::expected<value, int> revoke_one(AdminClient& client, object body, const std::string& kind,
                                     const std::string& who, Terminal& terminal) {
    body["kind"] = kind;
    body["who"] = who;
    auto done = client.ask("POST", "/revocations", body, terminal);
    if (done) {
        if (const auto* warning = done->as_object().if_contains("warning")) {
            terminal.err << "warning: " << text_of(*warning) << '\n';
        }
    }
    return done;
}

int revoke(const OperateArguments& arguments, Terminal& terminal) {
    const bool all = arguments.kind == "all";
    if (all != arguments.who.empty()) {
        terminal.err << "revoke token JTI, user SUB, tenant ID, or all\n";
        return kMisused;
    }
    if (all && !arguments.yes) {
        terminal.err << "this ends the session of everybody: say --yes\n";
        return kMisused;
    }
    object body = signed_body(arguments, terminal);
    const bool said = !arguments.lifetime.empty() || arguments.endless;
    if (said && !add_lifetime(arguments, body, terminal)) {
        return kMisused;
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto done =
        revoke_one(*client, std::move(body), arguments.kind == "token" ? "jti" : arguments.kind,
                   arguments.who, terminal);
    if (!done) {
        return done.error();
    }
    const auto* warning = done->as_object().if_contains("warning");
    return print(
        *done, arguments.admin, terminal,
        "revoked " +
            (all ? "all tokens issued until now" : arguments.kind + " " + shown(arguments.who)) +
            ", kept " + until_text(*done) + (warning != nullptr ? "\n" + text_of(*warning) : ""));
}

int disable(const OperateArguments& arguments, Terminal& terminal) {
    object body = signed_body(arguments, terminal);
    if (!add_lifetime(arguments, body, terminal)) {
        return kMisused;
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    // The ban first: it also stops whoever signs in again.
    const auto banned =
        client->ask("PUT", "/bans/user/" + path_segment(arguments.who), body, terminal);
    if (!banned) {
        return banned.error();
    }
    if (arguments.who.starts_with(identity::kApiKeyUser)) {
        return print(object{{"ban", *banned}}, arguments.admin, terminal,
                     "disabled user " + shown(arguments.who) + " " + until_text(*banned) +
                         ": banned. Undo: api-gateway unban user " + shown(arguments.who));
    }
    // As long as tokens live, however short the ban is.
    body.erase("seconds");
    const auto revoked = revoke_one(*client, std::move(body), "user", arguments.who, terminal);
    if (!revoked) {
        terminal.err << "the user is banned, but the tokens are not revoked\n";
        return kFailed;
    }
    return print(object{{"ban", *banned}, {"revocation", *revoked}}, arguments.admin, terminal,
                 "disabled user " + shown(arguments.who) + " " + until_text(*banned) +
                     ": banned, tokens revoked. Undo: api-gateway unban user " +
                     shown(arguments.who));
}

// "; the window night still holds read-only until …": what nobody can say off.
std::string window_text(const value& answer) {
    const object& left = answer.as_object();
    const auto* const window = left.if_contains("window");
    return window == nullptr ? ""
                             : "; the window " + text_of(*window) + " still holds " +
                                   text_of(left.at("maintenance")) + " " + until_text(answer) +
                                   ": a reload without it ends it sooner";
}

int maintenance(const OperateArguments& arguments, Terminal& terminal) {
    if (arguments.kind == "off" && !arguments.banner.empty()) {
        terminal.err << "off takes the banner down; a banner without maintenance: "
                        "redis-cli SET maintenance:banner \"TEXT\" EX 3600\n";
        return kMisused;
    }
    object body = signed_body(arguments, terminal);
    body["mode"] = arguments.kind;
    if (arguments.kind != "off" && !add_lifetime(arguments, body, terminal)) {
        return kMisused;
    }
    if (!arguments.service.empty()) {
        body["service"] = arguments.service;
    }
    if (!arguments.banner.empty()) {
        body["banner"] = arguments.banner;
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto done = client->ask("PUT", "/maintenance", body, terminal);
    if (!done) {
        return done.error();
    }
    const std::string of = arguments.service.empty() ? "" : "of " + arguments.service + " ";
    return print(*done, arguments.admin, terminal,
                 "maintenance " + of + arguments.kind +
                     (arguments.kind == "off" ? window_text(*done) : " " + until_text(*done)));
}

// Left to itself a breaker may be open all the same.
std::string found_now(AdminClient& client, const std::string& service, Terminal& terminal) {
    const auto all = client.ask("GET", "/breakers", nullptr, terminal);
    const auto* found = all ? all->as_object().if_contains(service) : nullptr;
    return found != nullptr ? ", now " + breaker_line(found->as_object()) : "";
}

int breaker(const OperateArguments& arguments, Terminal& terminal) {
    object body = signed_body(arguments, terminal);
    body["state"] = arguments.kind;
    body["everywhere"] = arguments.everywhere;
    if (!arguments.kind.empty() && arguments.kind != "auto" &&
        !add_lifetime(arguments, body, terminal, Endless::unknown)) {
        return kMisused;
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    if (!arguments.kind.empty()) {
        const auto done =
            client->ask("PUT", "/breakers/" + path_segment(arguments.who), body, terminal);
        if (!done) {
            return done.error();
        }
        return print(*done, arguments.admin, terminal,
                     shown(arguments.who) + ": " + arguments.kind +
                         (arguments.kind == "auto" ? found_now(*client, arguments.who, terminal)
                                                   : ", for " + arguments.lifetime));
    }
    const auto all = client->ask("GET", "/breakers", nullptr, terminal);
    if (!all) {
        return all.error();
    }
    std::string text;
    for (const auto& [name, entry] : all->as_object()) {
        if (arguments.who.empty() || arguments.who == name) {
            text +=
                (text.empty() ? "" : "\n") + shown(name) + " " + breaker_line(entry.as_object());
        }
    }
    if (text.empty() && !arguments.who.empty()) {
        terminal.err << "there is no service of that name\n";
        return kFailed;
    }
    return print(*all, arguments.admin, terminal, text);
}

int log_level(const OperateArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    object body = signed_body(arguments, terminal);
    body["level"] = arguments.kind;
    body["everywhere"] = arguments.everywhere;
    if (!arguments.lifetime.empty() && !add_lifetime(arguments, body, terminal, Endless::unknown)) {
        return kMisused;
    }
    const auto done = client->ask("PUT", "/log-level", body, terminal);
    return done ? print(*done, arguments.admin, terminal,
                        "log level " + arguments.kind +
                            (arguments.lifetime.empty() ? "" : ", for " + arguments.lifetime))
                : done.error();
}

using Arguments = std::shared_ptr<OperateArguments>;

CLI::App* add_command(CLI::App& app, Chosen& chosen, const char* name, const char* help,
                      const char* examples, const Arguments& arguments,
                      int (*run)(const OperateArguments&, Terminal&)) {
    CLI::App* command = app.add_subcommand(name, help);
    add_admin_options(*command, arguments->admin);
    command->footer("Examples:\n" + std::string(examples) + kOperateStatuses);
    command->callback([&chosen, arguments, run] {
        chosen = [arguments, run](Terminal& terminal) { return run(*arguments, terminal); };
    });
    return command;
}

void add_author(CLI::App& command, OperateArguments& arguments) {
    command.add_option("--reason", arguments.reason, "Why; the record shows it");
    command.add_option("--by", arguments.by, "Who does it (default: user@host)");
}

void add_lifetime_options(CLI::App& command, OperateArguments& arguments) {
    command.add_option("--for", arguments.lifetime, "How long: 90s, 15m, 12h, 7d");
    command.add_flag("--endless", arguments.endless, "Until somebody lifts it");
}

}  // namespace

void add_operate_commands(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<OperateArguments>();
    add_command(app, chosen, "status", "Show how a gateway is",
                "  api-gateway status\n  api-gateway status --json\n", arguments, status);

    CLI::App* revoking = add_command(app, chosen, "revoke", "Make tokens answer 401",
                                     "  api-gateway revoke token 7f3a --reason \"incident 7\"\n"
                                     "  api-gateway revoke user 42\n"
                                     "  api-gateway revoke all --yes\n",
                                     arguments, revoke);
    revoking->add_option("kind", arguments->kind, "token, user, tenant or all")
        ->required()
        ->check(CLI::IsMember({"token", "user", "tenant", "all"}));
    revoking->add_option("who", arguments->who, "The token's jti, or the id of a user or tenant");
    add_lifetime_options(*revoking, *arguments);
    revoking->get_option("--for")->description(
        "How long: 90s, 15m, 12h, 7d (default: as long as tokens live)");
    revoking->add_flag("--yes", arguments->yes, "Yes, everybody");
    add_author(*revoking, *arguments);

    CLI::App* disabling = add_command(
        app, chosen, "disable", "Ban a user and revoke what tokens the user has",
        "  api-gateway disable user 42 --for 7d --reason \"token leaked\"\n", arguments, disable);
    disabling->add_option("kind", arguments->kind, "user")
        ->required()
        ->check(CLI::IsMember({"user"}));
    disabling->add_option("who", arguments->who, "The user's id (sub)")->required();
    add_lifetime_options(*disabling, *arguments);
    add_author(*disabling, *arguments);

    CLI::App* closing =
        add_command(app, chosen, "maintenance", "Turn writes, or everything, away for a time",
                    "  api-gateway maintenance read-only --for 2h --banner \"Back at 04:00 UTC\"\n"
                    "  api-gateway maintenance down --service payment-service --for 15m\n"
                    "  api-gateway maintenance off\n",
                    arguments, maintenance);
    closing->add_option("mode", arguments->kind, "off, read-only or down")
        ->required()
        ->check(CLI::IsMember({"off", "read-only", "down"}));
    closing->add_option("--service", arguments->service,
                        "The service whose routes are meant; without it the whole platform");
    closing->add_option("--banner", arguments->banner, "Text for X-Maintenance-Banner and /health");
    add_lifetime_options(*closing, *arguments);
    add_author(*closing, *arguments);

    CLI::App* breaking =
        add_command(app, chosen, "breaker", "Show circuit breakers, or force one for a time",
                    "  api-gateway breaker\n"
                    "  api-gateway breaker payment-service open --for 10m --reason \"incident 7\"\n"
                    "  api-gateway breaker payment-service auto\n",
                    arguments, breaker);
    breaking->add_option("service", arguments->who, "The service's name");
    breaking->add_option("state", arguments->kind, "open, closed, or auto: as it finds right")
        ->check(CLI::IsMember({"open", "closed", "auto"}));
    breaking->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    breaking->add_flag("--everywhere", arguments->everywhere,
                       "On all gateways that share the state, not only on this one");
    add_author(*breaking, *arguments);

    CLI::App* telling =
        add_command(app, chosen, "log-level",
                    "Change how much is logged, for a time, or until the next start or reload",
                    "  api-gateway log-level DEBUG --for 10m --reason \"incident 7\"\n"
                    "  api-gateway log-level auto\n",
                    arguments, log_level);
    telling->add_option("level", arguments->kind, "DEBUG, INFO, WARN or ERROR; auto: as configured")
        ->required()
        ->check(CLI::IsMember({"DEBUG", "INFO", "WARN", "ERROR", "auto"}));
    telling->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    telling->add_flag("--everywhere", arguments->everywhere,
                      "On all gateways that share the state, not only on this one");
    add_author(*telling, *arguments);
}

}  // namespace gw::cli
