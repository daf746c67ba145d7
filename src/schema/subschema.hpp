// A schema as it is evaluated: every keyword read, every reference followed. Made by the Compiler,
// immutable, and shared by all workers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/decimal.hpp"
#include "schema/format.hpp"
#include "schema/json.hpp"
#include "schema/pattern.hpp"

namespace gw::schema {

// A bit for each name that `type` may have.
enum TypeBit : std::uint8_t {
    kNull = 1,
    kBoolean = 2,
    kInteger = 4,
    kNumber = 8,
    kString = 16,
    kArray = 32,
    kObject = 64,
};

struct Subschema {
    using List = std::vector<const Subschema*>;
    using ByName = std::vector<std::pair<std::string, const Subschema*>>;
    struct ByPattern {
        std::unique_ptr<Pattern> pattern;
        const Subschema* schema = nullptr;
    };

    std::string pointer;         // where it stands in its document
    std::uint32_t resource = 0;  // the schema resource that it belongs to
    std::optional<bool> always;  // of the schemas `true` and `false`

    // of any value
    std::uint8_t types = 0;  // TypeBit; 0: any
    const Value* constant = nullptr;
    const Value* choices = nullptr;  // the array of `enum`
    Format format = Format::none;

    // of numbers
    std::optional<Decimal> minimum, maximum, above, below, step;

    // of texts
    std::optional<std::uint64_t> length_min, length_max;
    std::unique_ptr<Pattern> pattern;

    // of arrays
    std::optional<std::uint64_t> items_min, items_max, contains_min, contains_max;
    bool unique = false;
    List prefix_items;
    const Subschema* items = nullptr;
    const Subschema* contains = nullptr;
    const Subschema* unevaluated_items = nullptr;

    // of objects; those by name in the order of names
    std::optional<std::uint64_t> members_min, members_max;
    ByName properties;
    std::vector<ByPattern> pattern_properties;
    const Subschema* additional = nullptr;
    const Subschema* names = nullptr;
    const Subschema* unevaluated_members = nullptr;
    std::vector<std::string> required;
    std::vector<std::pair<std::string, std::vector<std::string>>> dependent_required;
    ByName dependent;

    // of the same value
    List all_of, any_of, one_of;
    const Subschema* negated = nullptr;
    const Subschema* condition = nullptr;
    const Subschema* then = nullptr;
    const Subschema* otherwise = nullptr;
    const Subschema* ref = nullptr;
    const Subschema* dynamic_ref = nullptr;
    std::string dynamic_anchor;  // what dynamic_ref is looked for by; "": it is a plain reference
};

// What $dynamicRef finds in a schema resource.
struct Resource {
    std::vector<std::pair<std::string, const Subschema*>> dynamic_anchors;
};

}  // namespace gw::schema
