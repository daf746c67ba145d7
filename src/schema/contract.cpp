#include "schema/contract.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "schema/parameter_types.hpp"
#include "schema/reference.hpp"

namespace gw::schema {
namespace {

constexpr std::array<std::string_view, 7> kMethods{"get",   "put",     "post", "delete",
                                                   "patch", "options", "head"};
constexpr std::size_t kOperationsMax = 2'000;  // they are looked through for each request

std::string in_capitals(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    });
    return out;
}

std::string in_small(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

std::string_view text_of(const Value& of, std::string_view name) {
    const Value* const value = of.find(name);
    return value != nullptr && value->is(Kind::string) ? value->text : std::string_view{};
}

bool truth_of(const Value& of, std::string_view name, bool otherwise) {
    const Value* const value = of.find(name);
    return value != nullptr && value->is(Kind::boolean) ? value->truth : otherwise;
}

std::string below(std::string pointer, std::string_view part) {
    append_part(pointer, part);
    return pointer;
}

// "https://host/api/v1/" and "/api/v1" are both "/api/v1".
std::string base_of(std::string_view url) {
    if (const std::size_t scheme = url.find("://"); scheme != std::string_view::npos) {
        url.remove_prefix(scheme + 3);
        url.remove_prefix(std::min(url.find('/'), url.size()));
    }
    while (url.ends_with('/')) {
        url.remove_suffix(1);
    }
    return std::string(url);
}

}  // namespace

// Reads an OpenAPI description.
class Contract::Reader {
  public:
    Reader(Contract& to, Dialect dialect, std::vector<config::Mistake>& mistakes)
        : contract_(to),
          root_(to.source_->root()),
          compiler_(root_, {.dialect = dialect}, to.compiled_),
          mistakes_(mistakes) {}

    void read(std::string_view wanted);
    void take_defects();
    void blame(const std::string& pointer, const Value& at, std::string_view what,
               std::string_view remedy);
    Compiler& compiler() { return compiler_; }

  private:
    struct Found {
        const Value* value = nullptr;
        std::string pointer;
    };
    Found followed(const Value& value, std::string pointer);
    void read_path(const std::string& base, std::string_view path, const Value& item,
                   const std::string& pointer, std::string_view wanted);
    void read_segments(Operation& operation, const Value& at, const std::string& pointer);
    void read_parameters(Operation& operation, const Value& of, const std::string& pointer);
    void read_parameter(Operation& operation, const Value& value, const std::string& pointer);
    void read_body(Operation& operation, const Value& of, const std::string& pointer);
    void judge_parameters();

    // A parameter's schema, which says what it is once all are compiled.
    struct Described {
        const Value* at;
        std::string pointer;
        const Subschema* schema;
    };

    Contract& contract_;
    const Value& root_;
    Compiler compiler_;
    std::vector<config::Mistake>& mistakes_;
    std::vector<Described> described_;
};

void Contract::Reader::blame(const std::string& pointer, const Value& at, std::string_view what,
                             std::string_view remedy) {
    mistakes_.push_back(
        {.place = {.source = contract_.source_->name(), .line = at.line, .column = 1},
         .what = (pointer.empty() ? "it" : pointer) + " " + std::string(what),
         .remedy = std::string(remedy)});
}

void Contract::Reader::take_defects() {
    for (Defect& defect : compiler_.defects()) {
        mistakes_.push_back(
            {.place = {.source = contract_.source_->name(), .line = defect.line, .column = 1},
             .what = (defect.pointer.empty() ? "it" : defect.pointer) + " " + defect.what,
             .remedy = std::move(defect.remedy)});
    }
}

// Parameters and bodies may stand elsewhere in the description.
Contract::Reader::Found Contract::Reader::followed(const Value& value, std::string pointer) {
    const std::string_view reference = text_of(value, "$ref");
    if (reference.empty()) {
        return {.value = &value, .pointer = std::move(pointer)};
    }
    std::string there;
    const Value* const found = compiler_.follow(reference, there);
    if (found == nullptr || found->find("$ref") != nullptr) {
        blame(below(std::move(pointer), "$ref"), value, "names nothing in this file",
              "write \"#/components/…\", what stands in this very file");
        return {};
    }
    return {.value = found, .pointer = std::move(there)};
}

void Contract::Reader::read_segments(Operation& operation, const Value& at,
                                     const std::string& pointer) {
    std::string_view path = operation.path;
    while (!path.empty()) {
        path.remove_prefix(1);
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view segment = path.substr(0, end);
        path.remove_prefix(end);
        const bool parameter = segment.starts_with('{') && segment.ends_with('}');
        if (!parameter && segment.find_first_of("{}") != std::string_view::npos) {
            blame(pointer, at, "has a parameter that is a part of a segment",
                  "make it a segment of its own");
        }
        operation.segments.emplace_back(parameter ? "{}" : segment);
        if (parameter) {
            operation.path_names.emplace_back(segment.substr(1, segment.size() - 2));
        }
    }
    if (operation.path_names.size() > kPathParametersMax) {
        blame(pointer, at, "has more than 8 parameters", "use fewer");
    }
}

void Contract::Reader::read_parameter(Operation& operation, const Value& value,
                                      const std::string& pointer) {
    Parameter parameter;
    const std::string_view in = text_of(value, "in");
    parameter.in = in == "path" ? In::path : in == "header" ? In::header : In::query;
    parameter.name = parameter.in == In::header ? in_small(text_of(value, "name"))
                                                : std::string(text_of(value, "name"));
    // OpenAPI, Parameter Object: these are described elsewhere.
    if (parameter.in == In::header &&
        (parameter.name == "accept" || parameter.name == "content-type" ||
         parameter.name == "authorization")) {
        return;
    }
    const bool query = parameter.in == In::query;
    const std::string_view style = text_of(value, "style");
    const Value* const schema = value.find("schema");
    if (parameter.name.empty() || (in != "path" && in != "header" && in != "query")) {
        return blame(pointer, value, "is no parameter that is looked at",
                     "give it a name, and path, query or header for `in`");
    }
    if (schema == nullptr || (!style.empty() && style != (query ? "form" : "simple"))) {
        return blame(pointer, value, "is not written in a way that is looked at",
                     "give it a schema, and leave style out");
    }
    if (parameter.in == In::path &&
        std::ranges::find(operation.path_names, parameter.name) == operation.path_names.end()) {
        return blame(pointer, value, "names no parameter of the path",
                     "write {" + parameter.name + "} into the path, or leave it out");
    }
    parameter.may_be_empty = truth_of(value, "allowEmptyValue", false);
    if (parameter.may_be_empty && !query) {
        return blame(pointer, value, "has allowEmptyValue, which only a query parameter may have",
                     "take allowEmptyValue out");
    }
    parameter.required = truth_of(value, "required", false) || parameter.in == In::path;
    parameter.repeated = query && truth_of(value, "explode", true);
    parameter.schema = compiler_.add(*schema, below(pointer, "schema"));
    // What stands before all methods of a path is read for each of them.
    if (std::ranges::find(described_, schema, &Described::at) == described_.end()) {
        described_.push_back({schema, below(pointer, "schema"), parameter.schema});
    }
    const auto same = [&](const Parameter& other) {
        return other.in == parameter.in && other.name == parameter.name;
    };
    std::erase_if(operation.parameters, same);  // an operation's go before its path's
    operation.parameters.push_back(std::move(parameter));
}

void Contract::Reader::read_parameters(Operation& operation, const Value& of,
                                       const std::string& pointer) {
    const Value* const list = of.find("parameters");
    if (list == nullptr) {
        return;
    }
    if (!list->is(Kind::array)) {
        return blame(below(pointer, "parameters"), *list, "is no list",
                     "write a list of parameters");
    }
    for (std::size_t i = 0; i < list->count; ++i) {
        const Found found =
            followed(list->items[i], below(below(pointer, "parameters"), std::to_string(i)));
        if (found.value != nullptr) {
            read_parameter(operation, *found.value, found.pointer);
        }
    }
}

void Contract::Reader::read_body(Operation& operation, const Value& of,
                                 const std::string& pointer) {
    const Value* const body = of.find("requestBody");
    if (body == nullptr) {
        return;
    }
    const Found found = followed(*body, below(pointer, "requestBody"));
    if (found.value == nullptr) {
        return;
    }
    const Value* const content = found.value->find("content");
    if (content == nullptr || !content->is(Kind::object) || content->count == 0) {
        return blame(found.pointer, *found.value, "has no content",
                     "name the media types of the body under `content`");
    }
    operation.body_required = truth_of(*found.value, "required", false);
    for (std::size_t i = 0; i < content->count; ++i) {
        MediaType media{.pattern = std::string(content->name(i))};
        const Value* const schema = content->member(i).find("schema");
        if (schema != nullptr && is_json_type(media.pattern)) {
            media.schema = compiler_.add(
                *schema, below(below(below(found.pointer, "content"), media.pattern), "schema"));
        }
        operation.content.push_back(std::move(media));
    }
}

void Contract::Reader::read_path(const std::string& base, std::string_view path, const Value& item,
                                 const std::string& pointer, std::string_view wanted) {
    for (const std::string_view method : kMethods) {
        const Value* const of = item.find(method);
        if (of == nullptr || (!wanted.empty() && text_of(*of, "operationId") != wanted)) {
            continue;
        }
        Operation operation;
        operation.id = text_of(*of, "operationId");
        operation.method = in_capitals(method);
        operation.path = base + std::string(path);
        read_segments(operation, item, pointer);
        read_parameters(operation, item, pointer);
        read_parameters(operation, *of, below(pointer, method));
        read_body(operation, *of, below(pointer, method));
        for (const std::string& name : operation.path_names) {
            if (std::ranges::none_of(operation.parameters, [&](const Parameter& parameter) {
                    return parameter.in == In::path && parameter.name == name;
                })) {
                blame(below(pointer, method), *of, "does not describe {" + name + "}",
                      "describe it under `parameters`, with `in: path`");
            }
        }
        contract_.operations_.push_back(std::move(operation));
    }
}

void Contract::Reader::read(std::string_view wanted) {
    const Value* const schemas =
        root_.find("components") != nullptr ? root_.find("components")->find("schemas") : nullptr;
    for (std::size_t i = 0; schemas != nullptr && schemas->is(Kind::object) && i < schemas->count;
         ++i) {
        compiler_.announce(schemas->member(i), below("/components/schemas", schemas->name(i)));
    }
    const Value* const servers = root_.find("servers");
    const std::string base = servers != nullptr && servers->is(Kind::array) && servers->count > 0
                                 ? base_of(text_of(servers->items[0], "url"))
                                 : "";
    const Value* const paths = root_.find("paths");
    if (paths == nullptr || !paths->is(Kind::object)) {
        return blame("", root_, "has no paths", "describe the API under `paths`");
    }
    for (std::size_t i = 0; i < paths->count; ++i) {
        const std::string pointer = below("/paths", paths->name(i));
        if (paths->name(i).starts_with("x-")) {
            continue;
        }
        if (!paths->name(i).starts_with('/') || paths->member(i).find("$ref") != nullptr) {
            blame(pointer, paths->member(i), "is no path that is looked at",
                  "begin it with /, and describe it here");
            continue;
        }
        read_path(base, paths->name(i), paths->member(i), pointer, wanted);
    }
    if (contract_.operations_.empty() || contract_.operations_.size() > kOperationsMax) {
        blame("/paths", *paths,
              wanted.empty() ? "has no operations, or more than 2000"
                             : "has no operation " + config::quote(wanted),
              "describe it, with its operationId");
    }
    compiler_.finish();
    take_defects();
    judge_parameters();
}

// A text holds one value, or a list of them.
void Contract::Reader::judge_parameters() {
    for (const Described& one : described_) {
        const std::uint8_t types = types_of(one.schema);
        const std::uint8_t elements =
            (types & kArray) != 0 ? types_of(items_of(one.schema)) : std::uint8_t{0};
        if ((types & kObject) != 0 || (elements & (kArray | kObject)) != 0) {
            blame(one.pointer, *one.at, "is of an object, or of a list of more than values",
                  "describe each value as a parameter of its own, or as a text (type: string)");
        }
    }
}

namespace {

// What a text is taken for is known when schemas are compiled.
void settle_types(std::vector<Operation>& operations) {
    for (Operation& operation : operations) {
        for (Parameter& parameter : operation.parameters) {
            parameter.types = types_of(parameter.schema);
            parameter.list = (parameter.types & kArray) != 0;
            if (parameter.list) {
                parameter.types = types_of(items_of(parameter.schema));
            }
        }
    }
    // "/tickets/mine" before "/tickets/{id}".
    const auto rank = [](const std::string& segment) {
        return std::pair(segment == "{}", std::string_view(segment));
    };
    std::ranges::sort(operations, [&](const Operation& a, const Operation& b) {
        return std::ranges::lexicographical_compare(a.segments, b.segments, {}, rank, rank);
    });
}

}  // namespace

std::shared_ptr<const Contract> Contract::of_api(std::unique_ptr<Source> source,
                                                 std::string_view operation,
                                                 std::vector<config::Mistake>& mistakes) {
    if (source == nullptr) {
        return nullptr;
    }
    const std::size_t before = mistakes.size();
    const auto contract = std::make_shared<Contract>(std::move(source));
    const std::string_view version = text_of(contract->source_->root(), "openapi");
    Reader reader(*contract, version.starts_with("3.0.") ? Dialect::openapi30 : Dialect::openapi31,
                  mistakes);
    if (!version.starts_with("3.0.") && !version.starts_with("3.1.")) {
        reader.blame("", contract->source_->root(), "is no description of OpenAPI 3.0 or 3.1",
                     "begin it with `openapi: 3.1.0`");
        return nullptr;
    }
    reader.read(operation);
    settle_types(contract->operations_);
    return mistakes.size() == before ? contract : nullptr;
}

std::shared_ptr<const Contract> Contract::of_body(std::unique_ptr<Source> source,
                                                  std::vector<config::Mistake>& mistakes) {
    if (source == nullptr) {
        return nullptr;
    }
    const std::size_t before = mistakes.size();
    const auto contract = std::make_shared<Contract>(std::move(source));
    Reader reader(*contract, Dialect::draft2020, mistakes);
    reader.compiler().announce(contract->source_->root(), "");
    Operation operation;
    operation.body_required = true;
    for (const char* const pattern : {"application/json", "text/json", "application/*+json"}) {
        operation.content.push_back(
            {.pattern = pattern, .schema = reader.compiler().add(contract->source_->root(), "")});
    }
    contract->operations_.push_back(std::move(operation));
    reader.compiler().finish();
    reader.take_defects();
    return mistakes.size() == before ? contract : nullptr;
}

std::shared_ptr<const Contract> Contract::of_body(const std::string& path,
                                                  std::vector<config::Mistake>& mistakes) {
    return of_body(Source::load(path, mistakes), mistakes);
}

std::shared_ptr<const Contract> Contract::of_api(const std::string& path,
                                                 std::string_view operation,
                                                 std::vector<config::Mistake>& mistakes) {
    return of_api(Source::load(path, mistakes), operation, mistakes);
}

bool matches(const Operation& operation, std::string_view path,
             std::span<std::string_view, Contract::kPathParametersMax> values) {
    std::size_t parameters = 0;
    for (const std::string& segment : operation.segments) {
        if (path.empty()) {
            return false;
        }
        path.remove_prefix(1);
        const std::size_t end = find_byte(path, '/');
        const std::string_view there = path.substr(0, end);
        path.remove_prefix(end);
        if (segment == "{}") {
            if (there.empty()) {
                return false;
            }
            values[parameters++] = there;
        } else if (segment != there) {
            return false;
        }
    }
    return path.empty();
}

const Operation* Contract::find(std::string_view method, std::string_view path,
                                std::span<std::string_view, kPathParametersMax> values) const {
    for (const Operation& operation : operations_) {
        if (operation.method == method && matches(operation, path, values)) {
            return &operation;
        }
    }
    return nullptr;
}

std::string Contract::methods_of(std::string_view path) const {
    std::array<std::string_view, kPathParametersMax> values;
    std::vector<std::string_view> methods;
    const auto add = [&](std::string_view method) {
        if (std::ranges::find(methods, method) == methods.end()) {
            methods.push_back(method);
        }
    };
    for (const Operation& operation : operations_) {
        if (matches(operation, path, values)) {
            add(operation.method);
            if (operation.method == "GET") {
                add("HEAD");
            }
        }
    }
    std::string list;
    for (const std::string_view method : methods) {
        list.append(list.empty() ? "" : ", ").append(method);
    }
    return list;
}

const MediaType* media_type(const Operation& operation, std::string_view content_type) {
    const std::string_view type = trim_ows(content_type.substr(0, content_type.find(';')));
    const auto fits = [&](std::string_view pattern) {
        const std::size_t star = pattern.find('*');
        if (star == std::string_view::npos || pattern == "*/*") {
            return pattern == "*/*" || equal_ignore_case(pattern, type);
        }
        const std::string_view end = pattern.substr(star + 1);
        return type.size() >= pattern.size() - 1 &&
               starts_with_ignore_case(type, pattern.substr(0, star)) &&
               equal_ignore_case(type.substr(type.size() - end.size()), end);
    };
    // The more exact first.
    const MediaType* best = nullptr;
    for (const MediaType& media : operation.content) {
        if (fits(media.pattern) && (best == nullptr || best->pattern.contains('*'))) {
            best = &media;
        }
    }
    return best;
}

}  // namespace gw::schema
