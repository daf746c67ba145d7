// Reads options structs from a document and the environment by their declarations (field.hpp). The
// environment wins over the file, the file over the defaults in the struct. Every mistake is
// collected, none stops the reading.
//
// A Reader stands at one section of the document, which may be absent: then the defaults and the
// environment count. It is used while starting and while reloading, by one thread; copies share
// what they read.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/document.hpp"
#include "config/environment.hpp"
#include "config/field.hpp"
#include "config/mistake.hpp"
#include "config/scalar.hpp"

namespace gw::config {

// The files that hold secrets, by the variables that name them.
using SecretFiles = std::map<std::string, std::string, std::less<>>;

// One reading of one configuration: what it is read from and what was found wrong.
struct Reading {
    Document document;
    Environment environment;
    std::vector<Mistake> mistakes;
    std::set<std::string, std::less<>>
        variables;                 // every environment variable that a field declared
    std::string beside;            // what other files hold that the document names
    Pipes pipes = Pipes::refused;  // in the place of files with secrets
    SecretFiles secret_files;
    struct Variable {
        std::string name;
        std::string value;
    };
    // Which variable gave a setting, by its path: mistakes in it are that one's.
    std::map<std::string, Variable, std::less<>> given_by;

    // As environment variables are named in messages.
    void blame_variable(std::string_view name, std::string what, std::string remedy);
    // The same of a value that was not taken. One that several settings take is told once, with
    // what the strictest of them wants.
    void blame_value(const std::string& name, Flaw flaw, const std::optional<Range>& range);

  private:
    struct Told {
        std::size_t at;  // in `mistakes`
        std::optional<Range> range;
    };
    std::map<std::string, Told, std::less<>> told_;
};

class Reader {
  public:
    Reader() = default;  // stands nowhere; only to be assigned
    static Reader root(std::shared_ptr<Reading> reading);

    // Does the document hold this section?
    [[nodiscard]] bool present() const { return node_ != nullptr; }
    // Does the document give this setting of the section?
    [[nodiscard]] bool gives(std::string_view name) const {
        return node_ != nullptr && node_->find(name) != nullptr;
    }
    // The section of that name within this one; naming it makes its key known.
    Reader section(std::string_view name);
    // Reports the keys that nothing has named.
    void finish();

    // Does the document give this setting, or a variable?
    [[nodiscard]] bool is_given(std::string_view name) const;

    // A mistake at that setting of this section: at the variable that gave it, else where it
    // stands. When nobody gives it, at the section; of one that only variables made, at the first
    // of these.
    void blame(std::string_view name, std::string what, std::string remedy);

    // The same where it is missing, though not required of every section.
    void blame_missing(std::string_view name, std::string remedy);

    // The path of a file that the document names: beside the document, unless it is absolute.
    [[nodiscard]] std::string path_of(std::string_view file) const;
    // What such a file holds belongs to the configuration: other bytes there are another one.
    void depends_on(std::string_view text);
    // Mistakes in such a file.
    void blame_all(std::vector<Mistake> mistakes);

    // The visitor: one call for each member of an options struct.
    template <class T, class... Options>
    void operator()(std::string_view name, T& value, const Options&... options) {
        visit(Field::of(name, options...), value);
    }
    // Keeps this section open for a later reader of the keys that the struct does not name. Stands
    // last.
    void rest(Reader& kept) {
        kept_open_ = true;
        kept = *this;
    }

    [[nodiscard]] bool kept_open() const { return kept_open_; }

  private:
    using Variable = Reading::Variable;

    Reader(std::shared_ptr<Reading> reading, const Node* node, std::string path, Place place,
           std::string key);

    template <class T>
    void visit(const Field& field, T& value);
    template <class T>
    void read_node(const Node& node, const Field& field, const std::string& label, T& value);
    template <class T>
    void read_variable(const Variable& variable, const Field& field, T& value);

    // Names the key and finds its value.
    const Node* take(const Field& field);
    // The variable that overrides this field, from itself or from the file that it names.
    std::optional<Variable> variable_of(const Field& field);
    std::optional<std::string> secret_file(const std::string& name, const std::string& path);
    std::optional<Text> text_of(const Node& node, const Field& field, const std::string& label);
    bool is_list(const Node& node, const std::string& label);
    bool is_section(const Node& node, const std::string& label);
    bool is_allowed_key(const Entry& entry, const Field& field, const std::string& label);
    Reader at(const Node& node, std::string path, std::string key) const;
    void missing(const Field& field);
    void blame_node(const Node& node, const std::string& label, Flaw flaw);
    [[nodiscard]] Place place_of(unsigned line, unsigned column) const;
    [[nodiscard]] std::string label_of(std::string_view name) const;
    [[nodiscard]] std::string variable_name(const Field& field) const;

    std::shared_ptr<Reading> reading_;
    const Node* node_ = nullptr;
    std::string path_;  // "routes[3]", for messages
    Place place_;
    std::string key_;  // <NAME> in the names of variables
    std::vector<std::string> named_;
    bool kept_open_ = false;
};

// Fills the struct from the section and reports what the section holds besides.
template <class T>
void read(Reader reader, T& options) {
    fields(reader, options);
    if (!reader.kept_open()) {
        reader.finish();
    }
}

// <NAME> in the names of variables: AUTH of auth-service, PAYMENT of payment-service.
std::string variable_part(std::string_view key);

// The parts of a list in a variable: "a, b" → a and b.
std::vector<std::string_view> split_list(std::string_view text);

template <class T>
void Reader::visit(const Field& field, T& value) {
    if constexpr (Scalar<T> || kIsVector<T> || kIsMap<T>) {
        const Node* node = take(field);
        if (node != nullptr) {
            read_node(*node, field, label_of(field.name), value);
        }
        const std::optional<Variable> variable = variable_of(field);
        if (variable) {
            reading_->given_by.emplace(label_of(field.name), *variable);
            read_variable(*variable, field, value);
        }
        if (field.required && node == nullptr && !variable) {
            missing(field);
        }
    } else {
        read(section(field.name), value);
    }
}

template <class T>
void Reader::read_node(const Node& node, const Field& field, const std::string& label, T& value) {
    if constexpr (Scalar<T>) {
        if (const auto text = text_of(node, field, label)) {
            if (auto parsed = parse_scalar<T>(*text, field)) {
                value = *std::move(parsed);
            } else {
                blame_node(node, label, std::move(parsed.error()));
            }
        }
    } else if constexpr (kIsVector<T>) {
        value.clear();
        if (!is_list(node, label)) {
            return;
        }
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const std::string item = label + "[" + std::to_string(i) + "]";
            typename T::value_type element{};
            if constexpr (Scalar<typename T::value_type>) {
                read_node(node.items[i], field, item, element);
            } else if (is_section(node.items[i], item)) {
                read(at(node.items[i], item, key_), element);
            } else {
                continue;
            }
            value.push_back(std::move(element));
        }
    } else {
        if (!is_section(node, label)) {
            return;
        }
        for (const Entry& entry : node.entries) {
            const std::string item = label + "." + entry.key;
            if (is_allowed_key(entry, field, item) && is_section(entry.value, item)) {
                read(at(entry.value, item, entry.key), value[entry.key]);
            }
        }
    }
}

template <class T>
void Reader::read_variable(const Variable& variable, const Field& field, T& value) {
    if constexpr (Scalar<T>) {
        const Text text{variable.value, false, field.secret};
        if (auto parsed = parse_scalar<T>(text, field)) {
            value = *std::move(parsed);
        } else {
            reading_->blame_value(variable.name, std::move(parsed.error()), field.range);
        }
    } else if constexpr (kIsVector<T>) {
        if constexpr (Scalar<typename T::value_type>) {
            value.clear();
            for (const std::string_view part : split_list(variable.value)) {
                typename T::value_type element{};
                read_variable(Variable{variable.name, std::string(part)}, field, element);
                value.push_back(std::move(element));
            }
        }
    }
}

}  // namespace gw::config
