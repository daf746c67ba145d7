#include <fstream>
#include <optional>
#include <utility>

#include "security/audit_chain.hpp"
#include "security/audit_line.hpp"

namespace gw::security {
namespace {

using Finding = AuditReport::Finding;

// Does the record with this hash stand anywhere else in the file?
bool stands_elsewhere(const std::string& path, std::string_view hash, std::string_view secret) {
    std::ifstream file(path, std::ios::binary);
    for (std::string text; std::getline(file, text);) {
        const auto line = read_audit_line(text);
        if (line && line->hash == hash && audit_hash(line->hashed, secret) == line->hash) {
            return true;
        }
    }
    return false;
}

// What a file that begins behind the record expected says of it. Only the record that follows it
// has its hash. Nothing: they join.
struct Unjoined {
    Finding finding;
    const char* why;
};
std::optional<Unjoined> join(const AuditLine& first, const AuditHead& expected) {
    if (expected.seq == 0 || first.seq <= expected.seq) {
        return std::nullopt;
    }
    if (first.seq - 1 != expected.seq) {
        return Unjoined{Finding::missing,
                        "the records from the one expected to this one are in another file: verify "
                        "that with this --at-least, and this with the head that it has"};
    }
    if (first.prev != expected.hash) {
        return Unjoined{Finding::changed, "the first record follows another than the one expected"};
    }
    return std::nullopt;
}

AuditReport verify_lines(std::ifstream& file, const std::string& path, std::string_view secret,
                         const std::optional<AuditHead>& expected) {
    AuditReport report;
    const auto broken = [&](Finding finding, std::uint64_t line, const char* why) {
        report.finding = finding;
        report.line = line;
        report.why = why;
        return report;
    };
    std::uint64_t number = 0;
    // Lines that are no records are good only if "audit_torn" follows them. A disk that is full
    // leaves several.
    std::uint64_t torn_at = 0;
    std::uint64_t pieces = 0;
    std::string text;
    bool met_expected = !expected || expected->seq == 0;
    while (std::getline(file, text)) {
        ++number;
        const auto line = read_audit_line(text);
        if (!line) {
            torn_at = torn_at == 0 ? number : torn_at;
            ++pieces;
            continue;
        }
        if (audit_hash(line->hashed, secret) != line->hash) {
            return broken(Finding::changed, number, "a record does not give its hash");
        }
        if (report.records > 0 &&
            (line->prev != report.head.hash || line->seq != report.head.seq + 1)) {
            const bool moved =
                line->seq <= report.head.seq || stands_elsewhere(path, line->prev, secret);
            return broken(moved ? Finding::reordered : Finding::missing, number,
                          moved ? "a record stands at another place than it was written at"
                                : "the record before this one is not there");
        }
        if (report.records == 0 && line->seq == 1 && line->prev != AuditHead{}.hash) {
            return broken(Finding::changed, number, "the first record follows something");
        }
        if (report.records == 0 && line->seq != 1 && line->event != "audit_continued") {
            return broken(Finding::missing, number, "the beginning of the record is not there");
        }
        const auto unjoined =
            report.records == 0 && expected ? join(*line, *expected) : std::nullopt;
        if (unjoined) {
            return broken(unjoined->finding, number, unjoined->why);
        }
        if (torn_at != 0) {
            if (line->event != "audit_torn") {
                return broken(Finding::malformed, torn_at, "a line is no record");
            }
            torn_at = 0;
            report.torn_lines += std::exchange(pieces, 0);
        }
        ++report.records;
        report.head = {line->seq, std::string(line->hash)};
        if (expected && line->seq == expected->seq) {
            if (line->hash != expected->hash) {
                return broken(Finding::changed, number, "another record than the one expected");
            }
            met_expected = true;
        }
    }
    if (!met_expected && report.head.seq < expected->seq) {
        return broken(Finding::truncated, number + 1, "the file ends before the record expected");
    }
    if (torn_at != 0) {
        return broken(Finding::torn, torn_at, "the last line has no end");
    }
    return report;
}

}  // namespace

std::string_view finding_name(Finding finding) {
    switch (finding) {
        case Finding::whole:
            return "whole";
        case Finding::unreadable:
            return "unreadable";
        case Finding::malformed:
            return "malformed";
        case Finding::changed:
            return "changed";
        case Finding::missing:
            return "missing";
        case Finding::reordered:
            return "reordered";
        case Finding::truncated:
            return "truncated";
        case Finding::torn:
            return "torn";
        case Finding::empty:
            return "empty";
    }
    return "";
}

AuditReport verify_audit(const std::string& path, std::string_view secret,
                         const std::optional<AuditHead>& expected) {
    std::ifstream file(path, std::ios::binary);
    AuditReport report;
    if (file) {
        report = verify_lines(file, path, secret, expected);
    }
    // A folder opens, and cannot be read.
    if (!file.is_open() || file.bad()) {
        report.finding = Finding::unreadable;
        report.why = "it cannot be read; is it a file?";
    } else if (report.finding == Finding::whole && report.records == 0) {
        report.finding = Finding::empty;
        report.why = "there is no record in it";
    }
    return report;
}

}  // namespace gw::security
