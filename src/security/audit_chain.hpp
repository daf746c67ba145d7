// The audit record: one JSON object a line, each carrying the hash of the line before it, so that
// nothing in the file can be changed, left out, added or moved without being seen.
//
//   {"seq":7,"time":"…","event":"…","requester":"…","tenant":"…","address":"…","resource":"…",
//    "decision":"…","detail":"…","prev":"<64 hex>","hash":"<64 hex>"}
//
// hash: SHA-256 (FIPS 180-4), or HMAC-SHA-256 (RFC 2104) where a secret is configured, of the
// line's bytes before `,"hash":`. Without a secret somebody who can write the file can make a new
// chain; with one only who knows the secret can. The first line's prev is 64 zeros.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "observe/timestamp.hpp"
#include "security/audit_options.hpp"

namespace gw::security {

// What is recorded. Each text is cut at 1024 bytes.
struct AuditEvent {
    std::string_view event{};      // "ban", "cross_tenant", …
    std::string_view requester{};  // user or operator
    std::string_view tenant{};
    std::string_view address{};
    std::string_view resource{};
    std::string_view decision{};  // "blocked", "allowed", "done", …
    std::string_view detail{};
};

// Where a chain stands: what the next record follows.
struct AuditHead {
    std::uint64_t seq = 0;  // of the last record; 0: none
    std::string hash = std::string(64, '0');
};

// Owned by one thread. Appending costs two hashes' time and one write, and waits for up to 20 ms
// for another process that writes; where that may not be, give it a thread that may wait. Several
// processes may write to a file, as they do while one takes over from another: their records make
// one chain.
class AuditChain {
  public:
    explicit AuditChain(AuditOptions options);
    AuditChain(const AuditChain&) = delete;
    AuditChain& operator=(const AuditChain&) = delete;
    ~AuditChain();

    // Opens the file (O_APPEND, mode 0600), makes it if need be, and goes on from its last line. A
    // last line without an end is left where it is, and a record "audit_torn" says so and goes on
    // from the line before it. A last line that is no record: "audit_restarted". A record that our
    // secret does not verify, nor any before it: another secret wrote the file. It is put away as
    // <path>.<epoch seconds>, where that secret goes on verifying it, and a new one begins with
    // "audit_restarted".
    Result<void> open(WallTime now);
    // Where open() has put the file of another secret; empty: nowhere.
    [[nodiscard]] const std::string& put_away() const { return put_away_; }
    // False: not written, and counted; EWOULDBLOCK: another process holds the file. What was
    // written in part is ended by a line feed and marked by a record "audit_torn" before the next;
    // the chain goes on from the last whole record. A file that somebody has deleted under us is
    // made anew, as after a rotation.
    bool append(const AuditEvent& event, WallTime now);
    // After rotation: opens the path anew. In a new file the chain goes on from the last record, by
    // a record "audit_continued".
    Result<void> reopen(WallTime now);

    [[nodiscard]] const AuditHead& head() const { return head_; }
    [[nodiscard]] std::uint64_t failures() const { return failures_; }
    // How often the file was deleted while it was written.
    [[nodiscard]] std::uint64_t deletions() const { return deletions_; }
    // errno of the last failure, or 0 since the last success.
    [[nodiscard]] int last_error() const { return last_error_; }
    [[nodiscard]] bool is_open() const { return fd_ >= 0; }

  private:
    struct Tail;
    Result<void> open_file();
    Result<Tail> read_tail() const;
    Result<void> catch_up();
    bool put(const AuditEvent& event, WallTime now);
    bool write(std::string_view line);
    void sync();
    void make_room(WallTime now);
    [[nodiscard]] bool moved_away() const;
    [[nodiscard]] bool is_deleted() const;
    bool put_file_away(WallTime now);
    bool mark(std::string_view event, std::string_view detail, WallTime now);
    void close();

    AuditOptions options_;
    int fd_ = -1;
    std::uint64_t size_ = 0;  // of the file, behind what we have read or written last
    bool open_line_ = false;  // it does not end with a line feed
    bool torn_ = false;       // it ends with pieces of records that no record tells of
    AuditHead head_;
    std::uint64_t failures_ = 0;
    std::uint64_t deletions_ = 0;
    int last_error_ = 0;
    observe::Timestamp timestamp_;
    std::string line_;
    std::string put_away_;
};

struct AuditReport {
    enum class Finding : std::uint8_t {
        whole,
        unreadable,  // no file, or no permission
        malformed,   // a line that is no record
        changed,     // a record's bytes do not give its hash, or follow another than expected
        missing,     // a record is not there, or one was added: prev or seq do not follow
        reordered,   // a record that belongs elsewhere in this file
        truncated,   // fewer records than expected
        torn,        // the last line has no end; nothing else is wrong
        empty,       // nothing is wrong, and nothing is proven
    };
    Finding finding = Finding::whole;
    std::uint64_t line = 0;        // the first broken one, from 1; 0: none
    std::uint64_t records = 0;     // good ones before it
    std::uint64_t torn_lines = 0;  // left by a crash or a full disk and marked in the chain
    AuditHead head;                // the last good record
    const char* why = "";          // a literal
};

std::string_view finding_name(AuditReport::Finding finding);

// expected: where the chain must stand at least, as recorded elsewhere. A file that begins within a
// chain (after rotation) is verified from its first record on; with `expected` its first record
// must be that one, one before it, or the very next, which carries its hash.
AuditReport verify_audit(const std::string& path, std::string_view secret,
                         const std::optional<AuditHead>& expected = std::nullopt);

}  // namespace gw::security
