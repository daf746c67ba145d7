#include "cli/log_lines.hpp"

#include <zlib.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>

namespace gw::cli {
namespace {

constexpr std::size_t kLineMax = 1UL * 1024 * 1024;  // the longest of ours is some 20 KiB

struct Close {
    void operator()(gzFile_s* file) const { ::gzclose(file); }
};

}  // namespace

std::string each_line(const std::string& path,
                      const std::function<void(std::string_view line)>& visit) {
    errno = 0;
    const std::unique_ptr<gzFile_s, Close> file(::gzopen(path.c_str(), "rb"));
    if (file == nullptr) {
        return path + ": " + std::generic_category().message(errno == 0 ? ENOMEM : errno);
    }
    std::string wrong;
    std::string line;
    bool too_long = false;
    std::array<char, 64UL * 1024> block{};
    int got = 0;
    while ((got = ::gzread(file.get(), block.data(), block.size())) > 0) {
        std::string_view bytes(block.data(), static_cast<std::size_t>(got));
        while (!bytes.empty()) {
            const std::size_t end = bytes.find('\n');
            line.append(bytes.substr(0, end));
            if (line.size() > kLineMax) {
                too_long = true;
                line.clear();
            }
            if (end == std::string_view::npos) {
                break;
            }
            if (too_long) {
                wrong = path + ": a line is too long to be ours";
            } else {
                visit(line);
            }
            too_long = false;
            line.clear();
            bytes.remove_prefix(end + 1);
        }
    }
    if (!line.empty() && !too_long) {
        visit(line);
    }
    int error = Z_OK;
    ::gzerror(file.get(), &error);
    if (got < 0 || error != Z_OK) {
        return path + ": cannot be read to its end";
    }
    return too_long ? path + ": a line is too long to be ours" : wrong;
}

}  // namespace gw::cli
