#include "cli/evidence_command.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <memory>

#include "base/text.hpp"
#include "cli/admin_client.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/evidence.hpp"
#include "cli/evidence_bundle.hpp"
#include "cli/log_lines.hpp"
#include "observe/timestamp.hpp"
#include "security/audit_chain.hpp"
#include "state/banned_value.hpp"

namespace gw::cli {
namespace {

using boost::json::object;
using boost::json::value;

struct EvidenceArguments {
    Subject subject;
    std::string since;
    std::string until;
    std::string ended_within = "24h";
    std::vector<std::string> logs;
    std::vector<std::string> audits;
    std::string out;
    std::string folder;  // to be verified
    bool json = false;
};

std::string rfc3339(WallTime time) {
    observe::Timestamp timestamp;
    return std::string(timestamp.text(time));
}

std::string text_in(const object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found == nullptr     ? std::string()
           : found->is_string() ? shown(found->as_string())
                                : boost::json::serialize(*found);
}

std::string target_in(const object& attempt) {
    const std::string venue = text_in(attempt, "targetVenue");
    return venue.empty() ? text_in(attempt, "targetTenant") : "venue " + venue;
}

std::string as_text(const object& report) {
    const object& served = report.at("served").as_object();
    std::string text = "was data accessed? " + text_in(report, "accessed");
    if (served.at("requests") != 0) {
        text += ": " + text_in(served, "requests") + " answers, " + text_in(served, "bytesOut") +
                " bytes";
    }
    text += "\nof another tenant? " + text_in(report, "otherTenants") + "\n";
    for (const value& item : report.at("attempts").as_array()) {
        const object& attempt = item.as_object();
        text += "  " + text_in(attempt, "time") + "  " + text_in(attempt, "why");
        if (attempt.at("accessed") == "yes") {
            text += " with " + text_in(attempt, "bytesOut") + " bytes";
        }
        text += ": " + text_in(attempt, "kind") + ", user " + text_in(attempt, "userId") + " at " +
                text_in(attempt, "ip") + ", tenant " + text_in(attempt, "sourceTenant") + " -> " +
                target_in(attempt) + ", " + text_in(attempt, "resource") + ", status " +
                text_in(attempt, "status") + ", request " + text_in(attempt, "requestId") + "\n";
    }
    for (const char* list : {"allowed", "refused"}) {
        for (const value& item : report.at(list).as_array()) {
            const object& sum = item.as_object();
            text += std::string(list) + "  " + text_in(sum, "requests") + " x " +
                    text_in(sum, "route") + ", " + text_in(sum, "bytesOut") + " bytes, " +
                    text_in(sum, "first") + " to " + text_in(sum, "last") + "\n";
        }
    }
    for (const value& gap : report.at("gaps").as_array()) {
        text += "gap  " + shown(gap.as_string()) + "\n";
    }
    return text;
}

std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const std::string& line : lines) {
        out += line + "\n";
    }
    return out;
}

void note_if(Evidence& evidence, std::string wrong) {
    if (!wrong.empty()) {
        evidence.note_gap(std::move(wrong));
    }
}

void read_files(const EvidenceArguments& arguments, const std::string& secret, Evidence& evidence) {
    for (const std::string& path : arguments.logs) {
        bool empty = true;
        note_if(evidence, each_line(path, [&](std::string_view line) {
                    empty = false;
                    evidence.find_attempts(line);
                }));
        note_if(evidence, empty ? path + ": there is no line in it" : "");
    }
    for (const std::string& path : arguments.logs) {
        note_if(evidence,
                each_line(path, [&](std::string_view line) { evidence.find_requests(line); }));
    }
    for (const std::string& path : arguments.audits) {
        note_if(evidence,
                each_line(path, [&](std::string_view line) { evidence.find_records(line); }));
        // A packed one is read, but its chain is that of what was packed.
        const bool packed = path.ends_with(".gz");
        const security::AuditReport report =
            packed ? security::AuditReport{} : security::verify_audit(path, secret);
        if (report.finding != security::AuditReport::Finding::whole) {
            evidence.note_gap(path + ": " + std::string(security::finding_name(report.finding)) +
                              ": " + report.why);
        }
    }
}

// Whom, as lines have it; empty text: all is well.
std::string read_subject(const EvidenceArguments& arguments, Subject& subject) {
    subject = arguments.subject;
    if ((subject.user.empty() && subject.tenant.empty() && subject.address.empty()) ||
        arguments.logs.empty()) {
        return "whose, and from what? --user, --tenant or --ip, and --log FILE";
    }
    if (!subject.address.empty()) {
        const auto address = IpAddress::parse(subject.address);
        if (!address) {
            return "one address, such as 203.0.113.7 or 2001:db8::7";
        }
        subject.address = address->to_string();
    }
    return {};
}

int evidence(const EvidenceArguments& arguments, Terminal& terminal) {
    Subject subject;
    if (const std::string wrong = read_subject(arguments, subject); !wrong.empty()) {
        terminal.err << wrong << '\n';
        return kMisused;
    }
    const WallTime now = std::chrono::system_clock::now();
    const std::string since = moment_text(arguments.since, now);
    const std::string until = moment_text(arguments.until, now);
    if (since.empty() || (until.empty() && !arguments.until.empty())) {
        terminal.err << "since when? --since 24h, 2026-11-23 or 2026-11-23T07:00:00Z\n";
        return kMisused;
    }
    if (since > rfc3339(now) || (!until.empty() && until <= since)) {
        terminal.err << "nothing was in that time: from " << since << " to "
                     << (until.empty() ? "now" : until) << '\n';
        return kMisused;
    }
    const auto within = parse_lifetime(arguments.ended_within);
    if (!within) {
        terminal.err << "how long did requests take at most? --ended-within 10s, 15m or 24h\n";
        return kMisused;
    }
    const auto secret = read_audit_secret(terminal);
    if (!secret) {
        return kMisused;
    }
    const auto end = state::read_time(until);
    // What is to come has no lines either.
    Evidence found(subject, since, until, end ? rfc3339(std::min(*end, now) + *within) : "");
    read_files(arguments, *secret, found);
    const object report = found.report();
    const std::string json = boost::json::serialize(report) + "\n";
    terminal.out << (arguments.json ? json : as_text(report));
    if (!arguments.out.empty()) {
        const auto written = write_bundle(arguments.out,
                                          {{"report.json", json},
                                           {"report.txt", as_text(report)},
                                           {"lines.jsonl", joined(found.lines())},
                                           {"audit.jsonl", joined(found.records())}},
                                          rfc3339(now), caller(terminal), *secret);
        if (!written) {
            terminal.err << written.error() << '\n';
            return kFailed;
        }
        terminal.err << (secret->empty() ? "warning: not signed, AUDIT_SECRET is not set\n" : "");
    }
    return found.answer() == Accessed::no    ? kDone
           : found.answer() == Accessed::yes ? kAccessed
                                             : kNotKnown;
}

int verify(const EvidenceArguments& arguments, Terminal& terminal) {
    const auto secret = read_audit_secret(terminal);
    if (!secret) {
        return kMisused;
    }
    const auto files = verify_bundle(arguments.folder, *secret);
    if (arguments.json) {
        terminal.out << boost::json::serialize(object{{"folder", shown(arguments.folder)},
                                                      {"whole", files.has_value()},
                                                      {"signed", !secret->empty()},
                                                      {"files", files.value_or(0)},
                                                      {"why", files ? "" : shown(files.error())}})
                     << '\n';
        return files ? kDone : kFailed;
    }
    if (!files) {
        terminal.err << arguments.folder << ": " << shown(files.error()) << '\n';
        return kFailed;
    }
    terminal.out << "OK " << arguments.folder << ": " << *files << " files, whole\n";
    terminal.err << (secret->empty() ? "warning: not signed: whoever can write there can have made "
                                       "it anew; AUDIT_SECRET is not set\n"
                                     : "");
    return kDone;
}

struct WhyArguments {
    std::string id;
    std::vector<std::string> logs;
    bool json = false;
};

std::string text_of(const object& line, std::string_view name) {
    const auto* found = line.if_contains(name);
    if (found == nullptr) {
        return {};
    }
    if (found->is_double()) {
        std::array<char, 48> text{};
        const int size = std::snprintf(text.data(), text.size(), "%.3f", found->get_double());
        return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 47))};
    }
    return found->is_string() ? shown(found->as_string()) : boost::json::serialize(*found);
}

// What the line of the request itself says, in words: it is the one with `durationMs`.
std::string summary_of(const std::vector<std::string>& lines) {
    for (const std::string& text : lines) {
        boost::system::error_code error;
        const boost::json::value parsed = boost::json::parse(text, error);
        const object* const line = error ? nullptr : parsed.if_object();
        if (line == nullptr || !line->contains("durationMs")) {
            continue;
        }
        std::string out = text_of(*line, "method") + " " + text_of(*line, "path") + ": " +
                          text_of(*line, "status") + " after " + text_of(*line, "durationMs") +
                          " ms, decided by " + text_of(*line, "outcome");
        const std::string upstream = text_of(*line, "upstream");
        out += upstream.empty() ? "; no service was asked"
               : !line->contains("upstreamMs")
                   ? "; " + upstream + " was not asked"
                   : "; " + upstream + " took " + text_of(*line, "upstreamMs") + " ms";
        const std::string user = text_of(*line, "userId");
        out += user.empty() ? "; nobody was known" : "; user " + user;
        return out + "; trace " + text_of(*line, "traceId");
    }
    return "its own line is not there: it runs still, was left out (log_success_share), or is in "
           "another file";
}

int print_as_json(const WhyArguments& arguments, const std::vector<std::string>& lines,
                  Terminal& terminal) {
    boost::json::array parsed;
    for (const std::string& line : lines) {
        boost::system::error_code error;
        boost::json::value value = boost::json::parse(line, error);
        parsed.push_back(error ? boost::json::value(shown(line)) : std::move(value));
    }
    terminal.out << boost::json::serialize(object{{"requestId", shown(arguments.id)},
                                                  {"summary", summary_of(lines)},
                                                  {"lines", std::move(parsed)}})
                 << '\n';
    return lines.empty() ? kFailed : kDone;
}

int why(const WhyArguments& arguments, Terminal& terminal) {
    // Only lines that may be it are taken apart; what a client put into a path is none of them.
    const std::string mark = R"("requestId":")" + shown(arguments.id) + R"(")";
    std::vector<std::string> lines;
    for (const std::string& path : arguments.logs) {
        const std::string wrong = each_line(path, [&](std::string_view line) {
            if (line.find(mark) != std::string_view::npos) {
                lines.emplace_back(line);
            }
        });
        terminal.err << (wrong.empty() ? "" : wrong + "\n");
    }
    std::ranges::sort(lines);  // a line begins with its time
    if (arguments.json) {
        return print_as_json(arguments, lines, terminal);
    }
    for (const std::string& line : lines) {
        terminal.out << harmless(line) << '\n';
    }
    if (lines.empty()) {
        terminal.err << "no line of this request is there\n";
        return kFailed;
    }
    terminal.out << summary_of(lines) << '\n';
    return kDone;
}

}  // namespace

std::string moment_text(std::string_view text, WallTime now) {
    if (const auto ago = parse_lifetime(text)) {
        return rfc3339(now - *ago);
    }
    constexpr std::size_t kDay = std::string_view("2026-11-23").size();
    const auto moment = state::read_time(text.size() == kDay ? std::string(text) + "T00:00:00Z"
                                                             : std::string(text));
    return moment ? rfc3339(*moment) : std::string();
}

void add_evidence_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<EvidenceArguments>();
    CLI::App* command = app.add_subcommand(
        "evidence", "Was data accessed? Every request of a user, tenant or address, from the logs");
    command->add_option("--user", arguments->subject.user, "The user's id (sub)");
    command->add_option("--tenant", arguments->subject.tenant,
                        "The tenant's id, whether it asked or was asked for");
    command->add_option("--ip", arguments->subject.address, "The address");
    command->add_option("--since", arguments->since,
                        "24h ago, or a time: 2026-11-23, 2026-11-23T07:00:00Z");
    command->add_option("--until", arguments->until, "The same; default: the end of the files");
    command->add_option("--ended-within", arguments->ended_within,
                        "With --until: no request of that time went on for longer after it "
                        "(default: 24h, as WebSockets do; 10s once they were ended by contain)");
    command->add_option("--log", arguments->logs, "File of log lines, .gz too; again for more")
        ->allow_extra_args(true);
    command->add_option("--audit", arguments->audits, "Audit record; again for more")
        ->allow_extra_args(true);
    command->add_option("--out", arguments->out, "Folder to make: report, lines, signed manifest");
    command->add_flag("--json", arguments->json, "Print JSON");
    command->footer(
        "Examples:\n"
        "  api-gateway evidence --user 42 --since 24h --log gateway.log --out incident-7\n"
        "  api-gateway evidence --tenant t2 --since 2026-11-23 --log logs/*.gz --audit audit.log\n"
        "  api-gateway evidence --user 42 --since 24h --until 2026-11-23T07:05:00Z --ended-within "
        "10s --log gateway.log\n"
        "  api-gateway evidence verify incident-7\n"
        "AUDIT_SECRET or AUDIT_SECRET_FILE: signs the folder, and proves the audit record.\n"
        "A request has its line when it has ended. \"no\" needs lines that go on after --until by "
        "the\n"
        "longest that one took (--ended-within), or gateways that were stopped; the files of all "
        "gateways,\n"
        "each from before --since on. Else it is unknown, and a gap says why.\n"
        "Status: 0 nothing was served, 4 something was, 5 unknown, 1 not done, 2 misused.\n"
        "`of another tenant?` is about attempts at what is not the caller's own; of a tenant that "
        "was\n"
        "asked for (--tenant), only that line counts: its own users are served all day.");
    command->require_subcommand(0, 1);
    command->callback([&chosen, arguments] {
        if (!chosen) {
            chosen = [arguments](Terminal& terminal) { return evidence(*arguments, terminal); };
        }
    });
    CLI::App* verifying = command->add_subcommand("verify", "Check that a folder is whole");
    verifying->add_option("folder", arguments->folder, "As --out made it")->required();
    verifying->add_flag("--json", arguments->json, "Print JSON");
    verifying->footer(
        "Examples:\n  api-gateway evidence verify incident-7\n"
        "AUDIT_SECRET or AUDIT_SECRET_FILE: what it was signed with.\n"
        "Status: 0 whole, 1 not, 2 misused.");
    verifying->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return verify(*arguments, terminal); };
    });
}

void add_why_command(CLI::App& app, Chosen& chosen) {
    const auto arguments = std::make_shared<WhyArguments>();
    CLI::App* command =
        app.add_subcommand("why", "Show what became of a request, from the logs: all its lines");
    command->add_option("request", arguments->id, "Its X-Request-Id")->required();
    command->add_option("--log", arguments->logs, "File of log lines, .gz too; again for more")
        ->required();
    command->add_flag("--json", arguments->json, "Print JSON");
    command->footer(
        "Examples:\n"
        "  api-gateway why 1f0c9c52-6c3b-4c76-8a3e-0c1d5c0a7d11 --log gateway.log\n"
        "The last line says it in words: who decided (upstream, or the stage that refused, and "
        "why), "
        "and the trace.\n"
        "Status: 0 found, 1 not found, 2 misused.");
    command->callback([&chosen, arguments] {
        chosen = [arguments](Terminal& terminal) { return why(*arguments, terminal); };
    });
}

}  // namespace gw::cli
