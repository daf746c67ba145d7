#include "control/file_watch.hpp"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <system_error>

namespace gw::control {
namespace {

// The directory, not the file: a file that is renamed over has a new inode.
std::string directory_of(const std::string& path) {
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    return parent.empty() ? "." : parent.string();
}

// Far more than stands beside a configuration; a directory of millions must not hold us up.
constexpr std::size_t kLookedAtMax = 1'000;

}  // namespace

FileWatch::FileWatch(net::Loop& loop, const std::string& path, std::function<void()> changed)
    : loop_(loop),
      directory_(directory_of(path)),
      changed_(std::move(changed)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    place_ = place();
    if (!inotify_.valid() || !watch_directory() || !loop_.watch(inotify_.get(), EPOLLIN, *this)) {
        trouble_ = std::generic_category().message(errno);
        inotify_.reset();
        watch_ = kNoWatch;
        mark_ = mark();
    }
    loop_.timers().arm(look_, loop_.now() + kLook);
}

FileWatch::~FileWatch() {
    if (inotify_.valid()) {
        loop_.forget(inotify_.get(), *this);
    }
}

void FileWatch::on_events(std::uint32_t /*events*/) {
    // What exactly happened to files does not matter; the content is compared anyway.
    alignas(inotify_event) std::array<char, 4096> events{};
    for (ssize_t size = 0; (size = ::read(inotify_.get(), events.data(), events.size())) > 0;) {
        for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
            inotify_event event{};
            std::memcpy(&event, events.data() + at, sizeof event);
            at += sizeof event + event.len;
            // The directory is gone. One that takes its name may well be given its number, too.
            if ((event.mask & IN_Q_OVERFLOW) != 0 ||
                ((event.mask & IN_IGNORED) != 0 && event.wd == watch_)) {
                watch_ = kNoWatch;
            }
        }
    }
    follow_directory();
    note_change();
}

void FileWatch::look() {
    if (inotify_.valid()) {
        follow_directory();
    }
    if (watch_ == kNoWatch) {
        const std::uint64_t now = mark();
        if (now != mark_) {
            mark_ = now;
            note_change();
        }
    }
    loop_.timers().arm(look_, loop_.now() + kLook);
}

bool FileWatch::watch_directory() {
    // Not IN_MODIFY: a log in the same directory would have everything read again and again, or
    // never while it is busy. Whoever writes in place is done when the file is closed.
    constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE |
                                      IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
    watch_ = ::inotify_add_watch(inotify_.get(), directory_.c_str(), kEvents);
    return watch_ != kNoWatch;
}

// A watch stays with the directory that it was given, wherever that is moved: who stands under its
// name by now is seen by looking.
void FileWatch::follow_directory() {
    const std::optional<Place> now = place();
    if (now == place_ && (watch_ != kNoWatch || !now)) {
        return;
    }
    if (watch_ != kNoWatch) {
        ::inotify_rm_watch(inotify_.get(), watch_);
        watch_ = kNoWatch;
    }
    const bool another = now != place_;
    place_ = now;
    if (now && watch_directory()) {
        note_change();
    } else if (another) {
        mark_ = mark();
        note_change();
    }
}

std::optional<FileWatch::Place> FileWatch::place() const {
    struct stat found{};
    return ::stat(directory_.c_str(), &found) == 0
               ? std::optional(Place{.device = found.st_dev, .number = found.st_ino})
               : std::nullopt;
}

void FileWatch::note_change() {
    // Where others write without a pause, as a log does, it is never quiet.
    if (!quiet_.armed()) {
        latest_ = loop_.now() + kLongest;
    }
    quiet_.disarm();
    loop_.timers().arm(quiet_, std::min(loop_.now() + kQuiet, latest_));
}

std::uint64_t FileWatch::mark() const {
    std::uint64_t all = 0;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory_, error);
    for (std::size_t i = 0;
         i < kLookedAtMax && !error && entry != std::filesystem::directory_iterator();
         ++i, entry.increment(error)) {
        struct stat file{};
        std::string one = entry->path().filename().string();
        // Through links: what is read is what they lead to.
        if (::stat(entry->path().c_str(), &file) == 0) {
            for (const auto part :
                 {static_cast<std::int64_t>(file.st_dev), static_cast<std::int64_t>(file.st_ino),
                  static_cast<std::int64_t>(file.st_size), std::int64_t{file.st_ctim.tv_sec},
                  std::int64_t{file.st_ctim.tv_nsec}}) {
                one += '/' + std::to_string(part);
            }
        }
        all += std::hash<std::string>{}(one);  // in whatever order they come
    }
    return all;
}

}  // namespace gw::control
