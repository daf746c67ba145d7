#include "control/file_watch.hpp"

#include <sys/inotify.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace gw::control {

FileWatch::FileWatch(net::Loop& loop, const std::string& path, std::function<void()> changed)
    : loop_(loop),
      changed_(std::move(changed)),
      inotify_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (!inotify_.valid()) {
        return;
    }
    // The directory, not the file: a file that is renamed over has a new inode.
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    const std::string directory = parent.empty() ? "." : parent.string();
    // Not IN_MODIFY: a log in the same directory would have everything read again and again, or
    // never while it is busy. Whoever writes in place is done when the file is closed.
    constexpr std::uint32_t kEvents =
        IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;
    if (::inotify_add_watch(inotify_.get(), directory.c_str(), kEvents) < 0 ||
        !loop_.watch(inotify_.get(), EPOLLIN, *this)) {
        inotify_.reset();
    }
}

FileWatch::~FileWatch() {
    if (inotify_.valid()) {
        loop_.forget(inotify_.get(), *this);
    }
}

void FileWatch::on_events(std::uint32_t /*events*/) {
    // What exactly happened does not matter; the content is compared anyway.
    std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    // Where others write without a pause, as a log does, it is never quiet.
    if (!quiet_.armed()) {
        latest_ = loop_.now() + kLongest;
    }
    quiet_.disarm();
    loop_.timers().arm(quiet_, std::min(loop_.now() + kQuiet, latest_));
}

}  // namespace gw::control
