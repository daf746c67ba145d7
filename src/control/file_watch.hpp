// Tells when a file may have changed, however it was replaced: written in place, renamed over, or
// through a symbolic link whose target moved, as Kubernetes does with a ConfigMap. Control thread.
#pragma once

#include <functional>
#include <string>

#include "net/loop.hpp"

namespace gw::control {

class FileWatch final : net::Pollable {
  public:
    // changed: called once the directory has been quiet for a moment, or has not been for two
    // seconds; the content need not differ.
    FileWatch(net::Loop& loop, const std::string& path, std::function<void()> changed);
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;
    ~FileWatch();

    // False where the system gives no watches: then only a signal reloads.
    [[nodiscard]] bool works() const { return inotify_.valid(); }

  private:
    static constexpr Millis kQuiet{
        150};  // a writer that takes longer between two writes is read half-way, and refused
    static constexpr Millis kLongest{2'000};  // in a directory that is never quiet
    void on_events(std::uint32_t events) override;
    struct QuietTimer : net::Timer {
        explicit QuietTimer(FileWatch& owner)
            : Timer([](net::Timer& t) { static_cast<QuietTimer&>(t).watch.changed_(); }),
              watch(owner) {}
        FileWatch& watch;
    };

    net::Loop& loop_;
    std::function<void()> changed_;
    net::Fd inotify_;
    QuietTimer quiet_{*this};
    Instant latest_{};  // while it is armed: when it fires even if it is not quiet
};

}  // namespace gw::control
