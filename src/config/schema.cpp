#include "config/schema.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <regex>

namespace gw::config {
namespace {

namespace json = boost::json;
using Kind = OutlineField::Kind;
using Shape = OutlineField::Shape;

json::object object_schema(const std::vector<OutlineField>& members);

// What it is for; of what a reload does not change, that, too.
std::string help_of(const OutlineField& field) {
    return field.help + (field.at_start ? "; read at the start only" : "");
}

bool needs_file(const OutlineField& field) {
    return field.required && field.environment.empty();
}

// Editors know of `1.2` and `true` only that they are no text; the reader takes them as one.
bool fits(const std::string& pattern, std::initializer_list<const char*> samples) {
    const std::regex allowed(pattern, std::regex::ECMAScript);
    return std::ranges::any_of(samples,
                               [&](const char* one) { return std::regex_search(one, allowed); });
}

json::value types_of_text(const std::string& pattern) {
    json::array types{"string"};
    if (fits(pattern, {"1", "0.5", "900", "8080"})) {
        types.emplace_back("number");
    }
    if (fits(pattern, {"true", "false"})) {
        types.emplace_back("boolean");
    }
    return types.size() == 1 ? types.front() : json::value(std::move(types));
}

// Names in any case of letters, and those that editors read as a number, such as 1.2.
json::object choice_schema(const std::vector<std::string>& choices) {
    json::array names(choices.begin(), choices.end());
    std::string any_case;
    for (const std::string& choice : choices) {
        any_case += any_case.empty() ? "^(" : "|";
        for (const char c : choice) {
            const char other = static_cast<char>(c ^ 0x20);
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
            any_case += letter     ? std::string{'[', std::min(c, other), std::max(c, other), ']'}
                        : c == '.' ? "\\."
                                   : std::string(1, c);
        }
        boost::system::error_code no_number;
        if (json::value read = json::parse(choice, no_number); !no_number && !read.is_null()) {
            names.push_back(std::move(read));
        }
    }
    return {{"anyOf", json::array{json::object{{"enum", std::move(names)}},
                                  json::object{{"type", "string"}, {"pattern", any_case + ")$"}}}}};
}

json::object value_schema(const OutlineField& field) {
    json::object out;
    switch (field.kind) {
        case Kind::boolean:
            out["type"] = "boolean";
            break;
        case Kind::integer:
        case Kind::duration:
            out["type"] = "integer";
            out["minimum"] = field.range.min;
            out["maximum"] = field.range.max;
            break;
        case Kind::text:
            out["type"] = types_of_text(field.pattern);
            if (!field.pattern.empty()) {
                out["pattern"] = field.pattern;
            }
            break;
        case Kind::choice:
            return choice_schema(field.choices);
        case Kind::section:
            return object_schema(field.members);
    }
    return out;
}

json::object field_schema(const OutlineField& field) {
    json::object out;
    if (!field.help.empty()) {
        out["description"] = help_of(field);
    }
    json::object value = value_schema(field);
    if (field.shape == Shape::list) {
        out["type"] = "array";
        out["items"] = std::move(value);
    } else if (field.shape == Shape::map) {
        out["type"] = json::array{"object", "null"};
        if (!field.key_pattern.empty()) {
            out["propertyNames"] = json::object{{"pattern", field.key_pattern}};
        }
        out["additionalProperties"] = std::move(value);
    } else {
        for (auto& [name, part] : value) {
            out[name] = std::move(part);
        }
    }
    if (!field.default_json.empty()) {
        out["default"] = json::parse(field.default_json);
    }
    return out;
}

json::object object_schema(const std::vector<OutlineField>& members) {
    json::object properties;
    json::array required;
    for (const OutlineField& member : members) {
        properties[member.name] = field_schema(member);
        if (needs_file(member)) {
            required.emplace_back(member.name);
        }
    }
    json::object out;
    // A section that needs nothing may also be left empty: `cors:`
    if (required.empty()) {
        out["type"] = json::array{"object", "null"};
    } else {
        out["type"] = "object";
        out["required"] = std::move(required);
    }
    out["properties"] = std::move(properties);
    out["additionalProperties"] = false;
    return out;
}

void print(const json::value& value, std::string indent, std::string& out);

// Braces, members one a line, braces.
template <class Items, class Print>
void print_lines(const Items& items, std::string_view brackets, const std::string& indent,
                 std::string& out, const Print& print_item) {
    out += brackets[0];
    bool first = true;
    for (const auto& item : items) {
        out += first ? "\n" : ",\n";
        out += indent + "  ";
        print_item(item);
        first = false;
    }
    if (!first) {
        out += "\n" + indent;
    }
    out += brackets[1];
}

void print(const json::value& value, std::string indent, std::string& out) {
    if (const auto* object = value.if_object()) {
        print_lines(*object, "{}", indent, out, [&](const auto& member) {
            out += json::serialize(json::value(member.key())) + ": ";
            print(member.value(), indent + "  ", out);
        });
    } else if (const auto* array = value.if_array();
               array != nullptr && std::ranges::any_of(*array, &json::value::is_structured)) {
        print_lines(*array, "[]", indent, out,
                    [&](const auto& item) { print(item, indent + "  ", out); });
    } else {
        out += json::serialize(value);
    }
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

std::string sentence(std::string_view text) {
    std::string out = escaped(text);
    if (!out.empty()) {
        out += ".\n\n";
        out[0] = out[0] >= 'a' && out[0] <= 'z' ? static_cast<char>(out[0] - 32) : out[0];
    }
    return out;
}

std::string code(std::string_view text) {
    return "`" + std::string(text) + "`";
}

std::string number_range(const Range& range) {
    return std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string kind_text(const OutlineField& field) {
    std::string text;
    switch (field.kind) {
        case Kind::boolean:
            text = "true or false";
            break;
        case Kind::integer:
            text = "integer, " + number_range(field.range);
            break;
        case Kind::duration:
            text = "milliseconds, " + number_range(field.range);
            break;
        case Kind::text:
            text = field.secret ? "text, secret" : "text";
            break;
        case Kind::choice:
            for (const std::string& choice : field.choices) {
                text += (text.empty() ? "" : ", ") + code(choice);
            }
            break;
        case Kind::section:
            text = "section";
            break;
    }
    return field.shape == Shape::list ? "list of " + text : text;
}

std::string default_text(const OutlineField& field) {
    if (field.required) {
        return "**required**";
    }
    const bool nothing =
        field.default_json.empty() || field.default_json == "\"\"" || field.default_json == "[]";
    if (nothing) {
        return "–";
    }
    return code(field.kind == Kind::text || field.kind == Kind::choice
                    ? field.default_json.substr(1, field.default_json.size() - 2)
                    : field.default_json);
}

std::string environment_text(const OutlineField& field) {
    if (field.environment.empty()) {
        return "";
    }
    return code(field.environment) + (field.secret ? ", " + code(field.environment + "_FILE") : "");
}

void print_table(const std::vector<OutlineField>& members, std::string& out) {
    out += "| setting | value | default | environment | meaning |\n|---|---|---|---|---|\n";
    for (const OutlineField& field : members) {
        if (field.kind != Kind::section) {
            out += "| " + code(field.name) + " | " + kind_text(field) + " | " +
                   default_text(field) + " | " + environment_text(field) + " | " +
                   escaped(help_of(field)) + " |\n";
        }
    }
    out += "\n";
}

void print_sections(const std::vector<OutlineField>& members, const std::string& path,
                    std::string& out) {
    for (const OutlineField& field : members) {
        if (field.kind != Kind::section) {
            continue;
        }
        std::string name = path + field.name;
        name += field.shape == Shape::map ? ".<name>" : field.shape == Shape::list ? "[]" : "";
        out += "## " + code(name) + "\n\n" + sentence(help_of(field));
        if (!field.members.empty()) {
            print_table(field.members, out);
            print_sections(field.members, name + ".", out);
        }
    }
}

}  // namespace

std::string json_schema(const Outline& outline, std::string_view title) {
    json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                        {"title", title}};
    for (auto& [name, part] : object_schema(outline.fields)) {
        schema[name] = std::move(part);
    }
    schema["type"] = "object";
    std::string out;
    print(schema, "", out);
    return out + "\n";
}

std::string reference_tables(const Outline& outline) {
    std::string out = "## Top level\n\n";
    print_table(outline.fields, out);
    print_sections(outline.fields, "", out);
    return out;
}

}  // namespace gw::config
