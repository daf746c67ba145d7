// The form of one line of the audit record: writing and taking apart. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "security/audit_chain.hpp"

namespace gw::security {

// Lower-case hexadecimal; keyed where secret is not empty.
std::string audit_hash(std::string_view text, std::string_view secret);

// Appends the line for what follows `head`, with its line feed. time: RFC 3339.
std::string write_audit_line(std::string& out, const AuditEvent& event, std::string_view time,
                             const AuditHead& head, std::string_view secret);

struct AuditLine {
    std::uint64_t seq = 0;
    std::string_view event;
    std::string_view prev;
    std::string_view hash;
    std::string_view hashed;  // what the hash is of
};

// line: without its line feed. Nothing if it has not the form; the hash is not checked.
std::optional<AuditLine> read_audit_line(std::string_view line);

}  // namespace gw::security
