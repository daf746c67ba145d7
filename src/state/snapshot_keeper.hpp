// Keeps a snapshot of an embedded store's lasting keys (bans, revocations, maintenance) in a file,
// so that they outlive the process. It is written soon after a change, at most once a second, in
// slices that do not hold up the loop, and for the last time at the end. A change that the
// machine's end follows within that second is lost.
//
// What keeps it from being written is told once, until it works again, and is tried again
// meanwhile; nothing else depends on it. Pinned; control thread's loop.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.hpp"
#include "net/scope.hpp"
#include "state/disk_sync.hpp"
#include "state/embedded_store.hpp"
#include "state/snapshot_file.hpp"
#include "state/snapshot_text.hpp"

namespace gw::state {

struct SnapshotListener {
    // It cannot be written, and was before, or at the first attempt. why: a literal.
    std::function<void(const char* why)> failed;
    std::function<void()> works_again;
    // What has changed here is not written, for a successor keeps the file: it knows nothing of it.
    // Once for each successor.
    std::function<void()> left_out;
};

struct SnapshotPace {
    Millis soon{50};  // after a change: several commands in a row become one file
    Millis every{1'000};
    Millis retry_every{5'000};
    std::size_t slice = 1'000;  // entries: half a millisecond of them
};

// What came of the file at the start.
struct SnapshotLoad {
    std::size_t entries = 0;  // in force, and now in the store
    std::size_t ended = 0;    // in the file, but over
    bool full = false;        // not all of them found room in the store
    bool kept = true;  // false: what stands there is no file; it is left alone, and nothing kept
    // Why the file was not used; "" if it was, or if there is none. What stands at `offset`
    // is the reason, unless the file could not even be read.
    const char* refused = "";
    std::size_t offset = 0;
    std::string moved_to;  // where the refused file is now; empty: it is where it was
};

class SnapshotKeeper {
  public:
    // The store outlives it. prefixes: of the keys that last.
    SnapshotKeeper(net::Loop& loop, EmbeddedStore& store, std::string path,
                   std::vector<std::string> prefixes, SnapshotListener listener,
                   SnapshotPace pace = {});
    SnapshotKeeper(const SnapshotKeeper&) = delete;
    SnapshotKeeper& operator=(const SnapshotKeeper&) = delete;
    ~SnapshotKeeper() = default;

    // Reads the file into the store, and begins to keep it. Once, before the loop turns; blocks. A
    // file that makes no sense is moved aside. One that is none (/dev/null) turns this off.
    SnapshotLoad load();

    // Writes at once what is not yet in the file; blocks. Before a successor reads it: once that
    // one has written the file, it is not written here any more.
    void flush();
    // The successor that flush() was for has ended, or has never come: the file is ours again. What
    // that one has left there is put into the store, unless it has that key; what it has taken away
    // stays in the store. Reads the file; blocks.
    void expect_nobody();
    // As flush(), and no more after it.
    net::Task<void> stop();

  private:
    [[nodiscard]] bool lasts(std::string_view key) const;
    SnapshotLoad refuse(const char* why, std::size_t offset, bool movable);
    // What is over already, and what does not last, is left out.
    void take_in(std::vector<KnownEntry> entries, SnapshotLoad& load);
    void changed(std::string_view key);
    void note_lifted(std::string_view key);
    void write_soon();
    net::Task<void> keep();
    net::Task<Result<void>> write();
    net::Task<Result<void>> write_slices(ReplacementFile& file);
    net::Task<Result<void>> place(ReplacementFile& file);
    Result<void> write_at_once();
    // The next part of the snapshot; 0 after the last.
    std::uint64_t write_slice(SnapshotWriter& writer, std::uint64_t cursor, std::size_t entries);
    [[nodiscard]] bool is_a_successors() const;
    void tell_left_out();
    void tell(const Result<void>& written);

    net::Loop& loop_;
    EmbeddedStore& store_;
    const std::string path_;
    const std::vector<std::string> prefixes_;
    SnapshotListener listener_;
    const SnapshotPace pace_;
    std::optional<FileIdentity> ours_;  // the file as this process has read or written it last
    bool changed_ = false;              // since what was written last was begun
    bool writing_ = false;
    bool overtaken_ = false;  // what is being written has been written at once meanwhile
    bool successor_expected_ = false;
    std::set<std::string, std::less<>> lifted_;  // since then
    bool left_out_told_ = false;
    bool failing_ = false;
    bool stopping_ = false;
    bool off_ = false;
    Instant due_ = kNever;
    Instant next_{};  // not before
    DiskSync disk_;
    net::Pause work_;
    net::Scope scope_;
};

}  // namespace gw::state
