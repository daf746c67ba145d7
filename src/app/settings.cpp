#include "app/settings.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "app/settings_check.hpp"
#include "app/unknown_variables.hpp"
#include "config/reader.hpp"
#include "config/variable_folder.hpp"

namespace gw::app {
namespace {

constexpr std::string_view kPaymentService = "payment-service";

std::string host_name() {
    std::array<char, 256> name{};
    if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') {
        return "api-gateway";
    }
    return name.data();
}

// By place; what two checks found alike stands once.
std::vector<config::Mistake> sorted(std::vector<config::Mistake> mistakes) {
    std::ranges::sort(mistakes, [](const auto& a, const auto& b) {
        if (a.place < b.place || b.place < a.place) {
            return a.place < b.place;
        }
        return std::tie(a.what, a.remedy) < std::tie(b.what, b.remedy);
    });
    const auto [first, last] =
        std::ranges::unique(mistakes, {}, [](const config::Mistake& m) { return m.to_string(); });
    mistakes.erase(first, last);
    return mistakes;
}

// From here on no reader of the settings needs to know what the defaults were.
void resolve(Settings& s) {
    if (s.instance_id.empty()) {
        s.instance_id = host_name();
    }
    std::ranges::sort(s.routes, gateway::goes_before);
    for (gateway::RouteOptions& route : s.routes) {
        if (route.service == kPaymentService && s.payment_timeout.count() > 0) {
            route.timeout = s.payment_timeout;
        }
        if (route.timeout.count() == 0 && !route.service.empty()) {
            route.timeout = s.services.at(route.service).timeout;
        }
        if (route.timeout.count() == 0) {
            route.timeout = s.request_timeout;
        }
        if (route.body_bytes_max == 0) {
            route.body_bytes_max = s.body_bytes_max;
        }
        route.stages = {};  // lets go of the document
    }
}

// Makes the environment of a reading: the folder's variables, and over them the process's own.
// Returns those of the folder.
config::Environment::Values read_folder(config::Reading& reading,
                                        const config::Environment& environment) {
    reading.environment = environment;
    auto found = config::read_variable_folder(environment);
    if (!found) {
        reading.blame_variable(config::kVariablesDir,
                               std::string(config::kVariablesDir) + " " + found.error().what,
                               std::move(found.error().remedy));
        return {};
    }
    config::Environment::Values merged = environment.values();
    merged.insert(found->begin(), found->end());
    reading.environment = config::Environment(std::move(merged));
    return *std::move(found);
}

// Sections of stages are read when their routes are: what stands in them is in the file's text, but
// for what variables give, which are secrets of webhooks.
void add_stages(const config::Reading& reading, config::InForce& in_force) {
    constexpr std::string_view kRoutes = "routes[";
    for (auto given = reading.given_by.lower_bound(kRoutes);
         given != reading.given_by.end() && given->first.starts_with(kRoutes); ++given) {
        in_force.secrets += given->first + "=" + given->second.value + "\n";
    }
}

}  // namespace

config::Mistake no_keys(const std::string& path) {
    return {.place = {.source = path},
            .what = "there is no key to verify tokens with",
            .remedy = "set JWT_JWKS_URL, JWT_PUBLIC_KEY or JWT_SECRET (or JWT_SECRET_FILE, …)"};
}

LoadedSettings load_settings(const std::string& path, const config::Environment& environment,
                             Purpose purpose) {
    auto reading = std::make_shared<config::Reading>();
    config::Environment::Values in_folder = read_folder(*reading, environment);
    reading->pipes = purpose == Purpose::reload ? config::Pipes::refused : config::Pipes::awaited;
    reading->document = config::Document::load(path, reading->mistakes, reading->pipes);
    const bool readable =
        reading->document.root.kind != config::Node::Kind::nothing || reading->mistakes.empty();

    auto settings = std::make_shared<Settings>();
    settings->source = path;
    settings->variables = std::move(in_folder);
    settings->text = reading->document.text;
    config::Reader root = config::Reader::root(reading);
    fields(root, *settings);
    root.finish();
    // Of a file that is no YAML, nothing more would be true.
    check_settings(root, *settings, readable);
    check_admin_tokens(root, *settings, purpose);
    check_files(root, *settings, reading->secret_files);
    if (readable) {
        check_unknown_variables(*reading);
    }
    if (purpose != Purpose::look && !settings->tokens.has_keys()) {
        reading->mistakes.push_back(no_keys(path));
    }

    settings->beside = std::move(reading->beside);
    settings->secret_files = std::move(reading->secret_files);
    if (!reading->mistakes.empty()) {
        return std::unexpected(sorted(std::move(reading->mistakes)));
    }
    settings->in_force = config::in_force(*settings);
    add_stages(*reading, settings->in_force);
    resolve(*settings);
    return settings;
}

}  // namespace gw::app
