#include "cli/audit_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>
#include <fstream>
#include <memory>

#include "base/text.hpp"
#include "identity/api_key.hpp"
#include "observe/json_line.hpp"
#include "security/audit_chain.hpp"

namespace gw::cli {
namespace {

constexpr int kBroken = 1;
constexpr std::string_view kSecretVariable = "AUDIT_SECRET";

struct VerifyArguments {
    std::string path;
    std::string expected;
    bool json = false;
};

// "12:<64 hexadecimal digits>"
std::optional<security::AuditHead> parse_head(std::string_view text) {
    security::AuditHead head;
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || text.size() - colon - 1 != head.hash.size()) {
        return std::nullopt;
    }
    const std::string_view number = text.substr(0, colon);
    const char* const stop = number.data() + number.size();
    const auto [end, error] = std::from_chars(number.data(), stop, head.seq);
    if (error != std::errc{} || end != stop) {
        return std::nullopt;
    }
    head.hash = text.substr(colon + 1);
    return head;
}

int verify(const VerifyArguments& arguments, Terminal& terminal) {
    const auto expected =
        arguments.expected.empty() ? std::nullopt : parse_head(arguments.expected);
    if (!arguments.expected.empty() && !expected) {
        terminal.err << "--at-least: write SEQ:HASH, as an earlier verification printed it\n";
        return kMisused;
    }
    const auto secret = read_audit_secret(terminal);
    if (!secret) {
        return kMisused;
    }
    const security::AuditReport report = security::verify_audit(arguments.path, *secret, expected);
    const bool whole = report.finding == security::AuditReport::Finding::whole;
    const std::string head = std::to_string(report.head.seq) + ":" + report.head.hash;
    if (arguments.json) {
        std::string text;
        observe::JsonLine line(text);
        line.add_plain("finding", security::finding_name(report.finding));
        line.add("file", arguments.path);
        line.add("records", static_cast<std::int64_t>(report.records));
        line.add("tornLines", static_cast<std::int64_t>(report.torn_lines));
        line.add("line", static_cast<std::int64_t>(report.line));
        line.add("why", report.why);
        line.add_plain("head", head);
        line.end();
        terminal.out << text << '\n';
        return whole ? kDone : kBroken;
    }
    if (whole) {
        terminal.out << "OK " << arguments.path << ": " << report.records << " records, whole\n"
                     << "head " << head << '\n';
        return kDone;
    }
    terminal.err << arguments.path << ':' << report.line << ": "
                 << security::finding_name(report.finding) << ": " << report.why << "; "
                 << report.records << " good records before it\n";
    return kBroken;
}

int make_api_key(bool json, Terminal& terminal) {
    const std::string key = identity::new_api_key();
    const std::string hash = identity::ApiKeyHash::of(key).to_string();
    if (json) {
        std::string text;
        observe::JsonLine line(text);
        line.add_plain("key", key);
        line.add_plain("hash", hash);
        line.end();
        terminal.out << text << '\n';
        return kDone;
    }
    terminal.out << "key   " << key << "\nhash  " << hash
                 << "\nGive the key to its owner: it is kept nowhere. Put the hash under "
                    "api_keys.<name>.hash.\n";
    return kDone;
}

}  // namespace

std::optional<std::string> read_audit_secret(const Terminal& terminal) {
    if (const std::string* secret = terminal.environment.find(kSecretVariable)) {
        return *secret;
    }
    const std::string* path = terminal.environment.find(std::string(kSecretVariable) + "_FILE");
    if (path == nullptr) {
        return std::string();
    }
    std::ifstream file(*path);
    std::string secret((std::istreambuf_iterator<char>(file)), {});
    if (!file) {
        terminal.err << "AUDIT_SECRET_FILE: cannot read " << *path << '\n';
        return std::nullopt;
    }
    while (secret.ends_with('\n') || secret.ends_with('\r')) {
        secret.pop_back();
    }
    return secret;
}

void add_audit_command(CLI::App& app, Chosen& chosen) {
    auto arguments = std::make_shared<VerifyArguments>();
    CLI::App* audit = app.add_subcommand("audit", "Work with the record of security events");
    audit->require_subcommand(1);
    CLI::App* command = audit->add_subcommand(
        "verify", "Check that nothing in a record was changed, left out, added or moved");
    command->add_option("file", arguments->path, "The record (AUDIT_PATH)")->required();
    command->add_option("--at-least", arguments->expected,
                        "SEQ:HASH that an earlier verification printed: a record that ends before "
                        "it is truncated, one that does not go on from it is changed");
    command->add_flag("--json", arguments->json, "Print JSON");
    command->footer(
        "Examples:\n  api-gateway audit verify audit.log\n  api-gateway audit verify audit.log "
        "--json\n"
        "Of a record in several files, the oldest first, each with the head of the one before it: "
        "--at-least.\n"
        "AUDIT_SECRET or AUDIT_SECRET_FILE: the secret of the chain, if it has one.\n"
        "Status: 0 whole, 1 broken, not there or without a record, 2 misused.");
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return verify(*arguments, terminal); };
    });
}

void add_api_key_command(CLI::App& app, Chosen& chosen) {
    const auto json = std::make_shared<bool>(false);
    CLI::App* command =
        app.add_subcommand("api-key", "Make a key for a machine, and the hash that stands for it");
    command->add_flag("--json", *json, "Print JSON");
    command->footer(
        "Examples:\n  api-gateway api-key\n  api-gateway api-key --json\nStatus: 0 done, 2 "
        "misused.");
    command->callback([&chosen, json] {
        chosen = [json](Terminal& terminal) { return make_api_key(*json, terminal); };
    });
}

}  // namespace gw::cli
