// `api-gateway evidence`: was data accessed? `evidence verify`: is a bundle whole? `why`: what
// became of one request? All of them read files, and ask no gateway.
#pragma once

#include "base/clock.hpp"
#include "cli/audit_command.hpp"

namespace gw::cli {

// Statuses of `evidence` besides those of all commands; kDone: no data was accessed.
inline constexpr int kAccessed = 4;
inline constexpr int kNotKnown = 5;

void add_evidence_command(CLI::App& app, Chosen& chosen);
void add_why_command(CLI::App& app, Chosen& chosen);

// "24h" before now, "2026-11-23" or "2026-11-23T07:00:00Z", as log lines write it. Empty: it is
// none of them.
std::string moment_text(std::string_view text, WallTime now);

}  // namespace gw::cli
