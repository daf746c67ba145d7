// Asks the admin API of a gateway, a question at a time, and waits. For commands only.
#pragma once

#include <CLI/App.hpp>
#include <boost/json/value.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "cli/commands.hpp"
#include "net/ask.hpp"
#include "net/listen_options.hpp"
#include "net/stream.hpp"

namespace gw::cli {

// Which gateway, and how it is spoken to. All commands that ask it have these.
struct AdminArguments {
    std::string config;
    std::string host;        // empty: as configured
    std::uint16_t port = 0;  // 0: as configured
    bool json = false;
};

void add_admin_options(CLI::App& command, AdminArguments& arguments);

// For commands that ask the state's port as a rule, and the admin API of a gateway elsewhere where
// one of these is said.
void add_elsewhere_options(CLI::App& command, AdminArguments& arguments);
[[nodiscard]] inline bool is_elsewhere(const AdminArguments& arguments) {
    return !arguments.host.empty() || arguments.port != 0;
}

class AdminClient {
  public:
    // Or the status to end with, after saying why: the section `admin` has mistakes, there is no
    // token, or no such host.
    static std::expected<AdminClient, int> make(const AdminArguments& arguments,
                                                Terminal& terminal);

    // target: below /admin/v1. body: null for none. The answer's JSON, or the status to end with,
    // after saying why: nobody answers, who does is no gateway, or the gateway refuses.
    std::expected<boost::json::value, int> ask(std::string_view method, const std::string& target,
                                               const boost::json::value& body, Terminal& terminal);

    // A GET whose answer goes on, or the status to end with, after saying why.
    std::expected<net::Conversation, int> listen(const std::string& target, Terminal& terminal);
    // What is said when an answer of it is no good, by its head.
    int turned_away(const std::string& answer, Terminal& terminal) const;
    // Of the operators' port.
    [[nodiscard]] const net::Address& address() const { return address_; }

  private:
    AdminClient(net::AdminOptions options, const net::Address& address)
        : options_(std::move(options)), address_(address) {}

    net::AdminOptions options_;
    net::Address address_;
};

// What a path's segment may hold as it is stays, the rest is escaped (RFC 3986, 2.1).
std::string path_segment(std::string_view text);

// user@host, as far as it is known: who works at this terminal.
std::string caller(const Terminal& terminal);

}  // namespace gw::cli
