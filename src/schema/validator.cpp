#include "schema/validator.hpp"

#include <algorithm>
#include <array>

#include "schema/reference.hpp"

namespace gw::schema {

std::uint8_t type_of(const Value& value) {
    switch (value.kind) {
        case Kind::null:
            return kNull;
        case Kind::boolean:
            return kBoolean;
        case Kind::number:
            return Decimal(value.text).is_integer() ? kInteger | kNumber : kNumber;
        case Kind::string:
            return kString;
        case Kind::array:
            return kArray;
        case Kind::object:
            return kObject;
    }
    return 0;
}

namespace {

std::string names_of_types(std::uint8_t types) {
    constexpr std::array<std::string_view, 7> kNames{"null",   "boolean", "an integer", "a number",
                                                     "a text", "a list",  "an object"};
    std::string out;
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if ((types & (1U << i)) != 0) {
            out.append(out.empty() ? "" : " or ").append(kNames[i]);
        }
    }
    return out;
}

// Characters, of text that is UTF-8.
std::uint64_t length_of(std::string_view text) {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string counted(std::string_view before, std::uint64_t count, std::string_view what) {
    std::string out(before);
    out.append(std::to_string(count)).append(" ").append(what);
    return count == 1 ? out : out + "s";
}

}  // namespace

std::strong_ordering compare(const Value& a, const Value& b) {
    if (a.kind != b.kind) {
        return a.kind <=> b.kind;
    }
    switch (a.kind) {
        case Kind::null:
            return std::strong_ordering::equal;
        case Kind::boolean:
            return a.truth <=> b.truth;
        case Kind::number:
            return a.text == b.text ? std::strong_ordering::equal
                                    : Decimal(a.text) <=> Decimal(b.text);
        case Kind::string:
            return a.text <=> b.text;
        case Kind::array:
        case Kind::object:
            break;
    }
    if (a.count != b.count) {
        return a.count <=> b.count;
    }
    const std::size_t size = a.is(Kind::object) ? 2UL * a.count : a.count;
    for (std::size_t i = 0; i < size; ++i) {
        if (const auto order = compare(a.items[i], b.items[i]); order != 0) {
            return order;
        }
    }
    return std::strong_ordering::equal;
}

// While it lives, nothing is reported.
class Validator::Quiet {
  public:
    explicit Quiet(Validator& owner) : owner_(owner) { ++owner_.quiet_; }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;
    ~Quiet() { --owner_.quiet_; }

  private:
    Validator& owner_;
};

// While it lives, we are at a member or an element.
class Validator::Below {
  public:
    Below(Validator& owner, Step step) : owner_(owner) { owner_.path_.push_back(step); }
    Below(const Below&) = delete;
    Below& operator=(const Below&) = delete;
    ~Below() { owner_.path_.pop_back(); }

  private:
    Validator& owner_;
};

bool Validator::check(const Compiled& compiled, const Subschema& schema, const Value& value,
                      Faults& faults) {
    compiled_ = &compiled;
    faults_ = &faults;
    path_.clear();
    scope_.clear();
    quiet_ = depth_ = 0;
    steps_ = 0;
    exhausted_ = false;
    const bool good = evaluate(schema, value, nullptr);
    faults.exhausted = faults.exhausted || exhausted_;
    return good && !exhausted_;
}

std::string Validator::pointer() const {
    std::string out;
    for (const Step& step : path_) {
        if (step.is_name) {
            append_part(out, step.name);
        } else {
            append_part(out, std::to_string(step.index));
        }
    }
    return out;
}

bool Validator::fault(std::string_view keyword, std::string detail) {
    if (hushed()) {
        return false;
    }
    if (faults_->list.size() >= Faults::kMax) {
        faults_->more = true;
        return false;
    }
    faults_->list.push_back(
        {.pointer = pointer(), .keyword = keyword, .detail = std::move(detail)});
    return false;
}

bool Validator::fault_below(std::string_view name, std::string_view keyword, std::string detail) {
    const Below below(*this, {.name = name, .is_name = true});
    return fault(keyword, std::move(detail));
}

bool Validator::evaluate(const Subschema& s, const Value& v, Seen* seen) {
    if (++steps_ > kStepsMax || depth_ >= kDepthMax || exhausted_) {
        exhausted_ = true;
        return false;
    }
    if (s.always) {
        return *s.always || fault("false", "is not expected");
    }
    ++depth_;
    const bool enters = scope_.empty() || scope_.back() != s.resource;
    if (enters) {
        scope_.push_back(s.resource);
    }
    bool good = true;
    if (s.unevaluated_items == nullptr && s.unevaluated_members == nullptr) {
        good = keywords(s, v, seen);
    } else {
        Seen own(v.count);
        good = keywords(s, v, &own);
        good = (good || !hushed()) && unevaluated(s, v, own) && good;
        for (std::size_t i = 0; seen != nullptr && i < own.size() && i < seen->size(); ++i) {
            (*seen)[i] = (*seen)[i] || own[i];
        }
    }
    if (enters) {
        scope_.pop_back();
    }
    --depth_;
    return good;
}

bool Validator::keywords(const Subschema& s, const Value& v, Seen* seen) {
    bool good = plain(s, v);
    const auto then = [&](bool more) { good = more && good; };
    if (good || !hushed()) {
        switch (v.kind) {
            case Kind::number:
                then(of_number(s, v));
                break;
            case Kind::string:
                then(of_string(s, v));
                break;
            case Kind::array:
                then(of_array(s, v, seen));
                break;
            case Kind::object:
                then(of_object(s, v, seen));
                break;
            default:
                break;
        }
    }
    if (good || !hushed()) {
        then(of_same(s, v, seen));
    }
    return good;
}

bool Validator::plain(const Subschema& s, const Value& v) {
    if (s.types != 0 && (s.types & type_of(v)) == 0) {
        return fault("type", "must be " + names_of_types(s.types));
    }
    if (s.constant != nullptr && compare(*s.constant, v) != 0) {
        return fault("const", "must be the one value that is allowed");
    }
    if (s.choices != nullptr && std::ranges::none_of(s.choices->elements(), [&](const Value& each) {
            return compare(each, v) == 0;
        })) {
        return fault("enum", "must be one of the values that are allowed");
    }
    return s.format == Format::none || gw::schema::fits(s.format, v) ||
           fault("format", "is not written as its format asks");
}

bool Validator::of_number(const Subschema& s, const Value& v) {
    if (!s.minimum && !s.maximum && !s.above && !s.below && !s.step) {
        return true;
    }
    const Decimal number(v.text);
    bool good = true;
    if (s.minimum && number < *s.minimum) {
        good = fault("minimum", "is too small");
    }
    if (s.above && number <= *s.above) {
        good = fault("exclusiveMinimum", "is too small");
    }
    if (s.maximum && number > *s.maximum) {
        good = fault("maximum", "is too large");
    }
    if (s.below && number >= *s.below) {
        good = fault("exclusiveMaximum", "is too large");
    }
    if (s.step && !number.is_multiple_of(*s.step)) {
        good = fault("multipleOf", "is no multiple of what it has to be");
    }
    return good;
}

bool Validator::of_string(const Subschema& s, const Value& v) {
    bool good = true;
    if (s.length_min || s.length_max) {
        const std::uint64_t length = length_of(v.text);
        if (s.length_min && length < *s.length_min) {
            good = fault("minLength", counted("must have at least ", *s.length_min, "character"));
        }
        if (s.length_max && length > *s.length_max) {
            good = fault("maxLength", counted("must have at most ", *s.length_max, "character"));
        }
    }
    if (s.pattern != nullptr && !s.pattern->found_in(v.text)) {
        good = fault("pattern", "is not written as its pattern asks");
    }
    return good;
}

namespace {

bool all_differ(std::span<const Value> values) {
    std::vector<const Value*> order;
    order.reserve(values.size());
    for (const Value& value : values) {
        order.push_back(&value);
    }
    std::ranges::sort(order, [](const Value* a, const Value* b) { return compare(*a, *b) < 0; });
    return std::ranges::adjacent_find(order, [](const Value* a, const Value* b) {
               return compare(*a, *b) == 0;
           }) == order.end();
}

}  // namespace

bool Validator::of_array(const Subschema& s, const Value& v, Seen* seen) {
    bool good = true;
    if (s.items_min && v.count < *s.items_min) {
        good = fault("minItems", counted("must have at least ", *s.items_min, "element"));
    }
    if (s.items_max && v.count > *s.items_max) {
        return fault("maxItems", counted("must have at most ", *s.items_max, "element"));
    }
    if (s.unique && !all_differ(v.elements())) {
        good = fault("uniqueItems", "holds an element twice");
    }
    for (std::size_t i = 0; i < v.count && (good || !hushed()); ++i) {
        const Subschema* const of = i < s.prefix_items.size() ? s.prefix_items[i] : s.items;
        if (of == nullptr) {
            break;
        }
        const Below below(*this, {.index = i});
        good = evaluate(*of, v.items[i], nullptr) && good;
        if (seen != nullptr) {
            (*seen)[i] = true;
        }
    }
    return (s.contains == nullptr || contained(s, v, seen)) && good;
}

bool Validator::contained(const Subschema& s, const Value& v, Seen* seen) {
    std::uint64_t found = 0;
    for (std::size_t i = 0; i < v.count && !exhausted_; ++i) {
        if (fits(*s.contains, v.items[i], nullptr)) {
            ++found;
            if (seen != nullptr) {
                (*seen)[i] = true;
            }
        }
    }
    const std::uint64_t least = s.contains_min.value_or(1);
    if (found < least) {
        return s.contains_min ? fault("minContains", "holds too few of what it has to")
                              : fault("contains", "holds none of what it has to");
    }
    return !s.contains_max || found <= *s.contains_max ||
           fault("maxContains", "holds too many of what it may");
}

bool Validator::required(const Subschema& s, const Value& v) {
    bool good = true;
    for (const std::string& name : s.required) {
        if (v.find(name) == nullptr) {
            good = fault_below(name, "required", "is missing");
        }
    }
    for (const auto& [name, others] : s.dependent_required) {
        if (v.find(name) == nullptr) {
            continue;
        }
        for (const std::string& other : others) {
            if (v.find(other) == nullptr) {
                good = fault_below(other, "dependentRequired", "is missing beside what is there");
            }
        }
    }
    return good;
}

bool Validator::of_object(const Subschema& s, const Value& v, Seen* seen) {
    bool good = required(s, v);
    if (s.members_min && v.count < *s.members_min) {
        good = fault("minProperties", counted("must have at least ", *s.members_min, "member"));
    }
    if (s.members_max && v.count > *s.members_max) {
        return fault("maxProperties", counted("must have at most ", *s.members_max, "member"));
    }
    // Both lists are in the order of names.
    auto next = s.properties.begin();
    for (std::size_t i = 0; i < v.count && (good || !hushed()); ++i) {
        while (next != s.properties.end() && next->first < v.name(i)) {
            ++next;
        }
        const bool named = next != s.properties.end() && next->first == v.name(i);
        good = member(s, v, i, named ? next->second : nullptr, seen) && good;
    }
    return good;
}

bool Validator::member(const Subschema& s, const Value& v, std::size_t i, const Subschema* named,
                       Seen* seen) {
    const Below below(*this, {.name = v.name(i), .is_name = true});
    bool good = s.names == nullptr || fits(*s.names, v.items[2 * i], nullptr) ||
                fault("propertyNames", "has a name that is not allowed");
    bool looked_at = named != nullptr;
    if (named != nullptr) {
        good = evaluate(*named, v.member(i), nullptr) && good;
    }
    for (const Subschema::ByPattern& each : s.pattern_properties) {
        if (each.pattern->found_in(v.name(i))) {
            looked_at = true;
            good = evaluate(*each.schema, v.member(i), nullptr) && good;
        }
    }
    if (!looked_at && s.additional != nullptr) {
        looked_at = true;
        if (s.additional->always == false) {
            good = fault("additionalProperties", "is not expected");
        } else {
            good = evaluate(*s.additional, v.member(i), nullptr) && good;
        }
    }
    if (looked_at && seen != nullptr) {
        (*seen)[i] = true;
    }
    return good;
}

bool Validator::fits(const Subschema& s, const Value& v, Seen* seen) {
    const Quiet quiet(*this);
    if (seen == nullptr) {
        return evaluate(s, v, nullptr);
    }
    Seen own(v.count);
    if (!evaluate(s, v, &own)) {
        return false;
    }
    for (std::size_t i = 0; i < own.size(); ++i) {
        (*seen)[i] = (*seen)[i] || own[i];
    }
    return true;
}

const Subschema& Validator::dynamic_target(const Subschema& s) const {
    if (!s.dynamic_anchor.empty()) {
        for (const std::uint32_t resource : scope_) {
            for (const auto& [name, target] : compiled_->resources[resource].dynamic_anchors) {
                if (name == s.dynamic_anchor) {
                    return *target;
                }
            }
        }
    }
    return *s.dynamic_ref;
}

bool Validator::of_same(const Subschema& s, const Value& v, Seen* seen) {
    bool good = true;
    const auto also = [&](const Subschema& other) {
        if (good || !hushed()) {
            good = evaluate(other, v, seen) && good;
        }
    };
    if (s.ref != nullptr) {
        also(*s.ref);
    }
    if (s.dynamic_ref != nullptr) {
        also(dynamic_target(s));
    }
    for (const Subschema* const each : s.all_of) {
        also(*each);
    }
    for (const auto& [name, dependent] : s.dependent) {
        if (v.find(name) != nullptr) {
            also(*dependent);
        }
    }
    if (s.negated != nullptr && fits(*s.negated, v, nullptr) && !exhausted_) {
        good = fault("not", "is what it must not be");
    }
    if (s.condition != nullptr) {
        good = conditional(s, v, seen) && good;
    }
    return choice(s, v, seen) && good;
}

bool Validator::conditional(const Subschema& s, const Value& v, Seen* seen) {
    const Subschema* const next = fits(*s.condition, v, seen) ? s.then : s.otherwise;
    return next == nullptr || evaluate(*next, v, seen);
}

bool Validator::choice(const Subschema& s, const Value& v, Seen* seen) {
    bool good = true;
    if (!s.any_of.empty()) {
        bool found = false;
        for (const Subschema* const each : s.any_of) {
            // All of them, where it matters what each has looked at.
            found = (found && seen == nullptr) || fits(*each, v, seen) || found;
        }
        good = found || fault("anyOf", "is none of the forms that are allowed");
    }
    if (!s.one_of.empty()) {
        std::size_t found = 0;
        for (const Subschema* const each : s.one_of) {
            found += fits(*each, v, seen) ? 1 : 0;
        }
        if (found != 1) {
            good = fault("oneOf", found == 0 ? "is none of the forms that are allowed"
                                             : "is more than one of the forms that are allowed");
        }
    }
    return good;
}

bool Validator::unevaluated(const Subschema& s, const Value& v, Seen& seen) {
    const bool object = v.is(Kind::object);
    const Subschema* const of = object              ? s.unevaluated_members
                                : v.is(Kind::array) ? s.unevaluated_items
                                                    : nullptr;
    if (of == nullptr) {
        return true;
    }
    bool good = true;
    for (std::size_t i = 0; i < v.count; ++i) {
        if (seen[i]) {
            continue;
        }
        const Below below(*this,
                          object ? Step{.name = v.name(i), .is_name = true} : Step{.index = i});
        if (of->always == false) {
            good = fault(object ? "unevaluatedProperties" : "unevaluatedItems", "is not expected");
        } else {
            good = evaluate(*of, object ? v.member(i) : v.items[i], nullptr) && good;
        }
        seen[i] = true;
    }
    return good;
}

}  // namespace gw::schema
