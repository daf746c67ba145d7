// Tells when a file may have changed, however it was replaced: written in place, renamed over, or
// through a symbolic link whose target moved, as Kubernetes does with a ConfigMap; also with its
// whole directory, which is seen within a second. Where the system gives no watches
// (fs.inotify.max_user_instances), the directory is looked at every second instead. Control thread.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
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

    // Empty: the system tells of changes. Else why it does not, in its words.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

  private:
    static constexpr Millis kQuiet{
        150};  // a writer that takes longer between two writes is read half-way, and refused
    static constexpr Millis kLongest{2'000};  // in a directory that is never quiet
    static constexpr Millis kLook{1'000};
    static constexpr int kNoWatch = -1;
    void on_events(std::uint32_t events) override;
    void note_change();
    void look();
    bool watch_directory();
    // Watches another directory that has taken the name of the one before, or is to be read again.
    void follow_directory();
    struct Place {
        dev_t device = 0;
        ino_t number = 0;
        bool operator==(const Place&) const = default;
    };
    // What stands under the directory's name; nothing: none does.
    [[nodiscard]] std::optional<Place> place() const;
    // Of all that is in the directory: other files, or other bytes in them, have another one.
    [[nodiscard]] std::uint64_t mark() const;
    struct QuietTimer : net::Timer {
        explicit QuietTimer(FileWatch& owner)
            : Timer([](net::Timer& t) { static_cast<QuietTimer&>(t).watch.changed_(); }),
              watch(owner) {}
        FileWatch& watch;
    };

    struct LookTimer : net::Timer {
        explicit LookTimer(FileWatch& owner)
            : Timer([](net::Timer& t) { static_cast<LookTimer&>(t).watch.look(); }), watch(owner) {}
        FileWatch& watch;
    };

    net::Loop& loop_;
    const std::string directory_;
    std::function<void()> changed_;
    net::Fd inotify_;
    int watch_ = kNoWatch;
    std::optional<Place> place_;  // of what is watched
    std::string trouble_;
    LookTimer look_{*this};
    std::uint64_t mark_ = 0;  // while it is looked at: what was found last
    QuietTimer quiet_{*this};
    Instant latest_{};  // while it is armed: when it fires even if it is not quiet
};

}  // namespace gw::control
