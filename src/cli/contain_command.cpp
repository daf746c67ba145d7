#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/operate_command.hpp"

namespace gw::cli {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

struct ContainArguments {
    AdminArguments admin;
    std::vector<std::string> users;
    std::vector<std::string> tenants;
    std::vector<std::string> addresses;
    std::vector<std::string> tokens;
    std::string lifetime;
    std::string reason;
    std::string by;
    bool yes = false;
    std::string undo;
    std::string report;
};

std::string text_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? shown(found->as_string()) : std::string();
}

array list_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_array() ? found->as_array() : array();
}

std::string end_text(const object& from) {
    const std::string until = text_in(from, "until");
    return until.empty() ? ", without an end" : ", until " + until;
}

// What was there before is there again: whoever reads "lifted" believes that it works.
std::string restored_line(const object& step) {
    return "restored " + text_in(step, "key") + " as it was before" + end_text(step) + "\n";
}

// "  banned:ip:203.0.113.7  403 from now on…, until …; 12 users in the last hour"
std::string step_line(const object& step) {
    std::string line = "  " + text_in(step, "key") + "  " + text_in(step, "effect");
    line += end_text(step);
    if (const auto* users = step.if_contains("usersLastHour")) {
        line += "; " + boost::json::serialize(*users) + " users in the last hour";
    }
    return line + "\n";
}

std::string steps_text(const object& answer) {
    std::string text;
    for (const value& step : list_in(answer, "steps")) {
        text += step.is_object() ? step_line(step.as_object()) : "";
    }
    return text;
}

std::string problems_text(const object& answer, std::string_view name) {
    std::string text;
    for (const value& item : list_in(answer, name)) {
        if (item.is_object()) {
            text += "  " + text_in(item.as_object(), "key") + ": " +
                    text_in(item.as_object(), "why") + "\n";
        }
    }
    return text;
}

array names(const std::vector<std::string>& from) {
    array out;
    for (const std::string& name : from) {
        out.emplace_back(name);
    }
    return out;
}

int undo(const ContainArguments& arguments, AdminClient& client, Terminal& terminal) {
    const object body{{"by", arguments.by.empty() ? caller(terminal) : arguments.by}};
    const auto done =
        client.ask("DELETE", "/containments/" + path_segment(arguments.undo), body, terminal);
    if (!done) {
        return done.error();
    }
    const object& answer = done->as_object();
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(answer) << '\n';
    } else {
        for (const value& key : list_in(answer, "lifted")) {
            terminal.out << "lifted " << (key.is_string() ? shown(key.as_string()) : "") << '\n';
        }
        for (const value& item : list_in(answer, "restored")) {
            terminal.out << (item.is_object() ? restored_line(item.as_object()) : "");
        }
        const std::string left = problems_text(answer, "left");
        terminal.out << (left.empty() ? "" : "left as they are:\n" + left);
    }
    return kDone;
}

int report(const ContainArguments& arguments, AdminClient& client, Terminal& terminal) {
    const auto found =
        client.ask("GET", "/containments/" + path_segment(arguments.report), nullptr, terminal);
    if (!found) {
        return found.error();
    }
    const object& answer = found->as_object();
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(answer) << '\n';
        return kDone;
    }
    terminal.out << text_in(answer, "since") << " by " << text_in(answer, "by") << ": "
                 << text_in(answer, "reason") << '\n'
                 << steps_text(answer);
    const std::string undone = text_in(answer, "undone");
    terminal.out << (undone.empty() ? "" : "undone " + undone + "\n");
    return kDone;
}

int contain(const ContainArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    if (!arguments.undo.empty()) {
        return undo(arguments, *client, terminal);
    }
    if (!arguments.report.empty()) {
        return report(arguments, *client, terminal);
    }
    const auto lifetime = parse_lifetime(arguments.lifetime);
    if (!lifetime || arguments.reason.empty()) {
        terminal.err << "say for how long and why: --for 24h --reason \"incident 7\"\n";
        return kMisused;
    }
    const object body{{"users", names(arguments.users)},
                      {"tenants", names(arguments.tenants)},
                      {"addresses", names(arguments.addresses)},
                      {"tokens", names(arguments.tokens)},
                      {"seconds", lifetime->count() / 1'000},
                      {"reason", arguments.reason},
                      {"by", arguments.by.empty() ? caller(terminal) : arguments.by},
                      {"dryRun", !arguments.yes}};
    const auto done = client->ask("POST", "/containments", body, terminal);
    if (!done) {
        return done.error();
    }
    const object& answer = done->as_object();
    const auto* complete = answer.if_contains("complete");
    const bool whole = complete == nullptr || *complete == true;
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(answer) << '\n';
    } else if (!arguments.yes) {
        terminal.out << "this would be done; say --yes to do it:\n" << steps_text(answer);
    } else {
        const std::string id = text_in(answer, "id");
        terminal.out << "contained, " << id << ":\n"
                     << steps_text(answer) << "report: api-gateway contain --report " << id
                     << "\nundo:   api-gateway contain --undo " << id << '\n';
    }
    if (!whole) {
        terminal.err << "not done, say it again:\n" << problems_text(answer, "failed");
    }
    return whole ? kDone : kFailed;
}

}  // namespace

void add_contain_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<ContainArguments>();
    CLI::App* command = app.add_subcommand(
        "contain", "Contain a breach: ban and revoke together, for a time, on all gateways");
    add_admin_options(*command, arguments->admin);
    command->add_option("--user", arguments->users, "A user's id (sub); again for more")
        ->allow_extra_args(false);
    command->add_option("--tenant", arguments->tenants, "A tenant's id; again for more")
        ->allow_extra_args(false);
    command->add_option("--ip", arguments->addresses, "An address or block; again for more")
        ->allow_extra_args(false);
    command->add_option("--token", arguments->tokens, "The jti of a token; again for more")
        ->allow_extra_args(false);
    command->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    command->add_option("--reason", arguments->reason, "Why; requests and the record show it");
    command->add_option("--by", arguments->by, "Who does it (default: user@host)");
    command->add_flag("--yes", arguments->yes, "Do it; without it, what it would hit is shown");
    command->add_option("--undo", arguments->undo, "Id of a containment to undo");
    command->add_option("--report", arguments->report, "Id of a containment to show");
    command->footer(
        "Examples:\n"
        "  api-gateway contain --user 42 --ip 203.0.113.7 --for 24h --reason \"incident 7\"\n"
        "  api-gateway contain --user 42 --ip 203.0.113.7 --for 24h --reason \"incident 7\" --yes\n"
        "  api-gateway contain --undo 5b1c2d5e-0d0c-4c8e-9d57-0c9ad1f0a111\n" +
        std::string(kOperateStatuses));
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return contain(*arguments, terminal); };
    });
}

}  // namespace gw::cli
