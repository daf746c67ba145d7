#include "config/variable_folder.hpp"

#include <algorithm>
#include <filesystem>

#include "config/file.hpp"

namespace gw::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kValueBytesMax = 64UL * 1024;  // keys and certificates are far below it
constexpr std::size_t kFilesMax = 1000;

bool is_variable_name(std::string_view name) {
    const auto fits = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    return !name.empty() && name.front() >= 'A' && name.front() <= 'Z' &&
           std::ranges::all_of(name, fits);
}

}  // namespace

void cut_line_break(std::string& text) {
    if (text.ends_with('\n')) {
        text.pop_back();
        if (text.ends_with('\r')) {
            text.pop_back();
        }
    }
}

std::expected<Environment::Values, Flaw> read_variable_folder(const Environment& environment) {
    Environment::Values values;
    const std::string* const folder = environment.find(kVariablesDir);
    if (folder == nullptr) {
        return values;
    }
    std::error_code error;
    fs::directory_iterator entry(*folder, error);
    for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        std::error_code unknown;
        if (!is_variable_name(name) || !entry->is_regular_file(unknown)) {
            continue;
        }
        auto value = read_file(entry->path().string(), kValueBytesMax);
        if (values.size() == kFilesMax || !value) {
            return std::unexpected(Flaw{"names a folder whose file " + name + " cannot be read",
                                        "make it readable, and at most 64 KiB"});
        }
        cut_line_break(*value);
        values.emplace(name, *std::move(value));
    }
    if (error) {
        return std::unexpected(Flaw{"names " + quote(*folder) + ", which cannot be read",
                                    "name an existing, readable folder"});
    }
    return values;
}

}  // namespace gw::config
