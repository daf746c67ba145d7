#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <boost/json/serialize.hpp>
#include <memory>

#include "base/text.hpp"
#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/operate_command.hpp"

namespace gw::cli {
namespace {

using boost::json::object;
using boost::json::value;

constexpr int kWouldBeRefused = 4;

struct ExplainArguments {
    AdminArguments admin;
    std::string method;
    std::string url;
    std::vector<std::string> headers;
    std::string address;
    bool all = false;
};

std::string text_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found == nullptr || found->is_null() ? std::string()
           : found->is_string()                 ? shown(found->as_string())
                                                : boost::json::serialize(*found);
}

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size() + 1, width), ' ');
    return text;
}

std::string stages_text(const object& answer, bool all) {
    std::string text;
    for (const value& entry : answer.at("stages").as_array()) {
        const object& stage = entry.as_object();
        const std::string verdict = text_in(stage, "verdict");
        if (!all && verdict == "does not run") {
            continue;
        }
        std::string line = "  " + padded(text_in(stage, "stage"), 19) + verdict;
        for (const char* name : {"status", "code"}) {
            const std::string more = text_in(stage, name);
            line += more.empty() ? "" : " " + more;
        }
        const std::string why = text_in(stage, "why");
        text += line + (why.empty() ? "" : ": " + why) + "\n";
    }
    return text;
}

std::string limits_text(const object& answer) {
    std::string text;
    for (const value& entry : answer.at("limits").as_array()) {
        const object& limit = entry.as_object();
        text += "  limit " + text_in(limit, "policy") + ", " + text_in(limit, "who") + ": " +
                text_in(limit, "remaining") + " of " + text_in(limit, "requests") + " left";
        text += limit.at("blocked") == true
                    ? ", blocked for " + text_in(limit, "retryAfterSeconds") + " s\n"
                    : "\n";
    }
    return text;
}

std::string upstream_text(const object& upstream) {
    std::string text = "to " + text_in(upstream, "service") + " " + text_in(upstream, "path") +
                       "\n  within " + text_in(upstream, "timeoutMs") + " ms; breaker " +
                       text_in(upstream, "breaker") + ": " + text_in(upstream, "breakerWhy") + "\n";
    if (upstream.at("endpoints").as_array().empty()) {
        text += "  no endpoint: no address of the service is known\n";
    }
    for (const value& entry : upstream.at("endpoints").as_array()) {
        const object& endpoint = entry.as_object();
        text += "  endpoint " + text_in(endpoint, "endpoint") +
                (endpoint.at("asked") == true ? "" : " (left out)") + "\n";
    }
    for (const auto& [name, field] : upstream.at("headers").as_object()) {
        text += "  > " + shown(name) + ": " + (field.is_string() ? shown(field.as_string()) : "") +
                "\n";
    }
    for (const value& name : upstream.at("dropped").as_array()) {
        text += "  dropped: " + shown(name.as_string()) + "\n";
    }
    return text;
}

std::string explained_text(const object& answer, bool all) {
    const std::string user = text_in(answer, "user");
    const std::string host = text_in(answer, "host");
    std::string text =
        "from " + text_in(answer, "client") + (host.empty() ? "" : ", Host " + host) +
        (user.empty() ? ", nobody known"
                      : ", user " + user + " of tenant " + text_in(answer, "tenant")) +
        "\n" + stages_text(answer, all) + limits_text(answer);
    if (const auto* upstream = answer.if_contains("upstream");
        upstream != nullptr && upstream->is_object()) {
        text += upstream_text(upstream->as_object());
    }
    const std::string status = text_in(answer, "status");
    return text + "decided by " + text_in(answer, "decides") +
           (status.empty() ? "" : ": " + status) + "\n";
}

int explain(const ExplainArguments& arguments, Terminal& terminal) {
    object headers;
    for (const std::string& header : arguments.headers) {
        const std::size_t colon = header.find(':');
        if (colon == 0 || colon == std::string::npos) {
            terminal.err << "a header field is written -H 'Name: value'\n";
            return kMisused;
        }
        boost::json::value& lines = headers[header.substr(0, colon)];
        if (lines.is_null()) {
            lines.emplace_array();
        }
        lines.as_array().emplace_back(trim_ows(std::string_view(header).substr(colon + 1)));
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto found = client->ask("POST", "/explain",
                                   object{{"method", arguments.method},
                                          {"url", arguments.url},
                                          {"headers", std::move(headers)},
                                          {"address", arguments.address},
                                          {"by", caller(terminal)}},
                                   terminal);
    if (!found) {
        return found.error();
    }
    const object& answer = found->as_object();
    terminal.out << (arguments.admin.json ? boost::json::serialize(answer) + "\n"
                                          : explained_text(answer, arguments.all));
    const auto* status = answer.if_contains("status");
    return status != nullptr && status->is_int64() && status->as_int64() >= 400 ? kWouldBeRefused
                                                                                : kDone;
}

}  // namespace

void add_explain_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<ExplainArguments>();
    CLI::App* command = app.add_subcommand(
        "explain", "What would become of a request, stage by stage; no service is asked");
    command->add_option("method", arguments->method, "GET, POST, …")->required();
    command->add_option("url", arguments->url, "A path (Host: localhost), or a whole URL")
        ->required();
    command->add_option("-H,--header", arguments->headers,
                        "A header field, 'Name: value'; again for more");
    command->add_option("--address", arguments->address,
                        "The address that it comes from (default: 127.0.0.1)");
    command->add_flag("--all", arguments->all, "Show stages that do not run on the route, too");
    add_admin_options(*command, arguments->admin);
    command->footer(
        "Examples:\n"
        "  api-gateway explain GET /api/v1/events/1\n"
        "  api-gateway explain POST /api/v1/tickets/purchase -H \"Authorization: Bearer $TOKEN\" "
        "--address 203.0.113.7\n"
        "To look is enough: ADMIN_VIEWER_TOKEN does as well.\n" +
        std::string(kOperateStatuses) + " 4 it would be refused.");
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return explain(*arguments, terminal); };
    });
}

}  // namespace gw::cli
