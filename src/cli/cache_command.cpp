#include "cli/cache_command.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <memory>

#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/state_port.hpp"
#include "gateway/answer_cache.hpp"

namespace gw::cli {
namespace {

constexpr const char* kSeen = "60";  // seconds for gateways that are away for a moment

struct PurgeArguments {
    StatePort where;
    AdminArguments admin;  // of a gateway elsewhere
    std::string path;
    std::string tag;
    std::string tenant;
    bool all = false;
};

int purge_elsewhere(const PurgeArguments& arguments, Terminal& terminal) {
    boost::json::object body{{"by", caller(terminal)}};
    if (arguments.all) {
        body["all"] = true;
    }
    for (const auto& [name, text] :
         {std::pair("path", &arguments.path), std::pair("tag", &arguments.tag),
          std::pair("tenant", &arguments.tenant)}) {
        if (!text->empty()) {
            body[name] = *text;
        }
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    const auto done = client ? client->ask("POST", "/cache/purge", body, terminal)
                             : std::unexpected(client.error());
    if (!done) {
        return done.error();
    }
    const std::string what(done->as_object().at("purged").as_string());
    terminal.out << (arguments.admin.json ? boost::json::serialize(*done) : "purged " + shown(what))
                 << '\n';
    return kDone;
}

int purge(const PurgeArguments& arguments, Terminal& terminal) {
    const std::string what = arguments.all             ? "all"
                             : !arguments.path.empty() ? "path:" + arguments.path
                             : !arguments.tag.empty()  ? "tag:" + arguments.tag
                                                       : "tenant:" + arguments.tenant;
    const int said = (arguments.all ? 1 : 0) + (arguments.path.empty() ? 0 : 1) +
                     (arguments.tag.empty() ? 0 : 1) + (arguments.tenant.empty() ? 0 : 1);
    if (said != 1 || !gateway::parse_purge(what)) {
        terminal.err
            << "say what: one of --path /api/v1/events/42 (without its query; or "
               "/api/v1/events/** for all below), --tag (one, as it stands in Cache-Tag), --tenant "
               "or --all\n";
        return kMisused;
    }
    if (is_elsewhere(arguments.admin)) {
        return purge_elsewhere(arguments, terminal);
    }
    auto client = connect_to_state(arguments.where, terminal);
    if (!client) {
        return client.error();
    }
    const auto now = epoch_ms(std::chrono::system_clock::now());
    const auto done = client->run({"SET", "cache:purge:" + what, std::to_string(now), "EX", kSeen});
    if (!done) {
        return show(done.error(), terminal);
    }
    terminal.out << (arguments.admin.json
                         ? boost::json::serialize(boost::json::object{{"purged", what}})
                         : "purged " + what)
                 << '\n';
    return kDone;
}

}  // namespace

void add_cache_command(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<PurgeArguments>();
    CLI::App* cache = app.add_subcommand("cache", "What is kept of answers");
    cache->require_subcommand(1);
    CLI::App* command =
        cache->add_subcommand("purge", "Forget answers, on every gateway that shares the state");
    command->add_option("--path", arguments->path,
                        "Of this path; ending in /** also of all below it");
    command->add_option("--tag", arguments->tag, "That services gave this Cache-Tag");
    command->add_option("--tenant", arguments->tenant, "Of this tenant");
    command->add_flag("--all", arguments->all, "All of them");
    add_state_port(*command, arguments->where.config, arguments->where.port);
    add_elsewhere_options(*command, arguments->admin);
    command->footer(
        "Examples:\n  api-gateway cache purge --path '/api/v1/events/**'\n"
        "  api-gateway cache purge --all --admin-host 10.1.2.3\n" +
        command->get_footer());
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return purge(*arguments, terminal); };
    });
}

}  // namespace gw::cli
