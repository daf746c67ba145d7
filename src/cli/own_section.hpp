// What a command needs of the configuration: one section, whatever stands in the rest. An incident
// does not wait until the file is right; the gateway itself goes on with the one before.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/commands.hpp"
#include "config/reader.hpp"

namespace gw::cli {

class OwnSection {
  public:
    // named: by --config; empty: not at all.
    OwnSection(const std::string& named, const Terminal& terminal);

    // Nothing: a variable is wrong, or the file that was named is not there; said on the terminal.
    // What is wrong in the file itself is said as well, and left out.
    template <class Options>
    std::optional<Options> read(std::string_view section) {
        Options options;
        config::read(config::Reader::root(reading_).section(section), options);
        return usable() ? std::optional(std::move(options)) : std::nullopt;
    }

  private:
    bool usable();

    const Terminal& terminal_;
    std::string path_;
    bool missing_ = false;
    std::shared_ptr<config::Reading> reading_ = std::make_shared<config::Reading>();
};

}  // namespace gw::cli
