// What the requests of an API have to look like: made of an OpenAPI description (3.0 or 3.1) or of
// one JSON Schema for bodies. Immutable, shared by all workers.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/compiler.hpp"
#include "schema/source.hpp"

namespace gw::schema {

enum class In : std::uint8_t { path, query, header, body };
constexpr std::string_view name_of(In in) {
    constexpr std::array<std::string_view, 4> kNames{"path", "query", "header", "body"};
    return kNames[static_cast<std::size_t>(in)];
}

struct Parameter {
    In in = In::query;
    std::string name;  // of a header in lower case
    bool required = false;
    const Subschema* schema = nullptr;
    std::uint8_t types = 0;     // what a text may be taken for, TypeBit
    bool list = false;          // several values, of `types` each
    bool repeated = true;       // of a list: `a=1&a=2`; else `a=1,2`
    bool may_be_empty = false;  // `a` or `a=` fits, whatever the schema says; in queries only
};

struct MediaType {
    std::string pattern;                // "application/json", "image/*", "*/*"
    const Subschema* schema = nullptr;  // null: the body is not looked at
};

struct Operation {
    std::string id;      // operationId; may be empty
    std::string method;  // in capitals
    // As the description has it, with what stands before all paths in `servers`.
    std::string path;
    std::vector<std::string> segments;    // of the path; "{}" for a parameter
    std::vector<std::string> path_names;  // of the parameters, in their order
    std::vector<Parameter> parameters;
    bool body_required = false;
    std::vector<MediaType> content;  // none: bodies are not looked at
};

class Contract {
  public:
    // The body of every request is JSON that fits the schema of that file. Null and mistakes if it
    // cannot be had.
    static std::shared_ptr<const Contract> of_body(const std::string& path,
                                                   std::vector<config::Mistake>& mistakes);
    // operation: an operationId; empty: all of them.
    static std::shared_ptr<const Contract> of_api(const std::string& path,
                                                  std::string_view operation,
                                                  std::vector<config::Mistake>& mistakes);
    // The same of what was read already.
    static std::shared_ptr<const Contract> of_body(std::unique_ptr<Source> source,
                                                   std::vector<config::Mistake>& mistakes);
    static std::shared_ptr<const Contract> of_api(std::unique_ptr<Source> source,
                                                  std::string_view operation,
                                                  std::vector<config::Mistake>& mistakes);

    [[nodiscard]] const std::vector<Operation>& operations() const { return operations_; }
    [[nodiscard]] const Compiled& compiled() const { return compiled_; }
    [[nodiscard]] const Source& source() const { return *source_; }

    // The operation of a request; null if there is none. values: of its path's parameters, as they
    // stand in the path; as many as the operation has.
    static constexpr std::size_t kPathParametersMax = 8;
    [[nodiscard]] const Operation* find(
        std::string_view method, std::string_view path,
        std::span<std::string_view, kPathParametersMax> values) const;

    // What may be asked of this path, as Allow lists it: HEAD where GET may. Empty: the path is not
    // described.
    [[nodiscard]] std::string methods_of(std::string_view path) const;

    // Describes nothing: see above.
    explicit Contract(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  private:
    class Reader;

    std::unique_ptr<Source> source_;
    Compiled compiled_;
    std::vector<Operation> operations_;  // literal segments before parameters
};

// Does the path have the form of the operation's?
bool matches(const Operation& operation, std::string_view path,
             std::span<std::string_view, Contract::kPathParametersMax> values);
// The media type for a Content-Type; null if there is none.
const MediaType* media_type(const Operation& operation, std::string_view content_type);

}  // namespace gw::schema
