// Attacks in a decoded value: SQL and command injection, script in markup, leaving a directory.
//
// A net under services that should bind their parameters, not a replacement for that. It prefers
// silence: what people write in names, titles and prose passes, also where it holds quotes, dashes
// and words of SQL. Values are looked at as given and with one more level of escapes undone,
// because attackers encode twice. Pure; linear in the size of the value; allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gw::security {

enum class InjectionKind : std::uint8_t { sql, script, path, command };

struct Injection {
    InjectionKind kind = InjectionKind::sql;
    const char* rule = "";  // a literal: for logs and counts, never for clients
};

// "sql", "script", "path", "command".
std::string_view kind_name(InjectionKind kind);

// decoded: one value after exactly one decoding, any bytes, any size. The first rule that matches.
// Is it made of letters, digits, '-', '_', '~' and '/' only? There is nothing to be found in such.
bool is_plain_path(std::string_view path);

std::optional<Injection> find_injection(std::string_view decoded);

}  // namespace gw::security
