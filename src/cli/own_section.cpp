#include "cli/own_section.hpp"

#include <filesystem>

namespace gw::cli {

OwnSection::OwnSection(const std::string& named, const Terminal& terminal)
    : terminal_(terminal), path_(find_config(named, terminal.environment)) {
    reading_->environment = terminal.environment;
    std::error_code ignored;
    const bool there = std::filesystem::exists(path_, ignored);
    missing_ = !named.empty() && !there;
    reading_->pipes = config::Pipes::awaited;
    if (there || missing_) {
        reading_->document =
            config::Document::load(path_, reading_->mistakes, config::Pipes::awaited);
    }
}

bool OwnSection::usable() {
    bool of_file = false;
    bool of_others = missing_;
    for (const config::Mistake& mistake : reading_->mistakes) {
        terminal_.err << mistake.to_string() << '\n';
        (mistake.place.source == path_ ? of_file : of_others) = true;
    }
    if (of_file && !of_others) {
        terminal_.err << "going on without that, by variables and defaults\n";
    }
    return !of_others;
}

}  // namespace gw::cli
