#include "schema/parameter_types.hpp"

#include "schema/validator.hpp"

namespace gw::schema {
namespace {

constexpr int kDepthMax = 8;

// What texts are read by: one that is a number is read as such, whole or not.
std::uint8_t read_as(const Value& value) {
    return static_cast<std::uint8_t>(type_of(value) & ~kInteger);
}

std::uint8_t types_below(const Subschema* schema, int depth) {
    if (schema == nullptr || depth > kDepthMax) {
        return 0;
    }
    std::uint8_t types = schema->types;
    const auto add = [&](std::uint8_t more) { types = static_cast<std::uint8_t>(types | more); };
    if (types == 0) {
        add(types_below(schema->ref, depth + 1));
        for (const auto* const list : {&schema->all_of, &schema->any_of, &schema->one_of}) {
            for (const Subschema* const other : *list) {
                add(types_below(other, depth + 1));
            }
        }
    }
    if (types == 0 && schema->constant != nullptr) {
        add(read_as(*schema->constant));
    } else if (types == 0 && schema->choices != nullptr) {
        for (std::uint32_t i = 0; i < schema->choices->count; ++i) {
            add(read_as(schema->choices->items[i]));
        }
    }
    if (types == 0) {
        add(static_cast<std::uint8_t>((schema->items != nullptr ? kArray : 0) |
                                      (schema->properties.empty() ? 0 : kObject)));
    }
    return types;
}

const Subschema* items_below(const Subschema* schema, int depth) {
    if (schema == nullptr || schema->items != nullptr || depth > kDepthMax) {
        return schema != nullptr ? schema->items : nullptr;
    }
    return items_below(schema->ref, depth + 1);
}

}  // namespace

std::uint8_t types_of(const Subschema* schema) {
    return types_below(schema, 0);
}

const Subschema* items_of(const Subschema* schema) {
    return items_below(schema, 0);
}

}  // namespace gw::schema
