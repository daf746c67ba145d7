// The stack that a drill is played against: its public port, its port for operators, its log, and
// the commands that stop and start what stands beside it. For commands of a terminal: it blocks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/admin_client.hpp"
#include "cli/drill.hpp"
#include "net/stream.hpp"

namespace gw::cli {

struct DrillArguments {
    AdminArguments admin;
    std::string host;  // empty: as configured
    std::uint16_t port = 0;
    std::string log;          // file of the gateway's log; empty: lines are not looked for
    std::string prometheus;   // address:port; empty: alerts are not looked for
    std::string config_file;  // that the gateway reads; empty: drills that change it are refused
    std::string service = "ticket-service";
    std::string path = "/api/v1/tickets/types";  // a route to that service, with fault switches
    std::string other_path = "/api/v1/events";   // a route to another one
    std::string user = "alice@alpha.example";
    std::string password = "demo-password";
    std::string other_tenant = "6b0f6a6e-2d0f-4c1a-9d7e-0a1f5f0a0002";
    std::string stop_redis;
    std::string start_redis;
    std::string stop_region;
    std::string start_region;
    std::uint16_t other_port = 0;  // of the gateway of the other region
    std::uint16_t other_admin_port = 0;
    Millis patience = Millis::max();  // a step that takes longer has failed, whatever it may take
};

struct DrillAnswer {
    int status = 0;  // 0: nobody answers
    std::string head;
    std::string body;
    Millis took{0};

    [[nodiscard]] bool has(std::string_view text) const;  // in its body
};

struct DrillRequest {
    std::string_view method = "GET";
    std::string path = {};
    std::string address = {};  // X-Forwarded-For: who asks
    std::string token = {};
    std::string body = {};  // JSON
};

class DrillStack {
  public:
    // Or the status to end with, after saying why.
    static std::expected<DrillStack, int> make(const DrillArguments& arguments, Terminal& terminal);

    [[nodiscard]] const DrillArguments& arguments() const { return arguments_; }

    [[nodiscard]] DrillAnswer ask(const DrillRequest& request) const;
    // The same of the other region's gateway.
    [[nodiscard]] DrillAnswer ask_other(const DrillRequest& request) const;
    // The sum of the series of that name which have all of these labels, written as they are
    // exported: status="x". Minus one if nobody answers.
    [[nodiscard]] double metric(std::string_view name,
                                const std::vector<std::string>& labels = {}) const;
    [[nodiscard]] double metric_of_other(std::string_view name,
                                         const std::vector<std::string>& labels = {}) const;
    // Is there a line with all of these since mark_log()?
    [[nodiscard]] bool logged(const std::vector<std::string>& texts) const;
    void mark_log();
    // Does Prometheus say that this alert fires?
    [[nodiscard]] bool fires(std::string_view alert) const;
    // Of the admin API.
    [[nodiscard]] std::expected<boost::json::value, int> operate(std::string_view method,
                                                                 const std::string& target,
                                                                 const boost::json::value& body);
    // Of the other region's.
    [[nodiscard]] std::expected<boost::json::value, int> operate_other(
        std::string_view method, const std::string& target, const boost::json::value& body);
    // A token of a user of the stack; empty, and `flaw` says why, if there is none.
    [[nodiscard]] std::string sign_in(const std::string& address, std::string& flaw);
    // Of a token, as far as they can be read.
    struct Claims {
        std::string sub;
        std::string jti;
    };
    [[nodiscard]] static Claims claims(std::string_view token);
    // By sh; false if its status is not 0.
    [[nodiscard]] static bool run(const std::string& command);

    // Waits that long, or until somebody ends the drill by SIGINT or SIGTERM; then it is false, and
    // stays so.
    [[nodiscard]] bool pause(Millis time);
    [[nodiscard]] bool interrupted() const { return interrupted_; }

  private:
    DrillStack(const DrillArguments& arguments, AdminClient admin, net::Address clients,
               Terminal& terminal)
        : arguments_(arguments), admin_(std::move(admin)), clients_(clients), terminal_(terminal) {}

    DrillArguments arguments_;
    AdminClient admin_;
    net::Address clients_;
    Terminal& terminal_;
    std::size_t log_mark_ = 0;
    int sign_ins_ = 0;
    bool interrupted_ = false;
};

// SIGINT and SIGTERM are kept back while it lives, so that a drill that is ended cleans up.
class KeptSignals {
  public:
    KeptSignals();
    ~KeptSignals();
    KeptSignals(const KeptSignals&) = delete;
    KeptSignals& operator=(const KeptSignals&) = delete;
};

}  // namespace gw::cli
