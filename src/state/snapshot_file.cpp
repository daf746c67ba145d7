#include "state/snapshot_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace gw::state {
namespace {

std::unexpected<Error> failure(const char* what) {
    return fail(Errc::system, Fault::self, what);
}

// For the failures that operators can do something about.
const char* write_failure() {
    switch (errno) {
        case ENOSPC:
        case EDQUOT:
            return "the disk is full";
        case EROFS:
            return "the file system is read-only";
        case EACCES:
        case EPERM:
            return "its folder may not be written";
        case ENOENT:
        case ENOTDIR:
            return "its folder is not there";
        default:
            return "the file cannot be written";
    }
}

FileIdentity identity_of(const struct stat& status) {
    return {status.st_dev, status.st_ino,
            status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

}  // namespace

std::optional<FileIdentity> file_at(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) {
        return std::nullopt;
    }
    return identity_of(status);
}

Result<std::optional<LoadedFile>> load_file(const std::string& path, std::size_t bytes_max) {
    // Without waiting for the other end, if it is a pipe.
    const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) {
        if (errno == ENOENT) {
            return std::optional<LoadedFile>{};
        }
        return failure("the file cannot be opened");
    }
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return fail(Errc::refused, Fault::self, "this is no file");
    }
    if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
        return fail(Errc::too_large, Fault::self, "the file is larger than the state may be");
    }
    LoadedFile file{std::string(static_cast<std::size_t>(status.st_size), '\0'),
                    identity_of(status)};
    std::size_t filled = 0;
    while (filled < file.text.size()) {
        const ssize_t got = ::read(fd.get(), file.text.data() + filled, file.text.size() - filled);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return failure("the file cannot be read");
        }
        if (got == 0) {
            break;
        }
        filled += static_cast<std::size_t>(got);
    }
    file.text.resize(filled);
    return std::optional(std::move(file));
}

Result<ReplacementFile> ReplacementFile::create(const std::string& path) {
    // While one gateway takes over from another, both may write; and one may write at once what it
    // is already writing slowly.
    static constinit std::uint32_t made = 0;  // control thread
    std::string temporary =
        path + "." + std::to_string(::getpid()) + "-" + std::to_string(made++ % 2) + ".tmp";
    ::unlink(temporary.c_str());
    net::Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                      S_IRUSR | S_IWUSR));
    if (!fd.valid()) {
        return failure(write_failure());
    }
    return ReplacementFile(path, std::move(temporary), std::move(fd));
}

ReplacementFile::~ReplacementFile() {
    if (fd_.valid() && !temporary_.empty()) {
        ::unlink(temporary_.c_str());
    }
}

Result<void> ReplacementFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return failure(write_failure());
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<FileIdentity> ReplacementFile::put_in_place() {
    struct stat status{};
    if (::fstat(fd_.get(), &status) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
        return failure(write_failure());
    }
    temporary_.clear();
    return identity_of(status);
}

net::Fd open_folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    return net::Fd(
        ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace gw::state
