#include "cli/commands.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/system_error.hpp>
#include <filesystem>
#include <vector>

#include "app/descriptors.hpp"
#include "app/process.hpp"
#include "app/settings.hpp"
#include "app/settings_outline.hpp"
#include "base/version.hpp"
#include "cli/audit_command.hpp"
#include "cli/ban_command.hpp"
#include "cli/cache_command.hpp"
#include "cli/command_page.hpp"
#include "cli/drill_command.hpp"
#include "cli/evidence_command.hpp"
#include "cli/operate_command.hpp"
#include "cli/reference_page.hpp"
#include "cli/route_list.hpp"
#include "config/schema.hpp"
#include "config/variable_folder.hpp"

namespace gw::cli {
namespace {

struct Arguments {
    std::string config;  // as named on the command line
    bool json = false;
    bool commands = false;
};

int run(const Arguments& arguments, Terminal& terminal) {
    return app::run_process({find_config(arguments.config, terminal.environment), terminal.commit});
}

// What was found in a configuration, for programs.
boost::json::object found_in(const std::string& path, const app::LoadedSettings& settings) {
    boost::json::array mistakes;
    for (const config::Mistake& mistake :
         settings ? std::vector<config::Mistake>() : settings.error()) {
        mistakes.push_back({{"place", mistake.place.to_string()},
                            {"what", mistake.what},
                            {"remedy", mistake.remedy}});
    }
    return {{"source", path}, {"ok", settings.has_value()}, {"mistakes", std::move(mistakes)}};
}

// What is no mistake, and hardly meant.
std::vector<std::string> warnings_of(const app::Settings& settings) {
    std::vector<std::string> warnings;
    for (const std::string_view name :
         identity::ended_keys(settings.api_keys, std::chrono::system_clock::now())) {
        warnings.push_back("api_keys." + std::string(name) + " has expired, and is refused: take " +
                           "it out, or set `expires` to a later moment");
    }
    return warnings;
}

int check_as_json(const Arguments& arguments, Terminal& terminal) {
    const std::string path = find_config(arguments.config, terminal.environment);
    const app::LoadedSettings settings = app::load_settings(path, terminal.environment);
    boost::json::object out = found_in(path, settings);
    if (settings) {
        out["services"] = (*settings)->services.size();
        out["routes"] = (*settings)->routes.size();
        if (const auto warnings = warnings_of(**settings); !warnings.empty()) {
            out["warnings"] = boost::json::array(warnings.begin(), warnings.end());
        }
        if (!(*settings)->tokens.has_keys()) {
            const config::Mistake missing = app::no_keys(path);
            out["toStart"] = {{{"what", missing.what}, {"remedy", missing.remedy}}};
        }
    }
    terminal.out << boost::json::serialize(out) << '\n';
    return settings ? kDone : kFailed;
}

// Null after the mistakes have been shown.
std::shared_ptr<const app::Settings> load(const Arguments& arguments, Terminal& terminal) {
    const std::string path = find_config(arguments.config, terminal.environment);
    app::LoadedSettings settings = app::load_settings(path, terminal.environment);
    if (settings) {
        return *std::move(settings);
    }
    if (arguments.json) {
        terminal.out << boost::json::serialize(found_in(path, settings)) << '\n';
        return nullptr;
    }
    for (const config::Mistake& mistake : settings.error()) {
        terminal.err << mistake.to_string() << '\n';
    }
    const std::size_t count = settings.error().size();
    terminal.err << path << ": " << count << (count == 1 ? " mistake\n" : " mistakes\n");
    return nullptr;
}

int check(const Arguments& arguments, Terminal& terminal) {
    if (arguments.json) {
        return check_as_json(arguments, terminal);
    }
    const auto settings = load(arguments, terminal);
    if (settings == nullptr) {
        return kFailed;
    }
    if (!settings->tokens.has_keys()) {
        terminal.err << "to start with it: " << app::no_keys(settings->source).to_string() << '\n';
    }
    for (const std::string& warning : warnings_of(*settings)) {
        terminal.err << "warning: " << warning << '\n';
    }
    terminal.out << "OK " << settings->source << ": " << settings->services.size() << " services, "
                 << settings->routes.size() << " routes\n";
    return kDone;
}

int routes(const Arguments& arguments, Terminal& terminal) {
    const auto settings = load(arguments, terminal);
    if (settings == nullptr) {
        return kFailed;
    }
    terminal.out << (arguments.json ? routes_as_json(settings->routes)
                                    : routes_as_table(settings->routes));
    return kDone;
}

int schema(const Arguments& /*arguments*/, Terminal& terminal) {
    terminal.out << config::json_schema(app::settings_outline(), "api-gateway configuration");
    return kDone;
}

int reference(const Arguments& /*arguments*/, Terminal& terminal) {
    terminal.out << reference_page();
    return kDone;
}

struct Command {
    const char* name;
    const char* help;
    int (*run)(const Arguments&, Terminal&);
    bool reads_config;
    const char* examples;
};

constexpr std::array kCommands{
    Command{"run", "Serve until told to stop (the default)", run, true,
            "  api-gateway run --config config/gateway.yaml\n"},
    Command{"check", "Check the configuration and show every mistake", check, true,
            "  api-gateway check\n  api-gateway check --json --config new.yaml\n"},
    Command{"routes", "Show which requests go where", routes, true,
            "  api-gateway routes\n  api-gateway routes --json\n"},
    Command{"schema", "Print the JSON Schema of the configuration file", schema, false,
            "  api-gateway schema > gateway.schema.json\n"},
    Command{"reference", "Print the reference page of the configuration (Markdown)", reference,
            false, "  api-gateway reference --commands\n"},
};

// Where the gateway reads variables from files, as in Kubernetes, its commands do too: the token of
// the admin API stands in no process's environment there. A folder that cannot be read holds none;
// the command says what it misses.
config::Environment with_folder(const config::Environment& environment) {
    config::Environment::Values known = environment.values();
    if (const auto found = config::read_variable_folder(environment)) {
        known.insert(found->begin(), found->end());
    }
    return config::Environment(std::move(known));
}

// A file that was named before the command is the one that the command reads, unless it names
// another: to the parser they are two options.
void pass_config(const CLI::App& of, const std::string& config) {
    for (CLI::App* const command : of.get_subcommands()) {
        CLI::Option* const option = command->get_option_no_throw("--config");
        if (option != nullptr && option->empty()) {
            option->add_result(config);
            option->run_callback();
        }
        pass_config(*command, config);
    }
}

// Answers are read as this version writes them.
int run_tool(const Chosen& tool, Terminal& terminal) {
    app::reserve_standard_descriptors();
    try {
        return tool(terminal);
    } catch (const boost::system::system_error& error) {
        terminal.err << "the answer is not as a gateway of this version gives it: "
                     << error.code().message() << '\n';
        return kUnreachable;
    }
}

constexpr const char* kConfigHelp =
    "Configuration file (default: CONFIG_FILE, config/gateway.yaml, "
    "/etc/api-gateway/gateway.yaml)";

}  // namespace

std::string find_config(const std::string& named, const config::Environment& environment) {
    if (!named.empty()) {
        return named;
    }
    if (const std::string* variable = environment.find("CONFIG_FILE")) {
        return *variable;
    }
    constexpr const char* kHere = "config/gateway.yaml";
    constexpr const char* kSystem = "/etc/api-gateway/gateway.yaml";
    std::error_code ignored;
    return !std::filesystem::exists(kHere, ignored) && std::filesystem::exists(kSystem, ignored)
               ? kSystem
               : kHere;
}

namespace {

int run_as_told(std::span<const std::string> arguments, Terminal& terminal) {
    Arguments read;
    CLI::App app{"Streaming HTTP gateway in front of the platform's services", "api-gateway"};
    app.set_version_flag("--version", "api-gateway " + std::string(kVersion));
    const CLI::Option* const named = app.add_option("--config", read.config, kConfigHelp);
    app.require_subcommand(0, 1);
    const Command* chosen = kCommands.data();
    for (const Command& command : kCommands) {
        CLI::App* sub = app.add_subcommand(command.name, command.help);
        sub->callback([&chosen, &command] { chosen = &command; });
        sub->footer("Examples:\n" + std::string(command.examples) +
                    "Status: 0 done, 1 there are mistakes, 2 misused.");
        if (command.reads_config) {
            sub->add_option("--config", read.config, kConfigHelp);
        }
    }
    for (const char* name : {"routes", "check"}) {
        app.get_subcommand(name)->add_flag("--json", read.json, "Print JSON");
    }
    Chosen tool;
    add_audit_command(app, tool);
    add_api_key_command(app, tool);
    add_ban_commands(app, tool);
    add_operate_commands(app, tool);
    add_contain_command(app, tool);
    add_limits_command(app, tool);
    add_explain_command(app, tool);
    add_top_command(app, tool);
    add_evidence_command(app, tool);
    add_why_command(app, tool);
    app.get_subcommand("reference")
        ->add_flag("--commands", read.commands, "Print the page of the commands instead");
    add_completion_command(app, tool);
    add_cache_command(app, tool);
    add_drill_command(app, tool);
    try {
        std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
        app.parse(std::move(reversed));
        if (!named->empty()) {
            pass_config(app, named->as<std::string>());
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error, terminal.out, terminal.err) == 0 ? kDone : kMisused;
    }
    if (read.commands) {
        terminal.out << command_page(app);
        return kDone;
    }
    if (!tool) {
        return chosen->run(read, terminal);
    }
    const config::Environment known = with_folder(terminal.environment);
    Terminal informed{terminal.out, terminal.err, known, terminal.commit};
    return run_tool(tool, informed);
}

}  // namespace

int run_command_line(std::span<const std::string> arguments, Terminal terminal) {
    const int status = run_as_told(arguments, terminal);
    if (terminal.out.flush()) {
        return status;
    }
    terminal.err << "standard output does not take what was to be written\n";
    return status == kDone ? kFailed : status;
}

}  // namespace gw::cli
