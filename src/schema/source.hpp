// A file with schemas: JSON, or YAML that says what JSON could. Every value of a YAML file knows
// its line. Immutable once read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/document.hpp"
#include "schema/json.hpp"

namespace gw::schema {

class Source {
  public:
    static constexpr std::size_t kBytesMax = 4UL * 1024 * 1024;  // as config::Document

    // Null and a mistake, or several, if it cannot be read. A name that ends in .json is JSON.
    static std::unique_ptr<Source> load(const std::string& path,
                                        std::vector<config::Mistake>& mistakes);
    static std::unique_ptr<Source> of(std::string name, std::string text,
                                      std::vector<config::Mistake>& mistakes);
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    [[nodiscard]] const Value& root() const { return root_; }
    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const std::string& text() const { return text_; }

    Source() = default;  // holds nothing: see load() and of()

  private:
    bool read_json(std::vector<config::Mistake>& mistakes);
    bool read_yaml(std::vector<config::Mistake>& mistakes);
    Value value_of(const config::Node& node);

    std::string name_;
    std::string text_;
    JsonDocument json_;
    config::Document yaml_;
    Blocks blocks_;
    Value root_;
};

}  // namespace gw::schema
