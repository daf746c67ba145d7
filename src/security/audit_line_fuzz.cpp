// Any bytes as the texts of a record: its line is read again, follows its head and is one line; as
// a line: reading ends.
#include <algorithm>
#include <cstdint>

#include "base/ensure.hpp"
#include "security/audit_line.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace gw::security;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::string out;
    AuditHead head;
    head.seq = size;
    const std::string hash =
        write_audit_line(out, {.event = text, .detail = text}, "2026", head, "");
    gw::ensure(std::ranges::count(out, '\n') == 1 && out.ends_with('\n'), "one line");
    const auto line = read_audit_line(std::string_view(out).substr(0, out.size() - 1));
    gw::ensure(line && line->seq == size + 1 && line->hash == hash && line->prev == head.hash,
               "it is read again");
    gw::ensure(audit_hash(line->hashed, "") == hash, "it gives its hash");
    read_audit_line(text);
    return 0;
}
