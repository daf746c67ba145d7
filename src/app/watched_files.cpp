#include "app/watched_files.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "config/variable_folder.hpp"

namespace gw::app {
namespace {

const std::string& shown_name(const net::TlsCertificate& certificate) {
    return certificate.names.empty() ? certificate.file : certificate.names.front();
}

void keep_first(std::map<std::string, WallTime>& ends, const std::string& name, WallTime end) {
    const auto [entry, fresh] = ends.emplace(name, end);
    entry->second = std::min(entry->second, end);
}

}  // namespace

void WatchedFiles::watch_configuration(const std::string& path) {
    const auto changed = [this] { changed_("file"); };
    file_ = watch(path, changed);
    configured_ = {path};
    const std::string* const folder = base_.environment.find(config::kVariablesDir);
    if (folder == nullptr) {
        return;
    }
    const std::filesystem::path any = std::filesystem::path(*folder) / "VARIABLE";
    std::error_code unknown;
    if (!std::filesystem::equivalent(any.parent_path(), std::filesystem::path(path).parent_path(),
                                     unknown)) {
        folder_ = watch(any.string(), changed);
        configured_.push_back(any.string());
    }
}

std::unique_ptr<control::FileWatch> WatchedFiles::watch(const std::string& file,
                                                        std::function<void()> changed) {
    auto made = std::make_unique<control::FileWatch>(base_.loop, file, std::move(changed));
    // One line: where one has no watch, the others have none.
    if (!made->trouble().empty() && !std::exchange(told_, true)) {
        base_.log.warn(
            "the system does not tell of changes of files; they are looked at every second",
            {{"file", file},
             {"reason", made->trouble()},
             {"remedy", "raise fs.inotify.max_user_instances and max_user_watches, and restart"}});
    }
    return made;
}

// Keys and certificates may be replaced in any order: between the two they do not fit, which is
// refused and told, and the old ones stay until they do.
void WatchedFiles::watch_certificates() {
    Folders folders;
    const auto watch_file = [&](const std::string& file) {
        watch_folder_of(file, "certificate", certificate_folders_, folders);
    };
    const Settings& settings = *base_.settings;
    if (settings.tls_contexts != nullptr) {
        watch_file(settings.tls.client_ca_file);
        for (const net::TlsCertificateOptions& files : settings.tls.all()) {
            watch_file(files.cert_file);
            watch_file(files.key_file);
            watch_file(files.ocsp_file);
        }
    }
    certificate_folders_ = std::move(folders);
    base_.exposition.certificates(expiries());
    base_.exposition.staples(staples());
}

// A pipe that a start has read holds nothing any more, and /dev/fd changes all the time.
void WatchedFiles::watch_secrets() {
    Folders folders;
    for (const auto& [variable, file] : base_.settings->secret_files) {
        std::error_code unknown;
        if (std::filesystem::is_regular_file(file, unknown) && !is_beside_configuration(file)) {
            watch_folder_of(file, "secret", secret_folders_, folders);
        }
    }
    secret_folders_ = std::move(folders);
}

// What is watched there tells of it already.
bool WatchedFiles::is_beside_configuration(const std::string& file) const {
    namespace fs = std::filesystem;
    return std::ranges::any_of(configured_, [&file](const std::string& other) {
        std::error_code unknown;
        return fs::equivalent(fs::path(file).parent_path(), fs::path(other).parent_path(), unknown);
    });
}

void WatchedFiles::watch_folder_of(const std::string& file, const char* cause, Folders& known,
                                   Folders& folders) {
    if (file.empty()) {
        return;
    }
    std::string folder = std::filesystem::path(file).parent_path().string();
    const auto before = known.find(folder);
    if (before != known.end() && before->second != nullptr) {
        folders.emplace(std::move(folder), std::move(before->second));
    } else if (!folders.contains(folder)) {
        // In a turn of its own: a reload may drop the watch that tells of it.
        folders.emplace(std::move(folder), watch(file, [this, cause] {
                            base_.loop.post([this, cause] { changed_(cause); });
                        }));
    }
}

WatchedFiles::Ends WatchedFiles::expiries() {
    Ends ends;
    if (base_.settings->tls_contexts != nullptr) {
        for (const net::TlsCertificate& certificate :
             base_.settings->tls_contexts->certificates()) {
            keep_first(ends, shown_name(certificate), certificate.expires);
            if (certificate.expires <= base_.loop.clock().wall) {
                base_.log.warn("clients will not accept a certificate, which has expired",
                               {{"file", certificate.file},
                                {"remedy", "put a new certificate and its key there"}});
            }
        }
    }
    return ends;
}

WatchedFiles::Ends WatchedFiles::staples() {
    Ends ends;
    if (const net::TlsContexts* const contexts = base_.settings->tls_contexts.get()) {
        for (std::size_t i = 0; i < contexts->staples().size(); ++i) {
            if (const net::TlsStaple* const staple = contexts->staples()[i].get()) {
                keep_first(ends, shown_name(contexts->certificates()[i]), shown_until(*staple));
            }
        }
    }
    return ends;
}

// The epoch: not at all, and then the log says why.
WallTime WatchedFiles::shown_until(const net::TlsStaple& staple) {
    if (staple.good_at(base_.loop.clock().wall)) {
        return staple.until;
    }
    const bool late = staple.trouble.empty();
    base_.log.warn("an OCSP response is not shown to clients",
                   {{"file", staple.file},
                    {"reason", late ? "has ended (nextUpdate)" : staple.trouble},
                    {"remedy", late ? "fetch a new one" : staple.remedy}});
    return {};
}

void WatchedFiles::stop() {
    file_.reset();
    certificate_folders_.clear();
    secret_folders_.clear();
    folder_.reset();
}

}  // namespace gw::app
