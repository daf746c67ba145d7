#include "cli/command_page.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>

namespace gw::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands(
        [](const CLI::App* command) { return !command->get_name().empty(); });
}

void append_help(std::string& page, const CLI::App& command, const std::string& before) {
    const std::string name = before + " " + command.get_name();
    page += "\n## " + name + "\n\n```\n" + command.help(before) + "```\n";
    for (const CLI::App* inner : commands_of(command)) {
        append_help(page, *inner, name);
    }
}

// Commands within it and long options, as words.
std::vector<std::string> words_of(const CLI::App& command) {
    std::vector<std::string> words;
    for (const CLI::App* inner : commands_of(command)) {
        words.push_back(inner->get_name());
    }
    for (const CLI::Option* option : command.get_options()) {
        for (const std::string& name : option->get_lnames()) {
            words.push_back("--" + name);
        }
    }
    return words;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) {
        out += (out.empty() ? "" : " ") + word;
    }
    return out;
}

// Files are completed where a word is no option.
std::string bash_text(const CLI::App& app) {
    std::string text =
        "_api_gateway() {\n"
        "    local word=\"${COMP_WORDS[COMP_CWORD]}\" words\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"" +
        joined(words_of(app)) + "\"; else\n        case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n";
    const auto add = [&text](const std::string& pattern, const CLI::App& command) {
        text += "            " + pattern + ") words=\"" + joined(words_of(command)) + "\" ;;\n";
    };
    for (const CLI::App* command : commands_of(app)) {
        for (const CLI::App* inner : commands_of(*command)) {
            add("\"" + command->get_name() + " " + inner->get_name() + "\"", *inner);
        }
        add("\"" + command->get_name() + " \"*", *command);
    }
    return text +
           "        esac\n    fi\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
           "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$word\"))\n"
           "}\ncomplete -F _api_gateway api-gateway\n";
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("\\'") : std::string(1, c);
    }
    return out + "'";
}

std::string fish_text(const CLI::App& app) {
    std::string text;
    for (const CLI::App* command : commands_of(app)) {
        text += "complete -c api-gateway -n __fish_use_subcommand -a " + command->get_name() +
                " -d " + quoted(command->get_description()) + "\n";
        const std::string inside =
            "complete -c api-gateway -n '__fish_seen_subcommand_from " + command->get_name() + "' ";
        for (const CLI::App* inner : commands_of(*command)) {
            text += inside + "-a " + inner->get_name() + "\n";
        }
        for (const CLI::Option* option : command->get_options()) {
            for (const std::string& name : option->get_lnames()) {
                text += inside + "-l " + name + " -d " + quoted(option->get_description()) + "\n";
            }
        }
    }
    return text;
}

}  // namespace

std::string command_page(const CLI::App& app) {
    std::string page =
        "# The command line\n\nMade by `api-gateway reference --commands`; do not edit.\n\n"
        "Statuses of all commands: 0 done, 1 not done, 2 misused, 3 the gateway does not answer. "
        "Two have more:\n`explain` 4, the request would be refused; `evidence` 4, something was "
        "served, and 5, not known.\n";
    for (const CLI::App* command : commands_of(app)) {
        append_help(page, *command, "api-gateway");
    }
    return page;
}

void add_completion_command(CLI::App& app, Chosen& chosen) {
    const auto shell = std::make_shared<std::string>();
    CLI::App* command =
        app.add_subcommand("completion", "Print what a shell needs to complete commands");
    command->add_option("shell", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->footer(
        "Examples:\n"
        "  source <(api-gateway completion bash)\n"
        "  api-gateway completion fish > ~/.config/fish/completions/api-gateway.fish");
    command->callback([&app, &chosen, shell] {
        chosen = [&app, shell](Terminal& terminal) {
            terminal.out << (*shell == "fish" ? fish_text(app)
                             : *shell == "zsh"
                                 ? "autoload -U +X bashcompinit && bashcompinit\n" + bash_text(app)
                                 : bash_text(app));
            return kDone;
        };
    });
}

}  // namespace gw::cli
