// What the text of a parameter may be taken for, as its schema has it: a query, a path and a field
// hold texts, and schemas speak of numbers and lists. Pure.
#pragma once

#include <cstdint>

#include "schema/subschema.hpp"

namespace gw::schema {

// TypeBit; 0: the schema does not say. Of a compiled schema and what it refers to: `type`, else the
// values of `enum` and `const`, else what `items` and `properties` are for.
std::uint8_t types_of(const Subschema* schema);
// Of the elements of a list; null: the schema says nothing of them.
const Subschema* items_of(const Subschema* schema);

}  // namespace gw::schema
