#include "schema/keywords.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "schema/reference.hpp"

namespace gw::schema {
namespace {

constexpr std::array<std::pair<std::string_view, Holds>, 20> kHolders{{
    {"additionalProperties", Holds::schema},
    {"propertyNames", Holds::schema},
    {"unevaluatedProperties", Holds::schema},
    {"unevaluatedItems", Holds::schema},
    {"items", Holds::schema},
    {"contains", Holds::schema},
    {"contentSchema", Holds::schema},
    {"not", Holds::schema},
    {"if", Holds::schema},
    {"then", Holds::schema},
    {"else", Holds::schema},
    {"allOf", Holds::list},
    {"anyOf", Holds::list},
    {"oneOf", Holds::list},
    {"prefixItems", Holds::list},
    {"properties", Holds::map},
    {"patternProperties", Holds::map},
    {"dependentSchemas", Holds::map},
    {"$defs", Holds::map},
    {"definitions", Holds::map},
}};

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 7> kTypes{{
    {"null", kNull},
    {"boolean", kBoolean},
    {"integer", kInteger},
    {"number", kNumber},
    {"string", kString},
    {"array", kArray},
    {"object", kObject},
}};

// What says something of a value and forbids none.
constexpr std::array<std::string_view, 14> kAnnotations{
    "title",     "description", "default", "examples",        "deprecated",       "readOnly",
    "writeOnly", "$comment",    "$defs",   "contentEncoding", "contentMediaType", "contentSchema",
    "$id",       "$anchor"};
constexpr std::array<std::string_view, 4> kOpenApiAnnotations{"example", "discriminator", "xml",
                                                              "externalDocs"};

std::optional<std::uint8_t> type_bit(std::string_view name) {
    const auto* const found =
        std::ranges::find(kTypes, name, &std::pair<std::string_view, std::uint8_t>::first);
    return found != kTypes.end() ? std::optional(found->second) : std::nullopt;
}

}  // namespace

Holds holds(std::string_view keyword) {
    const auto* const found =
        std::ranges::find(kHolders, keyword, &std::pair<std::string_view, Holds>::first);
    return found != kHolders.end() ? found->second : Holds::nothing;
}

std::string Compiler::Keywords::pointer_of(std::string_view keyword) const {
    std::string pointer = at.pointer;
    append_part(pointer, keyword);
    return pointer;
}

void Compiler::Keywords::blame(std::string_view keyword, const Value& value, std::string what,
                               std::string remedy) {
    compiler.blame(pointer_of(keyword), value, std::move(what), std::move(remedy));
}

std::optional<std::uint64_t> Compiler::Keywords::count(std::string_view keyword,
                                                       const Value& value) {
    const auto whole = value.is(Kind::number) ? Decimal(value.text).whole() : std::nullopt;
    if (!whole) {
        blame(keyword, value, "is no count", "write a whole number from 0 on");
    }
    return whole;
}

std::optional<Decimal> Compiler::Keywords::number(std::string_view keyword, const Value& value) {
    if (!value.is(Kind::number)) {
        blame(keyword, value, "is no number", "write a number");
        return std::nullopt;
    }
    return Decimal(value.text);
}

std::string_view Compiler::Keywords::text(std::string_view keyword, const Value& value) {
    if (!value.is(Kind::string)) {
        blame(keyword, value, "is no text", "write a text");
        return {};
    }
    return value.text;
}

bool Compiler::Keywords::truth(std::string_view keyword, const Value& value) {
    if (!value.is(Kind::boolean)) {
        blame(keyword, value, "is neither true nor false", "write true or false");
    }
    return value.truth;
}

std::vector<std::string> Compiler::Keywords::names(std::string_view keyword, const Value& value) {
    std::vector<std::string> names;
    if (!value.is(Kind::array)) {
        blame(keyword, value, "is no list of names", "write a list of names");
        return names;
    }
    for (const Value& each : value.elements()) {
        names.emplace_back(text(keyword, each));
    }
    return names;
}

const Subschema* Compiler::Keywords::subschema(std::string_view keyword, const Value& value) {
    return compiler.add_at(
        {.value = &value, .pointer = pointer_of(keyword), .resource = at.resource});
}

Subschema::List Compiler::Keywords::subschemas(std::string_view keyword, const Value& value) {
    Subschema::List list;
    if (!value.is(Kind::array) || value.count == 0) {
        blame(keyword, value, "is no list of schemas",
              keyword == "items" ? "use prefixItems for a list of schemas"
                                 : "write a list of schemas");
        return list;
    }
    for (std::size_t i = 0; i < value.count; ++i) {
        std::string pointer = pointer_of(keyword);
        append_part(pointer, std::to_string(i));
        list.push_back(compiler.add_at(
            {.value = &value.items[i], .pointer = std::move(pointer), .resource = at.resource}));
    }
    return list;
}

Subschema::ByName Compiler::Keywords::by_name(std::string_view keyword, const Value& value) {
    Subschema::ByName map;
    if (!value.is(Kind::object)) {
        blame(keyword, value, "is no map of schemas", "write a map from names to schemas");
        return map;
    }
    for (std::size_t i = 0; i < value.count; ++i) {
        std::string pointer = pointer_of(keyword);
        append_part(pointer, value.name(i));
        map.emplace_back(value.name(i), compiler.add_at({.value = &value.member(i),
                                                         .pointer = std::move(pointer),
                                                         .resource = at.resource}));
    }
    return map;
}

std::unique_ptr<Pattern> Compiler::Keywords::pattern(std::string_view keyword, const Value& place,
                                                     std::string_view text) {
    auto made = Pattern::make(text);
    if (made == nullptr) {
        blame(keyword, place, "is no regular expression that can be matched in linear time",
              "write it without look-around and back-references");
    }
    return made;
}

void Compiler::Keywords::read_types(const Value& value) {
    const auto take = [&](const Value& one) {
        const auto bit = one.is(Kind::string) ? type_bit(one.text) : std::nullopt;
        if (!bit) {
            blame("type", one, "is no type",
                  "write null, boolean, integer, number, string, array or object");
            return;
        }
        out.types = static_cast<std::uint8_t>(out.types | *bit);
    };
    if (!value.is(Kind::array)) {
        take(value);
        return;
    }
    for (const Value& one : value.elements()) {
        take(one);
    }
}

void Compiler::Keywords::read_format(const Value& value) {
    const auto format = format_of(text("format", value));
    if (!format && compiler.options_.strict) {
        blame("format", value, "is not checked by anybody here",
              "use one of " + std::string(kFormatNames) + ", or a pattern");
    }
    out.format = format.value_or(Format::none);
}

// OpenAPI 3.0 has `exclusiveMinimum: true` beside `minimum`.
void Compiler::Keywords::read_bound(std::string_view keyword, const Value& value,
                                    std::optional<Decimal>& plain,
                                    std::optional<Decimal>& exclusive) {
    if (!openapi30()) {
        exclusive = number(keyword, value);
        return;
    }
    const Value* const bound = schema.find(keyword == "exclusiveMinimum" ? "minimum" : "maximum");
    if (truth(keyword, value) && bound != nullptr) {
        exclusive = number(keyword, *bound);
        plain.reset();
    }
}

bool Compiler::Keywords::read_value(std::string_view keyword, const Value& value) {
    if (keyword == "type") {
        read_types(value);
    } else if (keyword == "const" && !openapi30()) {
        out.constant = &value;
    } else if (keyword == "enum") {
        if (value.is(Kind::array) && value.count > 0) {
            out.choices = &value;
        } else {
            blame(keyword, value, "is no list of values", "write a list of one value or more");
        }
    } else if (keyword == "format") {
        read_format(value);
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_number(std::string_view keyword, const Value& value) {
    if (keyword == "minimum") {
        out.minimum = number(keyword, value);
    } else if (keyword == "maximum") {
        out.maximum = number(keyword, value);
    } else if (keyword == "exclusiveMinimum") {
        read_bound(keyword, value, out.minimum, out.above);
    } else if (keyword == "exclusiveMaximum") {
        read_bound(keyword, value, out.maximum, out.below);
    } else if (keyword == "multipleOf") {
        out.step = number(keyword, value);
        if (out.step && !out.step->divides()) {
            blame(keyword, value, "is no divisor", "write a number above 0 of up to 18 digits");
            out.step.reset();
        }
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_string(std::string_view keyword, const Value& value) {
    if (keyword == "minLength") {
        out.length_min = count(keyword, value);
    } else if (keyword == "maxLength") {
        out.length_max = count(keyword, value);
    } else if (keyword == "pattern") {
        out.pattern = pattern(keyword, value, text(keyword, value));
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_array(std::string_view keyword, const Value& value) {
    if (keyword == "minItems") {
        out.items_min = count(keyword, value);
    } else if (keyword == "maxItems") {
        out.items_max = count(keyword, value);
    } else if (keyword == "uniqueItems") {
        out.unique = truth(keyword, value);
    } else if (keyword == "items") {
        out.items = subschema(keyword, value);
    } else if (openapi30()) {
        return false;
    } else if (keyword == "prefixItems") {
        out.prefix_items = subschemas(keyword, value);
    } else if (keyword == "contains") {
        out.contains = subschema(keyword, value);
    } else if (keyword == "minContains") {
        out.contains_min = count(keyword, value);
    } else if (keyword == "maxContains") {
        out.contains_max = count(keyword, value);
    } else if (keyword == "unevaluatedItems") {
        out.unevaluated_items = subschema(keyword, value);
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_object(std::string_view keyword, const Value& value) {
    if (keyword == "minProperties") {
        out.members_min = count(keyword, value);
    } else if (keyword == "maxProperties") {
        out.members_max = count(keyword, value);
    } else if (keyword == "required") {
        out.required = names(keyword, value);
    } else if (keyword == "properties") {
        out.properties = by_name(keyword, value);
    } else if (keyword == "additionalProperties") {
        out.additional = subschema(keyword, value);
    } else if (openapi30()) {
        return false;
    } else if (keyword == "patternProperties") {
        for (const auto& [name, of] : by_name(keyword, value)) {
            if (auto made = pattern(keyword, value, name)) {
                out.pattern_properties.push_back({.pattern = std::move(made), .schema = of});
            }
        }
    } else if (keyword == "propertyNames") {
        out.names = subschema(keyword, value);
    } else if (keyword == "unevaluatedProperties") {
        out.unevaluated_members = subschema(keyword, value);
    } else if (keyword == "dependentSchemas") {
        out.dependent = by_name(keyword, value);
    } else if (keyword == "dependentRequired" && value.is(Kind::object)) {
        for (std::size_t i = 0; i < value.count; ++i) {
            out.dependent_required.emplace_back(value.name(i), names(keyword, value.member(i)));
        }
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_same(std::string_view keyword, const Value& value) {
    if (keyword == "allOf") {
        out.all_of = subschemas(keyword, value);
    } else if (keyword == "anyOf") {
        out.any_of = subschemas(keyword, value);
    } else if (keyword == "oneOf") {
        out.one_of = subschemas(keyword, value);
    } else if (keyword == "not") {
        out.negated = subschema(keyword, value);
    } else if (openapi30()) {
        return false;
    } else if (keyword == "if") {
        out.condition = subschema(keyword, value);
    } else if (keyword == "then") {
        out.then = subschema(keyword, value);
    } else if (keyword == "else") {
        out.otherwise = subschema(keyword, value);
    } else {
        return false;
    }
    return true;
}

bool Compiler::Keywords::read_reference(std::string_view keyword, const Value& value) {
    const bool dynamic = keyword == "$dynamicRef" && !openapi30();
    if (!dynamic && keyword != "$ref") {
        return false;
    }
    const std::string reference(text(keyword, value));
    const auto found = compiler.find(reference, at.resource);
    if (!found) {
        blame(keyword, value, "names no schema of this document",
              "put the schema into this file, for example under $defs, and write \"#/$defs/name\"");
        return true;
    }
    const Subschema* const target = compiler.add_at(*found);
    if (!dynamic) {
        out.ref = target;
        return true;
    }
    out.dynamic_ref = target;
    const auto split = split_fragment(resolve(compiler.resources_[at.resource].base, reference));
    const auto& anchors = compiler.resources_[found->resource].dynamic_anchors;
    if (const auto anchor = anchors.find(split->fragment);
        anchor != anchors.end() && anchor->second.value == found->value) {
        out.dynamic_anchor = split->fragment;
    }
    return true;
}

bool Compiler::Keywords::is_annotation(std::string_view keyword, const Value& value) {
    if (keyword.starts_with("x-") ||
        std::ranges::find(kAnnotations, keyword) != kAnnotations.end()) {
        return true;
    }
    if (openapi() && std::ranges::find(kOpenApiAnnotations, keyword) != kOpenApiAnnotations.end()) {
        return true;
    }
    if (keyword == "$schema") {
        return value.is(Kind::string) &&
               (value.text == "https://json-schema.org/draft/2020-12/schema" ||
                value.text == "https://json-schema.org/draft/2020-12/schema#" ||
                value.text.starts_with("https://spec.openapis.org/oas/3.1/dialect/"));
    }
    return keyword == "$dynamicAnchor" || (openapi30() && keyword == "nullable");
}

// In requests, what only answers have is not asked for; in 3.0, null is a word beside the type.
void Compiler::Keywords::finish_openapi() {
    if (openapi30() && out.types != 0) {
        if (const Value* const nullable = schema.find("nullable");
            nullable != nullptr && truth("nullable", *nullable)) {
            out.types = static_cast<std::uint8_t>(out.types | kNull);
        }
    }
    const Value* const properties = schema.find("properties");
    std::erase_if(out.required, [&](const std::string& name) {
        const Value* const property = properties != nullptr ? properties->find(name) : nullptr;
        const Value* const read_only = property != nullptr ? property->find("readOnly") : nullptr;
        return read_only != nullptr && read_only->truth;
    });
}

void Compiler::Keywords::read_all() {
    if (schema.is(Kind::boolean)) {
        out.always = schema.truth;
        return;
    }
    if (!schema.is(Kind::object)) {
        compiler.blame(at.pointer, schema, "is no schema",
                       "write a map of keywords, true or false");
        return;
    }
    if (const Value* const ref = schema.find("$ref"); ref != nullptr && openapi30()) {
        read_reference("$ref", *ref);  // what stands beside it says nothing there
        return;
    }
    for (std::size_t i = 0; i < schema.count; ++i) {
        const std::string_view keyword = schema.name(i);
        const Value& value = schema.member(i);
        const bool known = read_value(keyword, value) || read_number(keyword, value) ||
                           read_string(keyword, value) || read_array(keyword, value) ||
                           read_object(keyword, value) || read_same(keyword, value) ||
                           read_reference(keyword, value) || is_annotation(keyword, value);
        if (!known && compiler.options_.strict) {
            blame(keyword, value,
                  keyword == "$schema" ? "is another dialect than draft 2020-12"
                                       : "is no keyword of this dialect",
                  keyword == "$schema"
                      ? R"(write it for "https://json-schema.org/draft/2020-12/schema")"
                      : "take it out, or begin its name with x-");
        }
    }
    if (openapi()) {
        finish_openapi();
    }
}

}  // namespace gw::schema
