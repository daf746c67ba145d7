// A file that is replaced and never changed: what is there is the old one or the new one, whole,
// whenever the process or the machine ends. Control thread, or while starting.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/fd.hpp"

namespace gw::state {

// Which file stands under a name: another one after each replacement.
struct FileIdentity {
    dev_t device = 0;
    ino_t number = 0;  // may be used again, but not with the same time
    std::int64_t written_ns = 0;
    bool operator==(const FileIdentity&) const = default;
};
// Nothing if there is none.
std::optional<FileIdentity> file_at(const std::string& path);

struct LoadedFile {
    std::string text;
    FileIdentity identity;
};
// Nothing if there is no such file. Errors: system; refused when it is no regular file; too_large
// above bytes_max. Blocks.
Result<std::optional<LoadedFile>> load_file(const std::string& path, std::size_t bytes_max);

// The file that will take the place of the one at `path`; until put_in_place() it stands beside it,
// and is gone with this object. Readable for nobody else.
class ReplacementFile {
  public:
    // Errors, here and below: system.
    static Result<ReplacementFile> create(const std::string& path);
    ReplacementFile(ReplacementFile&& other) noexcept = default;
    ReplacementFile& operator=(ReplacementFile&&) = delete;
    ~ReplacementFile();

    Result<void> append(std::string_view bytes);
    // To be brought to the disk before it is put in place.
    [[nodiscard]] int fd() const { return fd_.get(); }
    Result<FileIdentity> put_in_place();

  private:
    ReplacementFile(std::string path, std::string temporary, net::Fd fd)
        : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}

    std::string path_;
    std::string temporary_;
    net::Fd fd_;
};

// The folder that a file stands in, to be brought to the disk as well: a name is on the disk only
// when its folder is. Not valid if it cannot be opened.
net::Fd open_folder_of(const std::string& path);

}  // namespace gw::state
