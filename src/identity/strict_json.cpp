#include "identity/strict_json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace gw::identity {
namespace {

constexpr std::size_t kDepthMax = 8;
constexpr std::size_t kMembersMax = 256;  // of one object, and of one array of texts

// Boost.JSON's events. Returning false ends the parse.
struct Collector {
    static constexpr std::size_t max_object_size = kMembersMax;
    static constexpr std::size_t max_array_size = kMembersMax;
    static constexpr std::size_t max_key_size = 256;
    static constexpr std::size_t max_string_size = 16UL * 1024;

    std::vector<JsonMember> members;
    std::vector<std::vector<std::string>> names;  // of the objects that are open
    std::string text;                             // a key or a string, as its parts come
    std::vector<std::string> list;
    std::size_t arrays = 0;  // open ones
    bool mixed = false;      // the array holds more than texts

    using error_code = boost::system::error_code;
    static bool refuse(error_code& error) {
        error = boost::json::error::syntax;
        return false;
    }

    // A value of the top level, or an element of a list on it.
    bool put(JsonMember::Value value, error_code& error) {
        if (names.empty()) {
            return refuse(error);  // the document is no object
        }
        if (names.size() == 1 && arrays == 0) {
            members.back().value = std::move(value);
        } else if (names.size() == 1 && arrays == 1 && std::holds_alternative<std::string>(value)) {
            list.push_back(std::get<std::string>(std::move(value)));
        } else {
            mixed = true;
        }
        return true;
    }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) {
        mixed = true;
        names.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t, error_code&) {
        names.pop_back();
        return true;
    }
    bool on_array_begin(error_code& error) {
        if (names.empty()) {
            return refuse(error);
        }
        if (arrays++ == 0 && names.size() == 1) {
            list.clear();
            mixed = false;
        } else {
            mixed = true;
        }
        return true;
    }
    bool on_array_end(std::size_t, error_code&) {
        if (--arrays == 0 && names.size() == 1 && !mixed) {
            members.back().value = std::move(list);
            list.clear();
        }
        return true;
    }
    bool on_key_part(boost::json::string_view part, std::size_t, error_code&) {
        text.append(part.data(), part.size());
        return true;
    }
    bool on_key(boost::json::string_view part, std::size_t, error_code& error) {
        text.append(part.data(), part.size());
        if (std::ranges::find(names.back(), text) != names.back().end()) {
            return refuse(error);
        }
        names.back().push_back(text);
        if (names.size() == 1 && arrays == 0) {
            members.push_back({text, {}});
        }
        text.clear();
        return true;
    }
    bool on_string_part(boost::json::string_view part, std::size_t, error_code&) {
        text.append(part.data(), part.size());
        return true;
    }
    bool on_string(boost::json::string_view part, std::size_t, error_code& error) {
        text.append(part.data(), part.size());
        return put(std::exchange(text, {}), error);
    }
    bool on_number_part(boost::json::string_view, error_code&) { return true; }
    bool on_int64(std::int64_t value, boost::json::string_view, error_code& error) {
        return put(value, error);
    }
    bool on_uint64(std::uint64_t value, boost::json::string_view, error_code& error) {
        return put(static_cast<double>(value), error);
    }
    bool on_double(double value, boost::json::string_view, error_code& error) {
        return put(value, error);
    }
    bool on_bool(bool value, error_code& error) { return put(value, error); }
    bool on_null(error_code& error) { return put(JsonMember::Null{}, error); }
    bool on_comment_part(boost::json::string_view, error_code&) { return true; }
    bool on_comment(boost::json::string_view, error_code&) { return true; }
};

}  // namespace

std::optional<JsonMembers> JsonMembers::parse(std::string_view text) {
    boost::json::parse_options options;
    options.max_depth = kDepthMax;
    boost::json::basic_parser<Collector> parser(options);
    boost::system::error_code error;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
    if (error || read != text.size() || !parser.done()) {
        return std::nullopt;
    }
    JsonMembers found;
    found.members_ = std::move(parser.handler().members);
    return found;
}

const JsonMember::Value* JsonMembers::find(std::string_view name) const {
    const auto found = std::ranges::find(members_, name, &JsonMember::name);
    return found != members_.end() ? &found->value : nullptr;
}

const JsonMember::Value* JsonMembers::given(std::string_view name) const {
    const JsonMember::Value* const value = find(name);
    return value == nullptr || std::holds_alternative<JsonMember::Null>(*value) ? nullptr : value;
}

const std::string* JsonMembers::text(std::string_view name) const {
    const JsonMember::Value* const value = find(name);
    return value != nullptr ? std::get_if<std::string>(value) : nullptr;
}

}  // namespace gw::identity
