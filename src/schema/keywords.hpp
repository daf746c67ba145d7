// The keywords of a schema, one by one, into a Subschema. What is written wrongly becomes a defect
// of the compiler and is left out; nothing fails, nothing throws. While starting and reloading, on
// the thread that does.
#pragma once

#include "schema/compiler.hpp"

namespace gw::schema {

// What a keyword holds that is a schema itself.
enum class Holds : std::uint8_t { nothing, schema, list, map };
Holds holds(std::string_view keyword);

struct Compiler::Keywords {
    Compiler& compiler;
    const Place& at;
    const Value& schema;
    Subschema& out;

    // All keywords of `schema`, in the order in which they are written.
    void read_all();

    // A defect at that keyword. what continues the place: "is no list".
    void blame(std::string_view keyword, const Value& value, std::string what, std::string remedy);
    // One for each way of writing a keyword's value. Null, nothing or empty, and a defect, if it is
    // written otherwise.
    std::optional<std::uint64_t> count(std::string_view keyword, const Value& value);
    std::optional<Decimal> number(std::string_view keyword, const Value& value);
    std::string_view text(std::string_view keyword, const Value& value);
    bool truth(std::string_view keyword, const Value& value);
    std::vector<std::string> names(std::string_view keyword, const Value& value);
    const Subschema* subschema(std::string_view keyword, const Value& value);
    Subschema::List subschemas(std::string_view keyword, const Value& value);
    Subschema::ByName by_name(std::string_view keyword, const Value& value);

    // One for each kind of keywords. True: it is one of them in this dialect, and is read.
    bool read_value(std::string_view keyword, const Value& value);
    bool read_number(std::string_view keyword, const Value& value);
    bool read_string(std::string_view keyword, const Value& value);
    bool read_array(std::string_view keyword, const Value& value);
    bool read_object(std::string_view keyword, const Value& value);
    bool read_same(std::string_view keyword, const Value& value);
    bool read_reference(std::string_view keyword, const Value& value);
    // Does it say something of a value and forbid none?
    bool is_annotation(std::string_view keyword, const Value& value);
    void read_types(const Value& value);
    void read_format(const Value& value);
    // exclusiveMinimum or exclusiveMaximum: a number, or in OpenAPI 3.0 a word beside the plain
    // one.
    void read_bound(std::string_view keyword, const Value& value, std::optional<Decimal>& plain,
                    std::optional<Decimal>& exclusive);
    // place: where it is written. Null, and a defect, if it cannot be matched in linear time.
    std::unique_ptr<Pattern> pattern(std::string_view keyword, const Value& place,
                                     std::string_view text);
    // After all keywords of a schema of OpenAPI: `nullable`, and what only answers have to hold.
    void finish_openapi();
    [[nodiscard]] std::string pointer_of(std::string_view keyword) const;
    [[nodiscard]] bool openapi() const { return compiler.options_.dialect != Dialect::draft2020; }
    [[nodiscard]] bool openapi30() const { return compiler.options_.dialect == Dialect::openapi30; }
};

}  // namespace gw::schema
