#include "cli/evidence_bundle.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "security/audit_line.hpp"

namespace gw::cli {
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr const char* kSignature = "manifest.sig";

bool write_file(const std::filesystem::path& path, std::string_view content) {
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.close();
    return static_cast<bool>(file);
}

std::optional<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    return file.is_open() && !file.bad() ? std::optional(std::move(content)) : std::nullopt;
}

std::string text_in(const boost::json::object& from, std::string_view name) {
    const auto* found = from.if_contains(name);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

}  // namespace

std::expected<void, std::string> write_bundle(const std::string& folder,
                                              const std::vector<EvidenceFile>& files,
                                              std::string_view made, std::string_view by,
                                              std::string_view secret) {
    std::error_code error;
    if (!std::filesystem::create_directory(folder, error)) {
        return std::unexpected(folder + ": " + (error ? error.message() : "is there already"));
    }
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    boost::json::array list;
    const std::filesystem::path base(folder);
    for (const EvidenceFile& file : files) {
        list.push_back({{"name", file.name},
                        {"bytes", file.content.size()},
                        {"sha256", security::audit_hash(file.content, "")}});
        if (!write_file(base / file.name, file.content)) {
            return std::unexpected(folder + "/" + file.name + ": cannot be written");
        }
    }
    const std::string manifest = boost::json::serialize(boost::json::object{
                                     {"made", made}, {"by", by}, {"files", std::move(list)}}) +
                                 "\n";
    if (!write_file(base / kManifest, manifest) ||
        !write_file(base / kSignature, security::audit_hash(manifest, secret) + "\n")) {
        return std::unexpected(folder + ": cannot be written");
    }
    return {};
}

std::expected<std::size_t, std::string> verify_bundle(const std::string& folder,
                                                      std::string_view secret) {
    const std::filesystem::path base(folder);
    const auto manifest = read_file(base / kManifest);
    const auto signature = read_file(base / kSignature);
    if (!manifest || !signature) {
        return std::unexpected("it has no manifest, or no signature");
    }
    if (*signature != security::audit_hash(*manifest, secret) + "\n") {
        return std::unexpected("the signature is not that of the manifest under this secret");
    }
    boost::system::error_code error;
    const boost::json::value value = boost::json::parse(*manifest, error);
    const auto* list =
        error || !value.is_object() ? nullptr : value.as_object().if_contains("files");
    if (list == nullptr || !list->is_array()) {
        return std::unexpected("the manifest lists no files");
    }
    std::vector<std::string> known{kManifest, kSignature};
    for (const boost::json::value& item : list->as_array()) {
        const boost::json::object* entry = item.if_object();
        const std::string name = entry == nullptr ? "" : text_in(*entry, "name");
        if (name.empty() || name.find('/') != std::string::npos) {
            return std::unexpected("the manifest names a file outside of the folder");
        }
        const auto content = read_file(base / name);
        if (!content) {
            return std::unexpected(name + " is missing");
        }
        if (security::audit_hash(*content, "") != text_in(*entry, "sha256")) {
            return std::unexpected(name + " was changed");
        }
        known.push_back(name);
    }
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(base, ignored)) {
        const std::string name = entry.path().filename().string();
        if (std::ranges::find(known, name) == known.end()) {
            return std::unexpected(name + " was added");
        }
    }
    return known.size() - 2;
}

}  // namespace gw::cli
