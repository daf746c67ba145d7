// What an operator does to a running gateway: `status`, `revoke`, `disable`, `maintenance`,
// `breaker`, `log-level`, `limits`, `knobs`, `contain`. Each asks the admin API, which records the
// change.
#pragma once

#include <boost/json/object.hpp>

#include "cli/audit_command.hpp"

namespace gw::cli {

void add_operate_commands(CLI::App& app, Chosen& chosen);
void add_contain_command(CLI::App& app, Chosen& chosen);
// `limits` and `knobs`.
void add_limits_command(CLI::App& app, Chosen& chosen);

void add_explain_command(CLI::App& app, Chosen& chosen);
void add_top_command(CLI::App& app, Chosen& chosen);

// A setting that was changed for a time, as GET /knobs tells it.
std::string knob_line(const boost::json::object& knob);

// The end of every such command's help.
inline constexpr const char* kOperateStatuses =
    "The token is ADMIN_TOKEN, or what ADMIN_TOKEN_FILE names.\n"
    "Status: 0 done, 1 refused or done in part, 2 misused, 3 nobody answers.";

}  // namespace gw::cli
