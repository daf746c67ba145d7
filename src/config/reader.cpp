#include "config/reader.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "config/variable_folder.hpp"

namespace gw::config {
namespace {

constexpr std::size_t kSecretBytesMax = 64UL * 1024;

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) {
        text.remove_prefix(1);
    }
    while (text.ends_with(' ')) {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace

std::string variable_part(std::string_view key) {
    constexpr std::string_view kSuffix = "-service";
    if (key.ends_with(kSuffix) && key.size() > kSuffix.size()) {
        key.remove_suffix(kSuffix.size());
    }
    std::string out;
    for (const char c : key) {
        out += c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    }
    return out;
}

void Reading::blame_variable(std::string_view name, std::string what, std::string remedy) {
    mistakes.push_back(
        {{"environment " + std::string(name), 0, 0}, std::move(what), std::move(remedy)});
}

void Reading::blame_value(const std::string& name, Flaw flaw, const std::optional<Range>& range) {
    const auto [known, fresh] =
        told_.try_emplace(name + " " + flaw.what, Told{mistakes.size(), range});
    if (fresh) {
        blame_variable(name, name + " " + flaw.what, std::move(flaw.remedy));
        return;
    }
    std::optional<Range>& widest = known->second.range;
    if (range && (!widest || (range->min >= widest->min && range->max <= widest->max))) {
        widest = range;
        mistakes[known->second.at].remedy = std::move(flaw.remedy);
    }
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        const std::string_view part = trimmed(text.substr(0, comma));
        if (!part.empty()) {
            parts.push_back(part);
        }
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

Reader::Reader(std::shared_ptr<Reading> reading, const Node* node, std::string path, Place place,
               std::string key)
    : reading_(std::move(reading)),
      node_(node),
      path_(std::move(path)),
      place_(std::move(place)),
      key_(std::move(key)) {}

Reader Reader::root(std::shared_ptr<Reading> reading) {
    const Node& node = reading->document.root;
    Place place{reading->document.source, 1, 1};
    Reader reader(std::move(reading), nullptr, "", std::move(place), "");
    if (node.kind != Node::Kind::nothing && reader.is_section(node, "the file")) {
        reader.node_ = &node;
    }
    return reader;
}

Reader Reader::at(const Node& node, std::string path, std::string key) const {
    return {reading_, &node, std::move(path), place_of(node.line, node.column), std::move(key)};
}

Reader Reader::section(std::string_view name) {
    named_.emplace_back(name);
    const Entry* entry = node_ != nullptr ? node_->find(name) : nullptr;
    std::string label = label_of(name);
    if (entry == nullptr || !is_section(entry->value, label)) {
        return {reading_, nullptr, std::move(label), place_, key_};
    }
    return {reading_, &entry->value, std::move(label), place_of(entry->line, entry->column), key_};
}

void Reader::finish() {
    if (node_ == nullptr) {
        return;
    }
    const std::vector<std::string_view> names(named_.begin(), named_.end());
    for (const Entry& entry : node_->entries) {
        if (std::ranges::find(names, std::string_view(entry.key)) != names.end()) {
            continue;
        }
        const std::string_view meant = nearest(entry.key, names);
        std::string remedy = meant.empty()
                                 ? "remove it; the settings are listed in docs/configuration.md"
                                 : "did you mean " + std::string(meant) + "?";
        reading_->mistakes.push_back({place_of(entry.line, entry.column),
                                      quote(label_of(entry.key)) + " is no setting",
                                      std::move(remedy)});
    }
}

std::string Reader::path_of(std::string_view file) const {
    return (std::filesystem::path(place_.source).parent_path() / file).string();
}

void Reader::depends_on(std::string_view text) {
    reading_->beside += text;
}

void Reader::blame_all(std::vector<Mistake> mistakes) {
    std::ranges::move(mistakes, std::back_inserter(reading_->mistakes));
}

bool Reader::is_given(std::string_view name) const {
    return gives(name) || reading_->given_by.contains(label_of(name));
}

void Reader::blame(std::string_view name, std::string what, std::string remedy) {
    const auto& given_by = reading_->given_by;
    auto variable = given_by.find(label_of(name));
    Place place = place_;
    if (const Entry* entry = node_ != nullptr ? node_->find(name) : nullptr) {
        place = place_of(entry->value.line, entry->value.column);
    } else if (variable == given_by.end() && node_ == nullptr && !path_.empty()) {
        const auto first = given_by.lower_bound(path_ + ".");
        variable = first != given_by.end() && first->first.starts_with(path_ + ".")
                       ? first
                       : given_by.end();
    }
    if (variable != given_by.end()) {
        reading_->blame_variable(variable->second.name, std::move(what), std::move(remedy));
        return;
    }
    reading_->mistakes.push_back({std::move(place), std::move(what), std::move(remedy)});
}

void Reader::blame_missing(std::string_view name, std::string remedy) {
    blame(name, label_of(name) + " is missing", std::move(remedy));
}

const Node* Reader::take(const Field& field) {
    named_.emplace_back(field.name);
    const Entry* entry = node_ != nullptr ? node_->find(field.name) : nullptr;
    return entry != nullptr ? &entry->value : nullptr;
}

std::string Reader::variable_name(const Field& field) const {
    constexpr std::string_view kName = "<NAME>";
    if (!field.env.starts_with(kName)) {
        return std::string(field.env);
    }
    return variable_part(key_) + std::string(field.env.substr(kName.size()));
}

std::optional<Reader::Variable> Reader::variable_of(const Field& field) {
    if (field.env.empty()) {
        return std::nullopt;
    }
    const std::string name = variable_name(field);
    reading_->variables.insert(name);
    const std::string* value = reading_->environment.find(name);
    if (field.secret) {
        const std::string file_name = name + "_FILE";
        reading_->variables.insert(file_name);
        if (const std::string* path = reading_->environment.find(file_name)) {
            if (value != nullptr) {
                reading_->blame_variable(file_name, name + " and " + file_name + " are both set",
                                         "set one of them");
            } else if (auto content = secret_file(file_name, *path)) {
                return Variable{file_name, *std::move(content)};
            }
        }
    }
    return value != nullptr ? std::optional(Variable{name, *value}) : std::nullopt;
}

std::optional<std::string> Reader::secret_file(const std::string& name, const std::string& path) {
    reading_->secret_files.emplace(name, path);
    auto content = read_file(path, kSecretBytesMax, reading_->pipes);
    if (!content) {
        reading_->blame_variable(name, "the file " + quote(path) + " " + content.error().what,
                                 std::move(content.error().remedy));
        return std::nullopt;
    }
    cut_line_break(*content);
    // Whoever names a file wants a secret: without one, what it protects would be open and nobody
    // told. A variable that is set to nothing is another thing: it counts as not set.
    if (content->find_first_not_of(" \t\r\n") == std::string::npos) {
        reading_->blame_variable(name, "the file " + quote(path) + " is empty",
                                 "write the secret into it, or unset " + name);
        return std::nullopt;
    }
    return *std::move(content);
}

std::optional<Text> Reader::text_of(const Node& node, const Field& field,
                                    const std::string& label) {
    switch (node.kind) {
        case Node::Kind::scalar:
            return Text{node.text, node.in_quotes, field.secret};
        case Node::Kind::nothing:
            blame_node(node, label, {"has no value", "give it one or remove the line"});
            return std::nullopt;
        default:
            blame_node(node, label,
                       {node.kind == Node::Kind::list ? "is a list" : "is a section",
                        "write a single value"});
            return std::nullopt;
    }
}

bool Reader::is_list(const Node& node, const std::string& label) {
    if (node.kind != Node::Kind::list) {
        blame_node(node, label, {"is not a list", "write [a, b], or a line `- a` for each value"});
    }
    return node.kind == Node::Kind::list;
}

// A section without anything in it is one: `cors:` means that it is there and all is as by default.
bool Reader::is_section(const Node& node, const std::string& label) {
    const bool section = node.kind == Node::Kind::map || node.kind == Node::Kind::nothing;
    if (!section) {
        blame_node(node, label, {"is not a section", "write indented lines `name: value`"});
    }
    return section;
}

bool Reader::is_allowed_key(const Entry& entry, const Field& field, const std::string& label) {
    if (field.check.of == nullptr) {
        return true;
    }
    if (auto flaw = field.check.of(entry.key)) {
        reading_->mistakes.push_back({place_of(entry.line, entry.column),
                                      "the name " + quote(label) + " " + flaw->what,
                                      std::move(flaw->remedy)});
        return false;
    }
    return true;
}

void Reader::missing(const Field& field) {
    std::string remedy = "write it";
    if (!field.env.empty()) {
        remedy += " or set " + variable_name(field);
    }
    reading_->mistakes.push_back({place_, label_of(field.name) + " is missing", std::move(remedy)});
}

void Reader::blame_node(const Node& node, const std::string& label, Flaw flaw) {
    reading_->mistakes.push_back(
        {place_of(node.line, node.column), label + " " + flaw.what, std::move(flaw.remedy)});
}

Place Reader::place_of(unsigned line, unsigned column) const {
    return {reading_->document.source, line, column};
}

std::string Reader::label_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

}  // namespace gw::config
