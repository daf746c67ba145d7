#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
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

struct LimitsArguments {
    AdminArguments admin;
    std::string policy;
    std::optional<std::int64_t> requests;
    std::string window;
    std::string block;
    std::vector<std::string> tiers;
    bool on = false;
    bool off = false;
    bool only_counting = false;
    std::string lifetime;
    bool endless = false;
    std::string reason;
    std::string by;
    bool dry_run = false;
    std::string user;
    std::string tenant;
    std::string address;
    std::string api_key;
};

std::string text_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found == nullptr || found->is_null() ? std::string()
           : found->is_string()                 ? shown(found->as_string())
                                                : boost::json::serialize(*found);
}

std::string span_text(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    const std::int64_t millis = found != nullptr && found->is_int64() ? found->as_int64() : 0;
    return millis % 1'000 == 0 ? std::to_string(millis / 1'000) + " s"
                               : std::to_string(millis) + " ms";
}

// "100 requests in 60 s, block 300 s, dry-run"
std::string numbers_text(const object& numbers) {
    std::string text =
        text_in(numbers, "requests") + " requests in " + span_text(numbers, "windowMs");
    if (const std::string block = span_text(numbers, "blockMs"); block != "0 s") {
        text += ", block " + block;
    }
    if (const auto* tiers = numbers.if_contains("tiers"); tiers != nullptr && tiers->is_object()) {
        for (const auto& [name, requests] : tiers->as_object()) {
            text += ", " + shown(name) + " " + boost::json::serialize(requests);
        }
    }
    return text + ", " + text_in(numbers, "enforcement");
}

std::string top_text(const object& policy) {
    std::string text;
    const auto* top = policy.if_contains("top");
    if (top == nullptr || !top->is_array()) {
        return text;
    }
    for (const value& entry : top->as_array()) {
        const object& one = entry.as_object();
        text += "  " + text_in(one, "who") + ": refused " + text_in(one, "refused") +
                " times of late, " + text_in(one, "remaining") + " left";
        const std::string blocked = text_in(one, "blockedSeconds");
        text += (blocked.empty() || blocked == "0" ? "" : ", blocked for " + blocked + " s");
        text += "\n";
    }
    return text;
}

std::string policy_text(const object& policy) {
    std::string text = text_in(policy, "name") + "  " + numbers_text(policy) + "; " +
                       text_in(policy, "mode") + ", " + text_in(policy, "refused") + " refused\n";
    if (const auto* over = policy.if_contains("override"); over != nullptr && over->is_object()) {
        text += "  " + knob_line(over->as_object()) +
                "\n  configured: " + numbers_text(policy.at("configured").as_object()) + "\n";
    }
    return text + top_text(policy);
}

int list(const LimitsArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto found = client->ask("GET", "/limits", nullptr, terminal);
    if (!found) {
        return found.error();
    }
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*found) << '\n';
        return kDone;
    }
    const object& answer = found->as_object();
    if (answer.at("enabled") == false) {
        terminal.out << "limits are off (RATE_LIMIT_ENABLED)\n";
    }
    for (const value& policy : answer.at("policies").as_array()) {
        terminal.out << policy_text(policy.as_object());
    }
    return kDone;
}

// False, after saying why.
bool add_span(object& body, const char* name, const std::string& text, Terminal& terminal) {
    if (text.empty()) {
        return true;
    }
    if (text == "0") {
        body[name] = 0;
        return true;
    }
    const auto span = parse_lifetime(text);
    if (!span) {
        terminal.err << "a time is written 90s, 15m, 12h or 7d\n";
        return false;
    }
    body[name] = span->count();
    return true;
}

bool add_tiers(object& body, const std::vector<std::string>& tiers, Terminal& terminal) {
    object out;
    for (const std::string& tier : tiers) {
        const std::size_t equals = std::min(tier.find('='), tier.size());
        const auto requests =
            parse_decimal(std::string_view(tier).substr(std::min(equals + 1, tier.size())));
        if (equals == 0 || !requests) {
            terminal.err << "a tier is written gold=1000\n";
            return false;
        }
        out[tier.substr(0, equals)] = *requests;
    }
    if (!out.empty()) {
        body["tiers"] = std::move(out);
    }
    return true;
}

int set(const LimitsArguments& arguments, Terminal& terminal) {
    object body{{"by", arguments.by.empty() ? caller(terminal) : arguments.by},
                {"reason", arguments.reason},
                {"dryRun", arguments.dry_run}};
    if (arguments.requests) {
        body["requests"] = *arguments.requests;
    }
    // Not by the parser's excludes(), whose help names them in no fixed order.
    if (int{arguments.on} + int{arguments.off} + int{arguments.only_counting} > 1) {
        terminal.err << "give one of --on, --off and --only-count\n";
        return kMisused;
    }
    if (arguments.on || arguments.off || arguments.only_counting) {
        body["enforcement"] = arguments.off ? "off" : arguments.on ? "on" : "dry-run";
    }
    const auto lifetime = parse_lifetime(arguments.lifetime);
    if (const std::string flaw = flaw_of_lifetime(arguments.lifetime, arguments.endless);
        !flaw.empty()) {
        terminal.err << flaw;
        return kMisused;
    }
    if (arguments.reason.empty()) {
        terminal.err << "say why: --reason \"incident 7\"\n";
        return kMisused;
    }
    if (lifetime) {
        body["seconds"] = lifetime->count() / 1'000;
    } else {
        body["endless"] = true;
    }
    if (!add_span(body, "windowMs", arguments.window, terminal) ||
        !add_span(body, "blockMs", arguments.block, terminal) ||
        !add_tiers(body, arguments.tiers, terminal)) {
        return kMisused;
    }
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto done =
        client->ask("PUT", "/limits/" + path_segment(arguments.policy), body, terminal);
    if (!done) {
        return done.error();
    }
    const object& answer = done->as_object();
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(answer) << '\n';
        return kDone;
    }
    const std::string until = text_in(answer, "until");
    terminal.out << (arguments.dry_run ? "this would be done:\n" : "") << shown(arguments.policy)
                 << "  " << numbers_text(answer.at("now").as_object())
                 << ", on all gateways, until " << (until.empty() ? "somebody lifts it" : until)
                 << "\n  configured: " << numbers_text(answer.at("configured").as_object())
                 << "\n  routes:";
    for (const value& route : answer.at("routes").as_array()) {
        terminal.out << ' ' << shown(route.as_string());
    }
    terminal.out << "\n  undo: api-gateway limits reset " << shown(arguments.policy) << '\n';
    return kDone;
}

int reset(const LimitsArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const object body{{"by", arguments.by.empty() ? caller(terminal) : arguments.by},
                      {"reason", arguments.reason}};
    const auto done =
        client->ask("DELETE", "/limits/" + path_segment(arguments.policy), body, terminal);
    if (!done) {
        return done.error();
    }
    terminal.out << (arguments.admin.json
                         ? boost::json::serialize(*done)
                         : shown(arguments.policy) + " is as it is configured again")
                 << '\n';
    return kDone;
}

// "/limits/user/42"; empty, after saying why: none was named, or several.
std::string whom(const LimitsArguments& arguments, Terminal& terminal) {
    std::string target;
    int said = 0;
    for (const auto& [kind, who] :
         {std::pair("user", &arguments.user), std::pair("tenant", &arguments.tenant),
          std::pair("ip", &arguments.address), std::pair("api-key", &arguments.api_key)}) {
        if (!who->empty()) {
            target = std::string("/limits/") + kind + "/" + path_segment(*who);
            ++said;
        }
    }
    if (said != 1) {
        terminal.err << "name one: --user, --tenant, --ip or --api-key\n";
        target.clear();
    }
    return target;
}

int show(const LimitsArguments& arguments, Terminal& terminal) {
    const std::string target = whom(arguments, terminal);
    auto client =
        target.empty() ? std::unexpected(kMisused) : AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto found = client->ask("GET", target, nullptr, terminal);
    if (!found) {
        return found.error();
    }
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*found) << '\n';
        return kDone;
    }
    for (const value& entry : found->as_object().at("limits").as_array()) {
        const object& one = entry.as_object();
        terminal.out << text_in(one, "policy") << "  " << text_in(one, "who") << ": "
                     << text_in(one, "remaining") << " of " << text_in(one, "requests")
                     << " left in " << span_text(one, "windowMs");
        if (one.at("blocked") == true) {
            terminal.out << ", blocked for " << text_in(one, "retryAfterSeconds") << " s";
        }
        terminal.out << '\n';
    }
    return kDone;
}

int forget(const LimitsArguments& arguments, Terminal& terminal) {
    const std::string target = whom(arguments, terminal);
    auto client =
        target.empty() ? std::unexpected(kMisused) : AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const object body{{"by", arguments.by.empty() ? caller(terminal) : arguments.by},
                      {"reason", arguments.reason}};
    const auto done = client->ask("DELETE", target, body, terminal);
    if (!done) {
        return done.error();
    }
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*done) << '\n';
        return kDone;
    }
    for (const value& entry : done->as_object().at("forgotten").as_array()) {
        terminal.out << "forgotten: " << text_in(entry.as_object(), "policy") << "  "
                     << text_in(entry.as_object(), "who") << '\n';
    }
    return kDone;
}

int knobs(const LimitsArguments& arguments, Terminal& terminal) {
    auto client = AdminClient::make(arguments.admin, terminal);
    if (!client) {
        return client.error();
    }
    const auto found = client->ask("GET", "/knobs", nullptr, terminal);
    if (!found) {
        return found.error();
    }
    if (arguments.admin.json) {
        terminal.out << boost::json::serialize(*found) << '\n';
        return kDone;
    }
    const boost::json::array& all = found->as_object().at("knobs").as_array();
    for (const value& knob : all) {
        terminal.out << text_in(knob.as_object(), "knob") << "  " << knob_line(knob.as_object())
                     << '\n';
    }
    terminal.out << (all.empty() ? "everything is as it is configured\n" : "");
    return kDone;
}

using Arguments = std::shared_ptr<LimitsArguments>;

void finish(CLI::App& command, Chosen& chosen, const char* examples, const Arguments& arguments,
            int (*run)(const LimitsArguments&, Terminal&)) {
    add_admin_options(command, arguments->admin);
    command.footer("Examples:\n" + std::string(examples) + kOperateStatuses);
    command.callback([&command, &chosen, arguments, run] {
        if (command.get_subcommands().empty()) {
            chosen = [arguments, run](Terminal& terminal) { return run(*arguments, terminal); };
        }
    });
}

void add_author(CLI::App& command, LimitsArguments& arguments) {
    command.add_option("--reason", arguments.reason, "Why; the record shows it");
    command.add_option("--by", arguments.by, "Who does it (default: user@host)");
}

void add_whom(CLI::App& command, LimitsArguments& arguments) {
    command.add_option("--user", arguments.user, "The user's id (sub)");
    command.add_option("--tenant", arguments.tenant, "The tenant's id");
    command.add_option("--ip,--address", arguments.address, "The address");
    command.add_option("--api-key", arguments.api_key, "The name of the API key");
}

void add_set(CLI::App& limits, Chosen& chosen, const Arguments& arguments) {
    CLI::App* setting = limits.add_subcommand("set", "Change a policy for a time, on all gateways");
    setting->add_option("policy", arguments->policy, "Its name")->required();
    setting->add_option("--requests", arguments->requests, "Requests admitted in any window");
    setting->add_option("--window", arguments->window, "Length of the window: 60s, 1h");
    setting->add_option("--block", arguments->block,
                        "How long who asks for more is refused altogether: 5m; 0: not so");
    setting->add_option("--tier", arguments->tiers,
                        "Requests of a tier: gold=1000; again for more");
    setting->add_flag("--on", arguments->on, "Refuse, although it is configured not to");
    setting->add_flag("--off", arguments->off, "Neither count nor refuse");
    setting->add_flag("--only-count", arguments->only_counting, "Count and report, refuse nothing");
    setting->add_option("--for", arguments->lifetime, "How long: 90s, 15m, 12h, 7d");
    setting->add_flag("--endless", arguments->endless, "Until somebody lifts it");
    setting->add_flag("--dry-run", arguments->dry_run, "Only show what would be done");
    add_author(*setting, *arguments);
    finish(*setting, chosen,
           "  api-gateway limits set general --requests 500 --for 30m --reason \"sale\"\n"
           "  api-gateway limits set search --off --for 10m --reason \"incident 7\"\n",
           arguments, set);
}

}  // namespace

// "500 requests; by ana@host, "sale"; 25 min left"
std::string knob_line(const object& knob) {
    std::string line = text_in(knob, "value");
    const std::string by = text_in(knob, "by");
    const std::string reason = text_in(knob, "reason");
    const std::string left = text_in(knob, "secondsLeft");
    line += "; by " + (by.empty() ? "hand" : by) + (reason.empty() ? "" : ", \"" + reason + "\"");
    line += left.empty() ? "; " + (text_in(knob, "warning").empty() ? "until the next reload"
                                                                    : text_in(knob, "warning"))
                         : "; " + left + " s left";
    return line +
           (text_in(knob, "everywhere") == "true" ? "; on all gateways" : "; on this gateway");
}

void add_limits_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<LimitsArguments>();
    CLI::App* limits = app.add_subcommand(
        "limits", "Rate limits: show who meets them, change one for a time, let somebody in again");
    limits->require_subcommand(0, 1);
    finish(*limits, chosen,
           "  api-gateway limits\n  api-gateway limits show --user 42\n"
           "  api-gateway limits set general --requests 500 --for 30m --reason \"sale\"\n"
           "  api-gateway limits reset general\n  api-gateway limits forget --user 42\n",
           arguments, list);
    add_set(*limits, chosen, arguments);
    CLI::App* resetting = limits->add_subcommand("reset", "A policy is as configured again");
    resetting->add_option("policy", arguments->policy, "Its name")->required();
    add_author(*resetting, *arguments);
    finish(*resetting, chosen, "  api-gateway limits reset general\n", arguments, reset);
    CLI::App* showing = limits->add_subcommand("show", "How somebody stands with all policies");
    add_whom(*showing, *arguments);
    finish(*showing, chosen, "  api-gateway limits show --ip 203.0.113.7\n", arguments, show);
    CLI::App* forgetting = limits->add_subcommand(
        "forget", "Forget what was counted of somebody: who is blocked may come again");
    add_whom(*forgetting, *arguments);
    add_author(*forgetting, *arguments);
    finish(*forgetting, chosen, "  api-gateway limits forget --user 42 --reason \"ticket 9\"\n",
           arguments, forget);
    CLI::App* listing =
        app.add_subcommand("knobs", "Show what was changed for a time: by whom, why, until when");
    finish(*listing, chosen, "  api-gateway knobs\n", arguments, knobs);
}

}  // namespace gw::cli
