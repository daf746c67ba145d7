// Holds values against compiled schemas, and says of each thing that is wrong where it is and which
// keyword says so. It never quotes the value. Keeps its memory between uses; one thread.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema/compiler.hpp"

namespace gw::schema {

// The TypeBits that a value has: a whole number is both an integer and a number.
std::uint8_t type_of(const Value& value);

struct Fault {
    std::string pointer;       // RFC 6901, from the value that was held against the schema
    std::string_view keyword;  // a literal
    std::string detail;
};

struct Faults {
    // More than a person mends before asking again, and an answer of a few kilobytes.
    static constexpr std::size_t kMax = 32;

    std::vector<Fault> list;
    bool more = false;  // there were others
    // The schema asks for more work than a request may cost: nothing is known of the value.
    bool exhausted = false;

    [[nodiscard]] bool none() const { return list.empty() && !exhausted; }
    void clear() {
        list.clear();
        more = exhausted = false;
    }
};

class Validator {
  public:
    // Evaluations of one schema on one value: hostile values make schemas that branch and recurse
    // cost more than they were written for.
    static constexpr std::uint64_t kStepsMax = 1'000'000;
    // Schemas within schemas and values: twice the depth of a body times what a reference adds.
    static constexpr std::size_t kDepthMax = 400;

    // Adds what is wrong to `faults`. True: nothing is.
    bool check(const Compiled& compiled, const Subschema& schema, const Value& value,
               Faults& faults);

  private:
    // What of an array or an object has been looked at by some schema.
    using Seen = std::vector<bool>;
    struct Step {
        std::string_view name{};
        std::size_t index = 0;
        bool is_name = false;
    };
    class Quiet;
    class Below;

    bool evaluate(const Subschema& s, const Value& v, Seen* seen);
    bool keywords(const Subschema& s, const Value& v, Seen* seen);
    bool plain(const Subschema& s, const Value& v);
    bool of_number(const Subschema& s, const Value& v);
    bool of_string(const Subschema& s, const Value& v);
    bool of_array(const Subschema& s, const Value& v, Seen* seen);
    bool contained(const Subschema& s, const Value& v, Seen* seen);
    bool of_object(const Subschema& s, const Value& v, Seen* seen);
    bool member(const Subschema& s, const Value& v, std::size_t i, const Subschema* named,
                Seen* seen);
    bool required(const Subschema& s, const Value& v);
    bool of_same(const Subschema& s, const Value& v, Seen* seen);
    bool choice(const Subschema& s, const Value& v, Seen* seen);
    bool conditional(const Subschema& s, const Value& v, Seen* seen);
    bool unevaluated(const Subschema& s, const Value& v, Seen& seen);
    const Subschema& dynamic_target(const Subschema& s) const;
    // Without faults: whether it fits; what it looked at is added only then.
    bool fits(const Subschema& s, const Value& v, Seen* seen);
    // False, and a fault at the place where we are.
    bool fault(std::string_view keyword, std::string detail);
    bool fault_below(std::string_view name, std::string_view keyword, std::string detail);
    [[nodiscard]] bool hushed() const { return quiet_ > 0; }
    [[nodiscard]] std::string pointer() const;

    const Compiled* compiled_ = nullptr;
    Faults* faults_ = nullptr;
    std::vector<Step> path_;
    std::vector<std::uint32_t> scope_;
    std::size_t quiet_ = 0;
    std::size_t depth_ = 0;
    std::uint64_t steps_ = 0;
    bool exhausted_ = false;
};

// A total order in which numbers are what they are worth and members have no order: equal values of
// JSON Schema compare equal.
std::strong_ordering compare(const Value& a, const Value& b);

}  // namespace gw::schema
