// The declarations of settings (field.hpp) as data: what there is, of what kind, in which bounds,
// with which default. The JSON Schema and the reference page are printed from it (schema.hpp).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/field.hpp"
#include "config/scalar.hpp"

namespace gw::config {

class Reader;

struct OutlineField {
    enum class Kind : unsigned char { boolean, integer, duration, text, choice, section };
    enum class Shape : unsigned char { single, list, map };

    std::string name;
    std::string help;
    Kind kind = Kind::text;
    Shape shape = Shape::single;
    Range range;                       // of integers and durations
    std::vector<std::string> choices;  // of a choice
    std::string pattern;               // of a text, as a regular expression; "" if any
    std::string key_pattern;           // of the names in a map
    std::string environment;
    std::string default_json;  // "" if there is none worth showing
    bool secret = false;
    bool required = false;
    bool at_start = false;              // of a section: all that is in it
    std::vector<OutlineField> members;  // of a section
};

// A JSON string.
std::string json_text(std::string_view text);

// A single value as JSON has it.
template <class T>
std::string json_of(const T& value) {
    if constexpr (std::same_as<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::integral<T>) {
        return std::to_string(value);
    } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
        return std::to_string(value.count());
    } else if constexpr (Named<T>) {
        for (const auto& [name, known] : names_of(T{})) {
            if (known == value) {
                return json_text(name);
            }
        }
        return "";
    } else if constexpr (std::same_as<T, std::string>) {
        return json_text(value);
    } else if constexpr (std::same_as<T, Cidr>) {
        return json_text(value.base.to_string() + "/" + std::to_string(value.bits));
    } else {
        return json_text(value.to_string());
    }
}

// The visitor that collects.
class Outline {
  public:
    std::vector<OutlineField> fields;

    template <class T, class... Options>
    void operator()(std::string_view name, T& value, const Options&... options) {
        this->fields.push_back(outline_of(Field::of(name, options...), value));
    }
    void rest(Reader& /*kept*/) {}

    // The field of that name on this level, or null.
    [[nodiscard]] OutlineField* find(std::string_view name);

  private:
    template <class T>
    static OutlineField outline_of(const Field& field, T& value);
    template <class T>
    static void describe_value(const Field& field, OutlineField& out);
    static OutlineField begin(const Field& field);
};

// The members of an options struct, with its defaults.
template <class T>
std::vector<OutlineField> members_of() {
    T options{};
    Outline outline;
    fields(outline, options);
    return std::move(outline.fields);
}

template <class T>
OutlineField Outline::outline_of(const Field& field, T& value) {
    OutlineField out = begin(field);
    if constexpr (Scalar<T>) {
        describe_value<T>(field, out);
        out.default_json = json_of(value);
    } else if constexpr (kIsVector<T>) {
        out.shape = OutlineField::Shape::list;
        if constexpr (Scalar<typename T::value_type>) {
            describe_value<typename T::value_type>(field, out);
            for (const auto& item : value) {
                out.default_json += (out.default_json.empty() ? "[" : ", ") + json_of(item);
            }
            out.default_json += out.default_json.empty() ? "[]" : "]";
        } else {
            out.kind = OutlineField::Kind::section;
            out.members = members_of<typename T::value_type>();
        }
    } else if constexpr (kIsMap<T>) {
        out.shape = OutlineField::Shape::map;
        out.kind = OutlineField::Kind::section;
        out.key_pattern = field.check.pattern;
        out.members = members_of<typename T::mapped_type>();
    } else {
        out.kind = OutlineField::Kind::section;
        out.members = members_of<T>();
    }
    if (out.secret || out.required) {
        out.default_json.clear();
    }
    return out;
}

template <class T>
void Outline::describe_value(const Field& field, OutlineField& out) {
    using Kind = OutlineField::Kind;
    if constexpr (std::same_as<T, bool>) {
        out.kind = Kind::boolean;
    } else if constexpr (std::integral<T>) {
        out.kind = Kind::integer;
        out.range = range_of<T>(field);
    } else if constexpr (std::same_as<T, std::chrono::milliseconds>) {
        out.kind = Kind::duration;
        out.range = range_of<T>(field);
    } else if constexpr (Named<T>) {
        out.kind = Kind::choice;
        out.choices.assign(kNamesOf<T>.begin(), kNamesOf<T>.end());
    } else if constexpr (TextValue<T>) {
        out.pattern = T::kPattern;
    } else {
        out.pattern = field.check.pattern;
    }
}

}  // namespace gw::config
