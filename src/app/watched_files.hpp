// The files that a change of which means another configuration: its own, the variables beside it,
// and certificates. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/foundation.hpp"
#include "control/file_watch.hpp"

namespace gw::app {

class WatchedFiles {
  public:
    // Called with what has changed, a word for the log.
    using Changed = std::function<void(std::string_view cause)>;

    WatchedFiles(Foundation& base, Changed changed) : base_(base), changed_(std::move(changed)) {}
    WatchedFiles(const WatchedFiles&) = delete;
    WatchedFiles& operator=(const WatchedFiles&) = delete;

    void watch_configuration(const std::string& path);
    // Those of the settings in force, which metrics show, too.
    void watch_certificates();
    // Those that <NAME>_FILE names in the settings in force.
    void watch_secrets();
    void stop();

  private:
    using Ends = std::map<std::string, WallTime>;  // of a name, the first to end
    using Folders = std::map<std::string, std::unique_ptr<control::FileWatch>>;  // by their paths

    std::unique_ptr<control::FileWatch> watch(const std::string& file,
                                              std::function<void()> changed);
    // Moves the watch of the file's folder from `known`, or makes one.
    void watch_folder_of(const std::string& file, const char* cause, Folders& known,
                         Folders& folders);
    [[nodiscard]] bool is_beside_configuration(const std::string& file) const;
    Ends expiries();
    Ends staples();
    WallTime shown_until(const net::TlsStaple& staple);

    Foundation& base_;
    const Changed changed_;
    bool told_ = false;  // that files are not watched
    std::unique_ptr<control::FileWatch> file_;
    std::unique_ptr<control::FileWatch> folder_;  // of VARIABLES_DIR, where it is another one
    Folders certificate_folders_;
    Folders secret_folders_;
    std::vector<std::string> configured_;  // a file in each folder that file_ and folder_ watch
};

}  // namespace gw::app
