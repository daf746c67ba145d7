#include "cli/drill_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "cli/ban_ledger.hpp"
#include "cli/drill_play.hpp"

namespace gw::cli {
namespace {

struct DrillCommand {
    DrillArguments stack;
    std::vector<std::string> names;
    std::string folder = "build/run";  // where demo/drill.sh keeps what it has started
    bool list = false;
    bool yes = false;
    bool any_target = false;
    bool markdown = false;
    int patience_s = 0;
};

int list(Terminal& terminal) {
    for (const DrillPlan& plan : drill_plans()) {
        std::string name = plan.name;
        name.resize(20, ' ');
        terminal.out << name << plan.help << '\n';
    }
    return kDone;
}

bool is_named(const DrillCommand& command, std::string_view name) {
    return std::ranges::find(command.names, name) != command.names.end();
}

// Those that are named, each once, in the order of the list. Nothing, after saying why.
std::optional<std::vector<DrillPlan>> chosen_plans(const DrillCommand& command,
                                                   Terminal& terminal) {
    std::vector<DrillPlan> plans;
    const bool all = is_named(command, "all");
    for (const DrillPlan& plan : drill_plans()) {
        if (all || is_named(command, plan.name)) {
            plans.push_back(plan);
        }
    }
    for (const std::string& name : command.names) {
        if (name != "all" &&
            std::ranges::none_of(plans, [&](const DrillPlan& plan) { return plan.name == name; })) {
            terminal.err << "there is no drill " << shown(name)
                         << ": see api-gateway drill --list\n";
            return std::nullopt;
        }
    }
    if (plans.empty()) {
        terminal.err << "which? all, or names of api-gateway drill --list\n";
        return std::nullopt;
    }
    return plans;
}

// What a stack that demo/drill.sh has started says of itself, where nothing else is said.
void look_into_folder(DrillCommand& command) {
    const auto set = [&](std::string& to, const char* file, const char* word) {
        const std::string path = command.folder + "/" + file;
        std::error_code ignored;
        if (to.empty() && std::filesystem::exists(path, ignored)) {
            to = word + path;
        }
    };
    set(command.stack.stop_redis, "stop-redis.sh", "sh ");
    set(command.stack.start_redis, "start-redis.sh", "sh ");
    set(command.stack.stop_region, "stop-region.sh", "sh ");
    set(command.stack.start_region, "start-region.sh", "sh ");
}

// Is it no production? The status to end with, after saying why, if it is.
std::optional<int> refused_target(const DrillCommand& command, DrillStack& stack,
                                  Terminal& terminal) {
    const auto facts = stack.operate("GET", "/status", nullptr);
    if (!facts) {
        return facts.error();
    }
    const auto* marked = facts->as_object().if_contains("drillTarget");
    if (command.any_target || (marked != nullptr && *marked == true)) {
        return std::nullopt;
    }
    terminal.err
        << "this gateway is not marked as one for drills (DRILL_TARGET=true): incidents would be "
           "played on whoever uses it. If that is what you want, say --i-mean-it\n";
    return kFailed;
}

int drill(DrillCommand command, Terminal& terminal) {
    if (command.list) {
        return list(terminal);
    }
    const auto plans = chosen_plans(command, terminal);
    if (!plans) {
        return kMisused;
    }
    look_into_folder(command);
    if (command.patience_s > 0) {
        command.stack.patience = std::chrono::seconds(command.patience_s);
    }
    auto stack = DrillStack::make(command.stack, terminal);
    if (!stack) {
        return stack.error();
    }
    if (const auto refused = refused_target(command, *stack, terminal)) {
        return *refused;
    }
    if (!command.yes) {
        terminal.out << "these would be played; say --yes to do it:\n";
        for (const DrillPlan& plan : *plans) {
            terminal.out << "  " << plan.name << ": " << plan.help << '\n';
        }
        return kDone;
    }
    const KeptSignals kept;
    std::vector<DrillResult> results;
    for (const DrillPlan& plan : *plans) {
        results.push_back({.name = plan.name, .page = plan.page, .steps = {}, .refused = {}});
        if (!stack->interrupted()) {
            DrillPlay play(*stack, results.back());
            plan.run(play);
        } else {
            results.back().refused = "ended by a signal";
        }
    }
    terminal.out << (command.stack.admin.json ? results_as_json(results)
                     : command.markdown       ? results_as_markdown(results)
                                              : results_as_text(results));
    return std::ranges::all_of(results, &DrillResult::passed) ? kDone : kFailed;
}

void add_stack_options(CLI::App& command, DrillArguments& stack) {
    add_admin_options(command, stack.admin);
    command.add_option("--host", stack.host,
                       "Address of the port for clients (default: 127.0.0.1)");
    command.add_option("--port", stack.port, "Port for clients (default: PORT)");
    command.add_option("--log", stack.log, "File of the gateway's log: lines are looked for too");
    command.add_option("--prometheus", stack.prometheus,
                       "ADDRESS:PORT of a Prometheus with the shipped rules: alerts have to fire");
    command.add_option("--gateway-config", stack.config_file,
                       "File that the gateway reads: some drills change it, and put it back");
    command.add_option("--service", stack.service, "Service that fails");
    command.add_option("--path", stack.path, "Path of it, with the demo's fault switches");
    command.add_option("--other-path", stack.other_path, "Path of another service");
    command.add_option("--user", stack.user, "Who signs in");
    command.add_option("--password", stack.password, "And by which password");
    command.add_option("--other-tenant", stack.other_tenant,
                       "Id of a tenant that is not the user's");
    command.add_option("--stop-redis", stack.stop_redis, "Command that stops Redis");
    command.add_option("--start-redis", stack.start_redis, "Command that starts it, empty");
    command.add_option("--other-port", stack.other_port, "Port for clients of the other region");
    command.add_option("--other-admin-port", stack.other_admin_port, "Operators' port there");
    command.add_option("--stop-region", stack.stop_region, "Command that stops the other region");
    command.add_option("--start-region", stack.start_region, "Command that starts it");
}

}  // namespace

void add_drill_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<DrillCommand>();
    CLI::App* command = app.add_subcommand(
        "drill", "Play incidents against a stack for it: noticed, held, recovered from in time?");
    command->add_option("names", arguments->names, "Drills, or all");
    command->add_flag("--list", arguments->list, "Show which there are");
    command->add_flag("--yes", arguments->yes, "Play them; without it, they are only shown");
    command->add_flag("--i-mean-it", arguments->any_target,
                      "Also where the gateway is not marked by DRILL_TARGET");
    command->add_flag("--markdown", arguments->markdown, "Print a table for docs/drills.md");
    command
        ->add_option("--patience", arguments->patience_s,
                     "Seconds after which a step has failed, even if it may take longer")
        ->check(CLI::Range(1, 3'600));
    command->add_option("--stack", arguments->folder,
                        "Folder of demo/drill.sh: how its Redis and region are stopped");
    add_stack_options(*command, arguments->stack);
    command->footer(
        "Examples:\n"
        "  demo/drill.sh                                    a stack for drills, in another "
        "terminal\n"
        "  api-gateway drill --list\n"
        "  api-gateway drill brute-force cross-tenant --yes --log build/run/gateway.log\n"
        "  demo/drill.sh --check                            the stack and all drills\n"
        "Bans, breakers and files are put back at the end of each, also after Ctrl-C.\n"
        "The token is ADMIN_TOKEN, or what ADMIN_TOKEN_FILE names.\n"
        "Status: 0 all went well, 1 one did not, 2 misused, 3 nobody answers.");
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return drill(*arguments, terminal); };
    });
}

}  // namespace gw::cli
