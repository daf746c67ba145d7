// The keywords of a schema, one by one, into a Subschema.
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

    void read_all();

    // One for each way of writing a keyword's value. Null or nothing, and a defect, if it is
    // written otherwise.
    void blame(std::string_view keyword, const Value& value, std::string what, std::string remedy);
    std::optional<std::uint64_t> count(std::string_view keyword, const Value& value);
    std::optional<Decimal> number(std::string_view keyword, const Value& value);
    std::string_view text(std::string_view keyword, const Value& value);
    bool truth(std::string_view keyword, const Value& value);
    std::vector<std::string> names(std::string_view keyword, const Value& value);
    const Subschema* subschema(std::string_view keyword, const Value& value);
    Subschema::List subschemas(std::string_view keyword, const Value& value);
    Subschema::ByName by_name(std::string_view keyword, const Value& value);

    bool read_value(std::string_view keyword, const Value& value);
    bool read_number(std::string_view keyword, const Value& value);
    bool read_string(std::string_view keyword, const Value& value);
    bool read_array(std::string_view keyword, const Value& value);
    bool read_object(std::string_view keyword, const Value& value);
    bool read_same(std::string_view keyword, const Value& value);
    bool read_reference(std::string_view keyword, const Value& value);
    bool is_annotation(std::string_view keyword, const Value& value);
    void read_types(const Value& value);
    void read_format(const Value& value);
    void read_bound(std::string_view keyword, const Value& value, std::optional<Decimal>& plain,
                    std::optional<Decimal>& exclusive);
    std::unique_ptr<Pattern> pattern(std::string_view keyword, const Value& place,
                                     std::string_view text);
    void finish_openapi();
    [[nodiscard]] std::string pointer_of(std::string_view keyword) const;
    [[nodiscard]] bool openapi() const { return compiler.options_.dialect != Dialect::draft2020; }
    [[nodiscard]] bool openapi30() const { return compiler.options_.dialect == Dialect::openapi30; }
};

}  // namespace gw::schema
