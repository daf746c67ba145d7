#include "state/snapshot_keeper.hpp"

#include <unistd.h>

#include <algorithm>
#include <coroutine>
#include <cstdio>
#include <utility>

namespace gw::state {
namespace {

constexpr Millis kDiskWithin{30'000};
constexpr std::size_t kSliceAtOnce = 100'000;
constexpr std::size_t kBytesMax = 2 * EmbeddedStore::kBytesMax;

// Resumes in the loop's next turn, after everything that is ready has had its own.
struct NextTurn {
    net::Loop& loop;
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) const {
        loop.post([handle] { handle.resume(); });
    }
    static void await_resume() noexcept {}
};

}  // namespace

SnapshotKeeper::SnapshotKeeper(net::Loop& loop, EmbeddedStore& store, std::string path,
                               std::vector<std::string> prefixes, SnapshotListener listener,
                               SnapshotPace pace)
    : loop_(loop),
      store_(store),
      path_(std::move(path)),
      prefixes_(std::move(prefixes)),
      listener_(std::move(listener)),
      pace_(pace),
      disk_(loop),
      work_(loop) {}

bool SnapshotKeeper::lasts(std::string_view key) const {
    return std::ranges::any_of(
        prefixes_, [key](const std::string& prefix) { return key.starts_with(prefix); });
}

SnapshotLoad SnapshotKeeper::load() {
    SnapshotLoad load;
    auto file = load_file(path_, kBytesMax);
    if (!file) {
        off_ = file.error().code == Errc::refused;
        load = refuse(file.error().detail, 0, !off_);
    } else if (*file) {
        ours_ = (*file)->identity;
        auto entries = read_snapshot((*file)->text);
        if (!entries) {
            load = refuse(entries.error().what, entries.error().offset, true);
        } else {
            take_in(std::move(*entries), load);
        }
    }
    if (!off_) {
        store_.on_change([this](std::string_view key) { changed(key); });
        scope_.spawn(keep());
    }
    return load;
}

void SnapshotKeeper::take_in(std::vector<KnownEntry> entries, SnapshotLoad& load) {
    for (KnownEntry& entry : entries) {
        if (entry.expires && *entry.expires <= store_.now()) {
            ++load.ended;
        } else if (lasts(entry.key)) {
            const bool kept = store_.put(entry.key, {std::move(entry.value), entry.expires});
            load.entries += kept ? 1 : 0;
            load.full = load.full || !kept;
        }
    }
}

SnapshotLoad SnapshotKeeper::refuse(const char* why, std::size_t offset, bool movable) {
    SnapshotLoad load;
    load.refused = why;
    load.offset = offset;
    load.kept = !off_;
    const std::string aside = path_ + ".bad";
    if (movable && std::rename(path_.c_str(), aside.c_str()) == 0) {
        load.moved_to = aside;
        ours_.reset();
    }
    return load;
}

void SnapshotKeeper::changed(std::string_view key) {
    if (successor_expected_ && lasts(key)) {
        note_lifted(key);
    }
    if (!changed_ && lasts(key)) {
        write_soon();
    }
}

// What goes while a successor may have the file does not come back from there.
void SnapshotKeeper::note_lifted(std::string_view key) {
    if (store_.find(key) == nullptr) {
        lifted_.emplace(key);
    } else if (const auto at = lifted_.find(key); at != lifted_.end()) {
        lifted_.erase(at);
    }
}

void SnapshotKeeper::write_soon() {
    changed_ = true;
    due_ = std::max(loop_.now() + pace_.soon, next_);
    work_.wake();
}

net::Task<void> SnapshotKeeper::keep() {
    while (!stopping_) {
        if (!changed_ || loop_.now() < due_) {
            co_await work_.until(changed_ ? due_ : kNever);
            continue;
        }
        changed_ = false;
        const Instant began = loop_.now();
        const Result<void> written = co_await write();
        if (stopping_) {
            changed_ = changed_ || !written;
            break;
        }
        tell(written);
        next_ = written ? began + pace_.every : loop_.now() + pace_.retry_every;
        changed_ = changed_ || !written;
        due_ = next_;
    }
}

net::Task<Result<void>> SnapshotKeeper::write() {
    auto file = ReplacementFile::create(path_);
    if (!file) {
        co_return std::unexpected(file.error());
    }
    writing_ = true;
    overtaken_ = false;
    Result<void> done = co_await write_slices(*file);
    if (done) {
        done = co_await place(*file);
    }
    writing_ = false;
    co_return done;
}

net::Task<Result<void>> SnapshotKeeper::write_slices(ReplacementFile& file) {
    SnapshotWriter writer;
    std::uint64_t cursor = 0;
    do {
        cursor = write_slice(writer, cursor, pace_.slice);
        const Result<void> written = file.append(writer.take());
        if (!written) {
            co_return written;
        }
        co_await NextTurn{loop_};
        if (stopping_) {
            co_return fail(Errc::cancelled, Fault::self, "the gateway is stopping");
        }
    } while (cursor != 0);
    co_return Result<void>{};
}

net::Task<Result<void>> SnapshotKeeper::place(ReplacementFile& file) {
    Result<void> done = co_await disk_.sync(file.fd(), loop_.now() + kDiskWithin);
    if (!done) {
        co_return done;
    }
    if (overtaken_) {
        co_return Result<void>{};
    }
    if (is_a_successors()) {
        tell_left_out();
        co_return Result<void>{};
    }
    left_out_told_ = false;
    const auto placed = file.put_in_place();
    if (!placed) {
        co_return std::unexpected(placed.error());
    }
    ours_ = *placed;
    if (const net::Fd folder = open_folder_of(path_); folder.valid()) {
        done = co_await disk_.sync(folder.get(), loop_.now() + kDiskWithin);
    }
    co_return done;
}

std::uint64_t SnapshotKeeper::write_slice(SnapshotWriter& writer, std::uint64_t cursor,
                                          std::size_t entries) {
    const std::uint64_t next = store_.visit_from(
        cursor, entries, [&](const std::string& key, const EmbeddedStore::Value& value) {
            if (lasts(key)) {
                writer.add(key, value.text, value.expires);
            }
        });
    if (next == 0) {
        writer.end();
    }
    return next;
}

Result<void> SnapshotKeeper::write_at_once() {
    auto file = ReplacementFile::create(path_);
    if (!file) {
        return std::unexpected(file.error());
    }
    SnapshotWriter writer;
    std::uint64_t cursor = 0;
    do {
        cursor = write_slice(writer, cursor, kSliceAtOnce);
        if (auto written = file->append(writer.take()); !written) {
            return written;
        }
    } while (cursor != 0);
    if (::fsync(file->fd()) != 0) {
        return fail(Errc::system, Fault::self, "the disk did not take it");
    }
    const auto placed = file->put_in_place();
    if (!placed) {
        return std::unexpected(placed.error());
    }
    ours_ = *placed;
    const net::Fd folder = open_folder_of(path_);
    if (folder.valid() && ::fsync(folder.get()) != 0) {
        return fail(Errc::system, Fault::self, "the disk did not take it");
    }
    return {};
}

// A successor knows what this one knew, and more. Without one to be expected the file is ours,
// whoever has touched it.
bool SnapshotKeeper::is_a_successors() const {
    const auto there = successor_expected_ ? file_at(path_) : std::nullopt;
    return there && there != ours_;
}

void SnapshotKeeper::flush() {
    const bool theirs = is_a_successors();
    successor_expected_ = true;
    if (off_ || !(changed_ || writing_)) {
        return;
    }
    if (theirs) {
        tell_left_out();
        return;
    }
    changed_ = false;
    overtaken_ = writing_;
    const Result<void> written = write_at_once();
    changed_ = !written;
    next_ = loop_.now() + (written ? pace_.every : pace_.retry_every);
    due_ = next_;
    tell(written);
}

void SnapshotKeeper::expect_nobody() {
    const bool theirs = is_a_successors();
    successor_expected_ = false;
    const std::set<std::string, std::less<>> lifted = std::exchange(lifted_, {});
    if (off_ || !theirs) {
        return;
    }
    if (auto file = load_file(path_, kBytesMax); file && *file) {
        if (auto entries = read_snapshot((*file)->text)) {
            std::erase_if(*entries, [this, &lifted](const KnownEntry& entry) {
                return store_.find(entry.key) != nullptr || lifted.contains(entry.key);
            });
            SnapshotLoad load;
            take_in(std::move(*entries), load);
        }
    }
    // Also what could not be written while the file was that one's.
    if (!changed_) {
        write_soon();
    }
}

net::Task<void> SnapshotKeeper::stop() {
    stopping_ = true;
    disk_.cancel();
    work_.wake();
    co_await scope_.all_done();
    successor_expected_ = true;
    flush();
    store_.on_change({});
}

void SnapshotKeeper::tell_left_out() {
    if (!std::exchange(left_out_told_, true)) {
        listener_.left_out();
    }
}

void SnapshotKeeper::tell(const Result<void>& written) {
    if (!written && !failing_) {
        listener_.failed(written.error().detail);
    }
    if (written && failing_) {
        listener_.works_again();
    }
    failing_ = !written;
}

}  // namespace gw::state
