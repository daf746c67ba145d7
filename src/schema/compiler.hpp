// Makes Subschemas of a document that holds JSON Schemas (draft 2020-12), alone or within an
// OpenAPI description. What cannot be evaluated as it is written is a defect, with its place:
// nothing is passed over in silence. While starting and reloading; one thread.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schema/subschema.hpp"

namespace gw::schema {

enum class Dialect : std::uint8_t { draft2020, openapi30, openapi31 };

struct Defect {
    std::string pointer;  // of what is wrong, in the document
    unsigned line = 0;    // of it, if that is known
    std::string what;     // continues the pointer: "is no list"
    std::string remedy;
};

// What was made of one document. Immutable; the document outlives it.
struct Compiled {
    std::deque<Subschema> schemas;
    std::vector<Resource> resources;
};

struct CompilerOptions {
    Dialect dialect = Dialect::draft2020;
    // Are keywords that nobody here knows a defect? Nobody can tell what they were meant to forbid.
    bool strict = true;
};

class Compiler {
  public:
    Compiler(const Value& document, CompilerOptions options, Compiled& to);
    ~Compiler();
    Compiler(const Compiler&) = delete;
    Compiler& operator=(const Compiler&) = delete;

    // Tells it of a schema before it is referred to; the document itself, where it is one.
    void announce(const Value& schema, const std::string& pointer);
    // The schema that stands there. Complete after finish().
    const Subschema* add(const Value& schema, const std::string& pointer);
    // Compiles all that was added and what it refers to.
    void finish();

    // What `reference` names in the document, "#/…" only. Null: nothing.
    const Value* follow(std::string_view reference, std::string& pointer) const;

    [[nodiscard]] std::vector<Defect>& defects() { return defects_; }

  private:
    struct Place {
        const Value* value = nullptr;
        std::string pointer;
        std::uint32_t resource = 0;
    };
    struct ResourceIndex {
        const Value* root = nullptr;
        std::string pointer;
        std::string base;
        std::map<std::string, Place, std::less<>> anchors;
        std::map<std::string, Place, std::less<>> dynamic_anchors;
    };
    struct Keywords;

    void index(const Value& schema, const std::string& pointer, std::uint32_t resource);
    std::uint32_t index_id(const Value& schema, const std::string& pointer, std::uint32_t resource);
    void index_anchors(const Value& schema, const std::string& pointer, std::uint32_t resource);
    const Subschema* add_at(const Place& place);
    std::optional<Place> find(std::string_view reference, std::uint32_t from) const;
    Place walk(const ResourceIndex& from, std::uint32_t resource,
               const std::vector<std::string>& parts) const;
    void blame(const std::string& pointer, const Value& at, std::string what, std::string remedy);
    void look_for_loops();

    const Value& document_;
    CompilerOptions options_;
    Compiled& to_;
    std::vector<ResourceIndex> resources_;
    std::map<std::string, std::uint32_t, std::less<>> by_uri_;
    std::map<const Value*, Place> places_;  // of schemas that stand where schemas do
    std::map<const Value*, Subschema*> made_;
    std::vector<std::pair<Place, Subschema*>> open_;  // made, and not read yet
    std::vector<Defect> defects_;
};

}  // namespace gw::schema
