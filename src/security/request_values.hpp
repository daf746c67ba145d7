// What a client chose in a request, value by value, each decoded exactly once: segments of the
// path, names and values of the query, of chosen headers, of form bodies and of JSON bodies. Bounds
// hold for everything; beyond them the rest is not looked at, and that is said. Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace gw::security {

enum class ValuePlace : std::uint8_t { path, query, header, form, json };

struct ValueLimits {
    std::size_t values_max = 4'096;        // more than any page of ours sends
    std::size_t value_bytes_max = 65'536;  // decoded; a longer value is looked at up to here
    std::size_t json_depth_max = 32;       // what services behind us nest, with room
};

// Takes one value after the other; false: enough. name: of the parameter, header or member,
// decoded; empty for segments, elements of JSON arrays and names themselves. Both are valid for the
// call.
class ValueVisitor {
  public:
    virtual bool value(ValuePlace place, std::string_view name, std::string_view decoded) = 0;

  protected:
    ~ValueVisitor() = default;
};

enum class Walk : std::uint8_t {
    whole,      // everything was looked at
    stopped,    // the visitor had enough
    cut,        // everything, but of a value longer than value_bytes_max only so much
    limited,    // a limit was passed: the rest was not looked at
    malformed,  // not what its type says (JSON only)
};

// Keeps the memory it decodes into. One thread.
class RequestValues {
  public:
    explicit RequestValues(const ValueLimits& limits = {});
    ~RequestValues();
    RequestValues(const RequestValues&) = delete;
    RequestValues& operator=(const RequestValues&) = delete;

    // A path that begins with '/'; each segment, also an empty one between slashes, is a value.
    Walk path(std::string_view path, ValueVisitor& visitor);
    // Without '?'. '+' is a space, as in forms. Broken escapes stay as they are.
    Walk query(std::string_view query, ValueVisitor& visitor);
    // One header value, as it is: headers have no encoding.
    Walk header(std::string_view name, std::string_view value, ValueVisitor& visitor);
    // application/x-www-form-urlencoded, the whole body.
    Walk form(std::string_view body, ValueVisitor& visitor);
    // application/json, the whole body: strings and names of members.
    Walk json(std::string_view body, ValueVisitor& visitor);

    // What stands in double quotes in a body that json() could not read to its end, and, where a
    // name or value may stand, in single ones: services read more leniently, or deeper. Bounded by
    // the body alone. Never limited, never malformed.
    Walk strings(std::string_view body, ValueVisitor& visitor);

  private:
    struct Json;
    std::size_t read_string(std::string_view body, std::size_t at, char quote, bool& cut);
    Walk pairs(ValuePlace place, std::string_view text, ValueVisitor& visitor);
    std::string_view decode(std::string_view text, bool plus_is_space, std::string& out) const;

    ValueLimits limits_;
    std::string name_;
    std::string value_;
    std::unique_ptr<Json> json_;
};

}  // namespace gw::security
