#include "cli/admin_client.hpp"

#include <pwd.h>
#include <unistd.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/text.hpp"
#include "cli/ban_ledger.hpp"
#include "cli/own_section.hpp"
#include "control/admin_api.hpp"
#include "http/h1_parser.hpp"

namespace gw::cli {
namespace {

constexpr std::size_t kAnswerMax = 16UL * 1024 * 1024;  // a list of 1,000 bans is 300 KiB
constexpr Millis kWithin{5'000};

// A gateway that listens everywhere is asked where we are.
std::string asked_host(const std::string& host) {
    return host == "0.0.0.0" || host == "::" ? "127.0.0.1" : host;
}

// As a field `Host` has it.
std::string authority_of(const std::string& host) {
    return host.contains(':') ? "[" + host + "]" : host;
}

bool is_of_gateway(const http::ResponseHead& head) {
    return std::ranges::any_of(head.headers, [](const http::Field& field) {
        return equal_ignore_case(field.name, control::AdminApi::kMark);
    });
}

}  // namespace

void add_admin_options(CLI::App& command, AdminArguments& arguments) {
    command.add_option("--config", arguments.config, "Configuration file");
    command.add_option("--admin-host", arguments.host,
                       "Host of the operators' port, an address or a name (default: ADMIN_HOST)");
    command.add_option("--admin-port", arguments.port, "Operators' port (default: ADMIN_PORT)");
    command.add_flag("--json", arguments.json, "Print JSON");
}

void add_elsewhere_options(CLI::App& command, AdminArguments& arguments) {
    command.add_option("--admin-host", arguments.host,
                       "Ask the admin API at this host instead, with ADMIN_TOKEN");
    command.add_option("--admin-port", arguments.port,
                       "The same by its port (default: ADMIN_PORT)");
    command.add_flag("--json", arguments.json, "Print JSON");
}

std::expected<AdminClient, int> AdminClient::make(const AdminArguments& arguments,
                                                  Terminal& terminal) {
    auto read = OwnSection(arguments.config, terminal).read<net::AdminOptions>("admin");
    if (!read) {
        return std::unexpected(kFailed);
    }
    net::AdminOptions options = *std::move(read);
    options.host = arguments.host.empty() ? options.host : arguments.host;
    options.port = arguments.port == 0 ? options.port : arguments.port;
    if (options.token.empty()) {
        options.token = options.viewer_token;
    }
    if (options.token.empty()) {
        terminal.err << "the token of the admin API is ADMIN_TOKEN, or what ADMIN_TOKEN_FILE names "
                        "(to look only: ADMIN_VIEWER_TOKEN)\n";
        return std::unexpected(kMisused);
    }
    const auto found = net::find_host(asked_host(options.host), options.port, kWithin);
    if (!found) {
        terminal.err << "there is no host " << config::quote(options.host) << ": " << found.error()
                     << '\n';
        return std::unexpected(kUnreachable);
    }
    return AdminClient(std::move(options), *found);
}

std::expected<boost::json::value, int> AdminClient::ask(std::string_view method,
                                                        const std::string& target,
                                                        const boost::json::value& body,
                                                        Terminal& terminal) {
    const std::string text = body.is_null() ? "" : boost::json::serialize(body);
    const std::string request =
        std::string(method) + " /admin/v1" + target +
        " HTTP/1.1\r\nHost: " + authority_of(options_.host) + "\r\nAuthorization: Bearer " +
        options_.token + "\r\nConnection: close\r\nContent-Length: " + std::to_string(text.size()) +
        "\r\n\r\n" + text;
    const auto answer = net::ask_and_wait(address_, request, kWithin, kAnswerMax);
    if (!answer) {
        terminal.err << options_.host << ':' << options_.port
                     << " does not answer: " << answer.error()
                     << "\nIs the gateway running, and ADMIN_PORT its port?\n";
        return std::unexpected(kUnreachable);
    }
    http::ResponseHead head;
    const http::H1Parse parsed = http::parse_response(*answer, {}, http::Method::get, head);
    boost::system::error_code error;
    const boost::json::value found =
        parsed.state == http::H1Parse::State::complete
            ? boost::json::parse(std::string_view(*answer).substr(parsed.consumed), error)
            : boost::json::value();
    if (parsed.state == http::H1Parse::State::complete && !is_of_gateway(head)) {
        terminal.err << options_.host << ':' << options_.port
                     << " is no admin API of a gateway: its answer has no "
                     << control::AdminApi::kMark
                     << "\nIs this ADMIN_PORT? A gateway that is older than this command has none "
                        "either: use the command of its own version.\n";
        return std::unexpected(kUnreachable);
    }
    if (error || !found.is_object()) {
        terminal.err << options_.host << ':' << options_.port << " is no admin API of a gateway\n";
        return std::unexpected(kUnreachable);
    }
    if (head.status >= 300) {
        const auto* detail = found.as_object().if_contains("detail");
        terminal.err << "the gateway refuses (" << head.status << "): "
                     << (detail != nullptr && detail->is_string()
                             ? harmless(std::string(detail->as_string()))
                             : "without a reason")
                     << '\n';
        return std::unexpected(kFailed);
    }
    return found;
}

std::expected<net::Conversation, int> AdminClient::listen(const std::string& target,
                                                          Terminal& terminal) {
    // HTTP/1.0: the answer comes as it is, without chunks.
    auto begun = net::Conversation::begin(
        address_,
        "GET /admin/v1" + target + " HTTP/1.0\r\nHost: " + authority_of(options_.host) +
            "\r\nAuthorization: Bearer " + options_.token + "\r\n\r\n",
        kWithin);
    if (!begun) {
        terminal.err << options_.host << ':' << options_.port
                     << " does not answer: " << begun.error()
                     << "\nIs the gateway running, and ADMIN_PORT its port?\n";
        return std::unexpected(kUnreachable);
    }
    return *std::move(begun);
}

int AdminClient::turned_away(const std::string& answer, Terminal& terminal) const {
    http::ResponseHead head;
    const http::H1Parse parsed = http::parse_response(answer, {}, http::Method::get, head);
    if (parsed.state != http::H1Parse::State::complete || head.status < 400) {
        terminal.err << options_.host << ':' << options_.port << " is no admin API of a gateway\n";
        return kUnreachable;
    }
    terminal.err << "the gateway refuses (" << head.status << ")\n";
    return kFailed;
}

std::string path_segment(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c) && c != '.') {
            out += c;
        } else if (c == '.' && text != "." && text != "..") {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
        }
    }
    return out;
}

std::string caller(const Terminal& terminal) {
    std::string user = std::to_string(::geteuid());
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    // In a container the user may have no name.
    if (::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 &&
        found != nullptr) {
        user = found->pw_name;
    }
    if (const std::string* sudo = terminal.environment.find("SUDO_USER")) {
        user = *sudo;
    }
    std::array<char, 256> host{};
    const bool named = ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0';
    return user + "@" + (named ? host.data() : "localhost");
}

}  // namespace gw::cli
