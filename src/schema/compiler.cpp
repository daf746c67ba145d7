#include "schema/compiler.hpp"

#include <algorithm>
#include <charconv>

#include "schema/keywords.hpp"
#include "schema/reference.hpp"

namespace gw::schema {
namespace {

// More than a description of a large API has; each is a few hundred bytes.
constexpr std::size_t kSchemasMax = 50'000;
// What a person reads before mending the first of them.
constexpr std::size_t kDefectsMax = 50;

const Value* child(const Value& value, const std::string& part) {
    if (value.is(Kind::object)) {
        return value.find(part);
    }
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool plain = error == std::errc{} && end == part.data() + part.size() &&
                       (part.size() == 1 || part[0] != '0');
    return value.is(Kind::array) && plain && index < value.count ? &value.items[index] : nullptr;
}

}  // namespace

Compiler::Compiler(const Value& document, CompilerOptions options, Compiled& to)
    : document_(document), options_(options), to_(to) {
    resources_.push_back(
        {.root = &document, .pointer = {}, .base = {}, .anchors = {}, .dynamic_anchors = {}});
    by_uri_.emplace("", 0);
}

Compiler::~Compiler() = default;

void Compiler::blame(const std::string& pointer, const Value& at, std::string what,
                     std::string remedy) {
    if (defects_.size() < kDefectsMax) {
        defects_.push_back({.pointer = pointer,
                            .line = at.line,
                            .what = std::move(what),
                            .remedy = std::move(remedy)});
    }
}

std::uint32_t Compiler::index_id(const Value& schema, const std::string& pointer,
                                 std::uint32_t resource) {
    const Value* const id = schema.find("$id");
    if (id == nullptr || !id->is(Kind::string)) {
        return resource;
    }
    const auto split = split_fragment(resolve(resources_[resource].base, id->text));
    if (!split || !split->fragment.empty()) {
        blame(pointer + "/$id", *id, "is no name of a schema", "write a URI without a fragment");
        return resource;
    }
    if (&schema == resources_[resource].root) {
        resources_[resource].base = split->uri;
    } else {
        resource = static_cast<std::uint32_t>(resources_.size());
        resources_.push_back({.root = &schema,
                              .pointer = pointer,
                              .base = split->uri,
                              .anchors = {},
                              .dynamic_anchors = {}});
    }
    if (!by_uri_.emplace(split->uri, resource).second) {
        blame(pointer + "/$id", *id, "is the name of another schema too", "name each schema once");
    }
    return resource;
}

void Compiler::index_anchors(const Value& schema, const std::string& pointer,
                             std::uint32_t resource) {
    for (const std::string_view keyword : {"$anchor", "$dynamicAnchor"}) {
        const Value* const anchor = schema.find(keyword);
        if (anchor == nullptr || !anchor->is(Kind::string)) {
            continue;
        }
        const Place place{.value = &schema, .pointer = pointer, .resource = resource};
        resources_[resource].anchors.emplace(anchor->text, place);
        if (keyword == "$dynamicAnchor") {
            resources_[resource].dynamic_anchors.emplace(anchor->text, place);
        }
    }
}

// Only where schemas stand: an $id within an `enum` names nothing.
void Compiler::index(const Value& schema, const std::string& pointer, std::uint32_t resource) {
    if (!schema.is(Kind::object) || places_.contains(&schema)) {
        return;
    }
    if (options_.dialect != Dialect::openapi30) {
        resource = index_id(schema, pointer, resource);
        index_anchors(schema, pointer, resource);
    }
    places_.emplace(&schema, Place{.value = &schema, .pointer = pointer, .resource = resource});
    for (std::size_t i = 0; i < schema.count; ++i) {
        const Value& value = schema.member(i);
        std::string below = pointer;
        append_part(below, schema.name(i));
        switch (holds(schema.name(i))) {
            case Holds::nothing:
                break;
            case Holds::schema:
                index(value, below, resource);
                break;
            case Holds::list:
                for (std::size_t n = 0; value.is(Kind::array) && n < value.count; ++n) {
                    index(value.items[n], below + "/" + std::to_string(n), resource);
                }
                break;
            case Holds::map:
                for (std::size_t n = 0; value.is(Kind::object) && n < value.count; ++n) {
                    std::string each = below;
                    append_part(each, value.name(n));
                    index(value.member(n), each, resource);
                }
                break;
        }
    }
}

void Compiler::announce(const Value& schema, const std::string& pointer) {
    index(schema, pointer, 0);
}

const Subschema* Compiler::add(const Value& schema, const std::string& pointer) {
    index(schema, pointer, 0);
    return add_at({.value = &schema, .pointer = pointer, .resource = 0});
}

const Subschema* Compiler::add_at(const Place& place) {
    // What stands where no schema was expected belongs to the resource around it.
    if (place.value->is(Kind::object) && !places_.contains(place.value)) {
        index(*place.value, place.pointer, place.resource);
    }
    if (const auto made = made_.find(place.value); made != made_.end()) {
        return made->second;
    }
    if (to_.schemas.size() >= kSchemasMax) {
        blame(place.pointer, *place.value, "is one schema too many",
              "use no more than " + std::to_string(kSchemasMax));
        return &to_.schemas.back();
    }
    const auto known = places_.find(place.value);
    const Place& at = known != places_.end() ? known->second : place;
    Subschema& schema = to_.schemas.emplace_back();
    schema.pointer = at.pointer;
    schema.resource = at.resource;
    made_.emplace(place.value, &schema);
    open_.emplace_back(at, &schema);
    return &schema;
}

Compiler::Place Compiler::walk(const ResourceIndex& from, std::uint32_t resource,
                               const std::vector<std::string>& parts) const {
    Place place{.value = from.root, .pointer = from.pointer, .resource = resource};
    for (const std::string& part : parts) {
        place.value = child(*place.value, part);
        if (place.value == nullptr) {
            return place;
        }
        append_part(place.pointer, part);
        if (const auto known = places_.find(place.value); known != places_.end()) {
            place.resource = known->second.resource;
        }
    }
    return place;
}

std::optional<Compiler::Place> Compiler::find(std::string_view reference,
                                              std::uint32_t from) const {
    const auto split = split_fragment(resolve(resources_[from].base, reference));
    if (!split) {
        return std::nullopt;
    }
    const auto found = by_uri_.find(split->uri);
    if (found == by_uri_.end()) {
        return std::nullopt;
    }
    const ResourceIndex& resource = resources_[found->second];
    if (split->fragment.empty() || split->fragment.front() == '/') {
        const auto parts = parse_pointer(split->fragment);
        const Place place = parts ? walk(resource, found->second, *parts) : Place{};
        return place.value != nullptr ? std::optional(place) : std::nullopt;
    }
    const auto anchor = resource.anchors.find(split->fragment);
    return anchor != resource.anchors.end() ? std::optional(anchor->second) : std::nullopt;
}

const Value* Compiler::follow(std::string_view reference, std::string& pointer) const {
    const auto split = split_fragment(reference);
    const auto parts = split && split->uri.empty() ? parse_pointer(split->fragment) : std::nullopt;
    if (!parts) {
        return nullptr;
    }
    const Place place = walk(resources_.front(), 0, *parts);
    pointer = place.pointer;
    return place.value;
}

void Compiler::finish() {
    while (!open_.empty()) {
        const auto [place, schema] = std::move(open_.back());
        open_.pop_back();
        Keywords{.compiler = *this, .at = place, .schema = *place.value, .out = *schema}.read_all();
        if (open_.empty()) {
            // What is only found while evaluating has to be there as well.
            for (const ResourceIndex& resource : resources_) {
                for (const auto& [name, anchor] : resource.dynamic_anchors) {
                    add_at(anchor);
                }
            }
        }
    }
    to_.resources.assign(resources_.size(), {});
    for (std::size_t i = 0; i < resources_.size(); ++i) {
        for (const auto& [name, anchor] : resources_[i].dynamic_anchors) {
            to_.resources[i].dynamic_anchors.emplace_back(name, made_.at(anchor.value));
        }
    }
    look_for_loops();
}

namespace {

// Schemas that are evaluated on the same value.
Subschema::List same_value(const Subschema& schema) {
    Subschema::List all = schema.all_of;
    all.insert(all.end(), schema.any_of.begin(), schema.any_of.end());
    all.insert(all.end(), schema.one_of.begin(), schema.one_of.end());
    for (const auto& [name, dependent] : schema.dependent) {
        all.push_back(dependent);
    }
    for (const Subschema* const each : {schema.negated, schema.condition, schema.then,
                                        schema.otherwise, schema.ref, schema.dynamic_ref}) {
        if (each != nullptr) {
            all.push_back(each);
        }
    }
    return all;
}

}  // namespace

// A schema that comes back to itself on the same value would be evaluated for ever.
void Compiler::look_for_loops() {
    enum class Mark : std::uint8_t { fresh, on_the_way, done };
    std::map<const Subschema*, Mark> marks;
    struct Step {
        const Subschema* schema = nullptr;
        Subschema::List next;
    };
    for (const Subschema& start : to_.schemas) {
        std::vector<Step> way;
        if (marks[&start] == Mark::fresh) {
            marks[&start] = Mark::on_the_way;
            way.push_back({.schema = &start, .next = same_value(start)});
        }
        while (!way.empty()) {
            if (way.back().next.empty()) {
                marks[way.back().schema] = Mark::done;
                way.pop_back();
                continue;
            }
            const Subschema* const next = way.back().next.back();
            way.back().next.pop_back();
            if (marks[next] == Mark::on_the_way) {
                blame(next->pointer, document_, "comes back to itself without looking deeper",
                      "take the reference out of the circle");
                marks[next] = Mark::done;
            } else if (marks[next] == Mark::fresh) {
                marks[next] = Mark::on_the_way;
                way.push_back({.schema = next, .next = same_value(*next)});
            }
        }
    }
}

}  // namespace gw::schema
