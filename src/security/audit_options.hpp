// What an operator may set about the audit record.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "config/field.hpp"

namespace gw::security {

enum class AuditSync : std::uint8_t {
    none,   // the system writes when it likes; a power failure may cost seconds
    every,  // each record is on the disk before append() returns
};
constexpr std::array<std::pair<std::string_view, AuditSync>, 2> names_of(AuditSync) {
    return {{{"none", AuditSync::none}, {"every", AuditSync::every}}};
}

struct AuditOptions {
    std::string path{};
    std::string secret{};  // empty: plain SHA-256
    AuditSync sync = AuditSync::none;
    std::uint64_t bytes_max = 0;  // of the file, then it becomes <path>.1; 0: no bound
    std::uint64_t stream_length = 100'000;

    bool operator==(const AuditOptions&) const = default;
};

template <class Visitor>
void fields(Visitor& field, AuditOptions& o) {
    using namespace config;
    field("path", o.path, Env{"AUDIT_PATH"}, OwnOfEach{},
          "file to which security events are appended as a chain of hashes (`api-gateway audit "
          "verify`); empty: none. SIGHUP opens it anew, for rotation");
    field("secret", o.secret, Env{"AUDIT_SECRET"}, Secret{},
          "hashes are HMACs under it, so that whoever can write the file cannot make a new chain");
    field("sync", o.sync, "`every`: each record is on the disk before the next");
    field(
        "bytes_max", o.bytes_max, Env{"AUDIT_BYTES_MAX"}, Range{0, 1'099'511'627'776},
        "a file of this size becomes `<path>.1` in place of the one before, and the chain goes on "
        "in a new one; 0: the file grows, and whoever rotates it sends SIGHUP");
    field("stream_length", o.stream_length, Range{0, 100'000'000},
          "with Redis: events also go to the stream `audit:events`, of about this length; 0: not");
}

}  // namespace gw::security
