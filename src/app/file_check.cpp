#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/settings_check.hpp"
#include "gateway/validate_options.hpp"

namespace gw::app {
namespace {

struct NamedFile {
    std::string called;  // in messages
    std::string path;
};

// By whatever names: links lead to the same file, and one that is not there yet has its path alone.
bool same_file(const std::string& one, const std::string& other) {
    namespace fs = std::filesystem;
    std::error_code unknown;
    return fs::equivalent(one, other, unknown) ||
           fs::absolute(one, unknown).lexically_normal() ==
               fs::absolute(other, unknown).lexically_normal();
}

void add_client(std::vector<NamedFile>& files, const std::string& section,
                const net::TlsClientOptions& tls) {
    files.push_back({section + "ca_file", tls.ca_file});
    files.push_back({section + "cert_file", tls.cert_file});
    files.push_back({section + "key_file", tls.key_file});
}

std::vector<NamedFile> read_files(const Settings& s, const config::SecretFiles& secrets) {
    std::vector<NamedFile> files{{"the configuration", s.source},
                                 {"tls.client_ca_file", s.tls.client_ca_file},
                                 {"tokens.key_set_ca_file", s.tokens.key_set_ca_file},
                                 {"admin_sign_in.key_set_ca_file", s.admin_sign_in.key_set_ca_file},
                                 {"state.redis.tls_ca_file", s.state.redis.ca_file},
                                 {"state.redis.tls_cert_file", s.state.redis.cert_file},
                                 {"state.redis.tls_key_file", s.state.redis.key_file}};
    for (const auto& [variable, path] : secrets) {
        files.push_back({variable, path});
    }
    for (const net::TlsCertificateOptions& certificate : s.tls.all()) {
        files.push_back({"a cert_file of tls", certificate.cert_file});
        files.push_back({"a key_file of tls", certificate.key_file});
        files.push_back({"an ocsp_file of tls", certificate.ocsp_file});
    }
    for (const auto& [name, service] : s.services) {
        add_client(files, "services." + name + ".tls.", service.tls);
    }
    for (const gateway::RouteOptions& route : s.routes) {
        const gateway::ValidateOptions* const options = gateway::validate_of(route.stage_options);
        if (options != nullptr && options->contract != nullptr) {
            files.push_back({"a description of `validate`", options->contract->source().name()});
        }
    }
    std::erase_if(files, [](const NamedFile& file) { return file.path.empty(); });
    return files;
}

}  // namespace

void check_files(config::Reader& root, const Settings& settings,
                 const config::SecretFiles& secrets) {
    struct Written {
        const char* section;
        const char* setting;
        const std::string& path;
    };
    const std::array<Written, 2> all_written{
        {{"audit", "path", settings.audit.path}, {"state", "snapshot", settings.state.snapshot}}};
    std::vector<NamedFile> others = read_files(settings, secrets);
    for (const auto& [section, setting, path] : all_written) {
        if (path.empty()) {
            continue;
        }
        const std::string name = std::string(section) + "." + setting;
        for (const NamedFile& other : others) {
            if (same_file(path, other.path)) {
                root.section(section).blame(
                    setting, name + " and " + other.called + " are one file: it would be spoiled",
                    "name another file for " + name);
                break;
            }
        }
        others.push_back({name, path});
    }
}

}  // namespace gw::app
