#include "security/request_values.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>  // allow(homes): the bounded parser that builds no values
#include <charconv>
#include <vector>

#include "base/encoding.hpp"

namespace gw::security {
namespace {

// Receives the events of the parser. Boost.JSON calls what it needs by these names.
struct JsonEvents {
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;
    using Code = boost::system::error_code;

    ValueVisitor* visitor = nullptr;
    const ValueLimits* limits = nullptr;
    std::string text;                // of the string or name that is being read
    std::vector<std::string> names;  // of the members that are open, by depth
    std::size_t depth = 0;
    std::size_t values = 0;
    bool cut = false;
    bool limited = false;
    bool stopped = false;

    void begin(ValueVisitor& to, const ValueLimits& within) {
        visitor = &to;
        limits = &within;
        text.clear();
        depth = values = 0;
        cut = limited = stopped = false;
    }
    static bool stop(Code& error) {
        error = boost::json::error::incomplete;  // any: the caller asks `stopped` and `limited`
        return false;
    }
    bool part(std::string_view piece) {
        const std::size_t room = limits->value_bytes_max - text.size();
        cut = cut || piece.size() > room;
        text += piece.substr(0, room);
        return true;
    }
    bool give(std::string_view name, Code& error) {
        if (++values > limits->values_max) {
            limited = true;
            return stop(error);
        }
        stopped = !visitor->value(ValuePlace::json, name, text);
        return stopped ? stop(error) : true;
    }
    std::string& name() {
        if (names.size() <= depth) {
            names.resize(depth + 1);
        }
        return names[depth];
    }
    bool enter() {
        ++depth;
        name().clear();
        return true;
    }
    bool leave() {
        --depth;
        return true;
    }

    static bool on_document_begin(Code&) { return true; }
    static bool on_document_end(Code&) { return true; }
    bool on_object_begin(Code&) { return enter(); }
    bool on_object_end(std::size_t, Code&) { return leave(); }
    bool on_array_begin(Code&) { return enter(); }
    bool on_array_end(std::size_t, Code&) { return leave(); }
    bool on_key_part(std::string_view piece, std::size_t, Code&) { return part(piece); }
    bool on_key(std::string_view piece, std::size_t, Code& error) {
        part(piece);
        const bool on = give("", error);
        name().swap(text);
        text.clear();
        return on;
    }
    bool on_string_part(std::string_view piece, std::size_t, Code&) { return part(piece); }
    bool on_string(std::string_view piece, std::size_t, Code& error) {
        part(piece);
        const bool on = give(name(), error);
        text.clear();
        return on;
    }
    static bool on_number_part(std::string_view, Code&) { return true; }
    static bool on_int64(std::int64_t, std::string_view, Code&) { return true; }
    static bool on_uint64(std::uint64_t, std::string_view, Code&) { return true; }
    static bool on_double(double, std::string_view, Code&) { return true; }
    static bool on_bool(bool, Code&) { return true; }
    static bool on_null(Code&) { return true; }
    static bool on_comment_part(std::string_view, Code&) { return true; }
    static bool on_comment(std::string_view, Code&) { return true; }
};

boost::json::parse_options options_of(const ValueLimits& limits) {
    boost::json::parse_options options;
    options.max_depth = limits.json_depth_max;
    return options;
}

// The four digits behind a backslash and "u"; -1: there are none.
int code_unit(std::string_view text) {
    if (text.size() < 6 || !text.starts_with("\\u")) {
        return -1;
    }
    const std::string_view digits = text.substr(2, 4);
    unsigned value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    return error == std::errc{} && end == digits.data() + digits.size() ? static_cast<int>(value)
                                                                        : -1;
}

void add_utf8(std::uint32_t code, std::string& out) {
    const auto add = [&](std::uint32_t lead, unsigned shift) {
        out += static_cast<char>(lead | (code >> shift));
        while (shift > 0) {
            shift -= 6;
            out += static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
        }
    };
    if (code < 0x80) {
        add(0, 0);
    } else if (code < 0x800) {
        add(0xC0, 6);
    } else if (code < 0x10000) {
        add(0xE0, 12);
    } else {
        add(0xF0, 18);
    }
}

// One character of a string (RFC 8259, 7), taken as it is where it is none. Returns the bytes read.
std::size_t unescape(std::string_view text, std::string& out) {
    if (text[0] != '\\' || text.size() < 2) {
        out += text[0];
        return 1;
    }
    constexpr std::string_view kNames = "bfnrt";
    constexpr std::string_view kMeant = "\b\f\n\r\t";
    if (text[1] != 'u') {
        const std::size_t name = kNames.find(text[1]);
        out += name == std::string_view::npos ? text[1] : kMeant[name];
        return 2;
    }
    const int first = code_unit(text);
    if (first < 0) {
        out += 'u';
        return 2;
    }
    const int second = code_unit(text.substr(6));
    if (first >= 0xD800 && first < 0xDC00 && second >= 0xDC00 && second < 0xE000) {
        add_utf8(0x10000U + ((static_cast<std::uint32_t>(first) - 0xD800U) << 10U) +
                     (static_cast<std::uint32_t>(second) - 0xDC00U),
                 out);
        return 12;
    }
    const bool lone = first >= 0xD800 && first < 0xE000;
    add_utf8(lone ? 0xFFFDU : static_cast<std::uint32_t>(first), out);
    return 6;
}

constexpr std::string_view kSpaces = " \t\r\n";

// Where apostrophes stand in ordinary text, they begin no string: of lenient parsers one does
// behind what a name or value may follow, or behind a comment.
bool may_begin_string(std::string_view body, std::size_t quote) {
    const std::size_t before = body.substr(0, quote).find_last_not_of(kSpaces);
    return before == std::string_view::npos ||
           std::string_view("{[,:/").find(body[before]) != std::string_view::npos;
}

bool may_end_string(std::string_view body, std::size_t quote) {
    if (quote >= body.size()) {
        return false;
    }
    const std::size_t next = body.find_first_not_of(kSpaces, quote + 1);
    return next == std::string_view::npos ||
           std::string_view("}],:/#").find(body[next]) != std::string_view::npos;
}

}  // namespace

struct RequestValues::Json {
    explicit Json(const ValueLimits& limits) : parser(options_of(limits)) {}
    boost::json::basic_parser<JsonEvents> parser;
};

RequestValues::RequestValues(const ValueLimits& limits) : limits_(limits) {}
RequestValues::~RequestValues() = default;

// Without a copy where there is nothing to decode.
std::string_view RequestValues::decode(std::string_view text, bool plus_is_space,
                                       std::string& out) const {
    std::size_t plain = std::min(text.find('%'), text.size());
    if (plus_is_space) {
        plain = std::min(text.substr(0, plain).find('+'), plain);
    }
    if (plain == text.size()) {
        return text.substr(0, limits_.value_bytes_max);
    }
    out.assign(text.substr(0, std::min(plain, limits_.value_bytes_max)));
    for (std::size_t at = plain; at < text.size() && out.size() < limits_.value_bytes_max;) {
        const int escaped = text[at] == '%' ? escape_value(text.substr(at)) : -1;
        if (escaped >= 0) {
            out += static_cast<char>(escaped);
            at += 3;
        } else {
            out += plus_is_space && text[at] == '+' ? ' ' : text[at];
            ++at;
        }
    }
    return out;
}

Walk RequestValues::path(std::string_view path, ValueVisitor& visitor) {
    const bool plain = path.find('%') == std::string_view::npos;
    std::size_t values = 0;
    bool cut = false;
    while (!path.empty()) {
        path.remove_prefix(path.front() == '/' ? 1 : 0);
        const std::string_view segment = path.substr(0, path.find('/'));
        path.remove_prefix(segment.size());
        if (++values > limits_.values_max) {
            return Walk::limited;
        }
        const std::string_view decoded =
            plain ? segment.substr(0, limits_.value_bytes_max) : decode(segment, false, value_);
        cut = cut || decoded.size() == limits_.value_bytes_max;
        if (!visitor.value(ValuePlace::path, "", decoded)) {
            return Walk::stopped;
        }
    }
    return cut ? Walk::cut : Walk::whole;
}

Walk RequestValues::pairs(ValuePlace place, std::string_view text, ValueVisitor& visitor) {
    // Looked for once, not in every short piece.
    const bool plain =
        text.find('%') == std::string_view::npos && text.find('+') == std::string_view::npos;
    const auto decoded = [&](std::string_view piece, std::string& out) {
        return plain ? piece.substr(0, limits_.value_bytes_max) : decode(piece, true, out);
    };
    std::size_t values = 0;
    bool cut = false;
    while (!text.empty()) {
        const std::string_view pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(pair.size() + 1, text.size()));
        if (pair.empty()) {
            continue;
        }
        if (++values > limits_.values_max) {
            return Walk::limited;
        }
        const std::size_t equals = pair.find('=');
        const std::string_view name = decoded(pair.substr(0, equals), name_);
        if (!visitor.value(place, "", name)) {
            return Walk::stopped;
        }
        cut = cut || name.size() == limits_.value_bytes_max;
        if (equals == std::string_view::npos) {
            continue;
        }
        const std::string_view value = decoded(pair.substr(equals + 1), value_);
        cut = cut || value.size() == limits_.value_bytes_max;
        if (!visitor.value(place, name, value)) {
            return Walk::stopped;
        }
    }
    return cut ? Walk::cut : Walk::whole;
}

Walk RequestValues::query(std::string_view query, ValueVisitor& visitor) {
    return pairs(ValuePlace::query, query, visitor);
}

Walk RequestValues::form(std::string_view body, ValueVisitor& visitor) {
    return pairs(ValuePlace::form, body, visitor);
}

Walk RequestValues::header(std::string_view name, std::string_view value, ValueVisitor& visitor) {
    const bool cut = value.size() > limits_.value_bytes_max;
    if (!visitor.value(ValuePlace::header, name, value.substr(0, limits_.value_bytes_max))) {
        return Walk::stopped;
    }
    return cut ? Walk::cut : Walk::whole;
}

Walk RequestValues::json(std::string_view body, ValueVisitor& visitor) {
    if (!json_) {
        json_ = std::make_unique<Json>(limits_);
    }
    json_->parser.reset();
    JsonEvents& events = json_->parser.handler();
    events.begin(visitor, limits_);
    JsonEvents::Code error;
    const std::size_t read = json_->parser.write_some(false, body.data(), body.size(), error);
    if (events.stopped) {
        return Walk::stopped;
    }
    if (events.limited || error == boost::json::error::too_deep) {
        return Walk::limited;
    }
    const bool rest = body.find_first_not_of(" \t\r\n", read) != std::string_view::npos;
    return error || rest ? Walk::malformed : events.cut ? Walk::cut : Walk::whole;
}

// Into value_, from `at` on; returns where `quote` ends it, or the body does.
std::size_t RequestValues::read_string(std::string_view body, std::size_t at, char quote,
                                       bool& cut) {
    value_.clear();
    while (at < body.size() && body[at] != quote) {
        if (value_.size() >= limits_.value_bytes_max) {
            cut = true;
            at += body[at] == '\\' ? 2 : 1;
        } else {
            at += unescape(body.substr(at), value_);
        }
    }
    value_.resize(std::min(value_.size(), limits_.value_bytes_max));
    return std::min(at, body.size());
}

// Twice over, so that an apostrophe in a comment hides nothing in double quotes.
Walk RequestValues::strings(std::string_view body, ValueVisitor& visitor) {
    bool cut = false;
    for (std::size_t at = body.find('"'); at < body.size(); at = body.find('"', at + 1)) {
        at = read_string(body, at + 1, '"', cut);
        if (!visitor.value(ValuePlace::json, "", value_)) {
            return Walk::stopped;
        }
    }
    for (std::size_t at = body.find('\''); at < body.size(); at = body.find('\'', at + 1)) {
        if (!may_begin_string(body, at)) {
            continue;
        }
        bool this_cut = false;
        const std::size_t end = read_string(body, at + 1, '\'', this_cut);
        if (!may_end_string(body, end)) {
            continue;
        }
        cut = cut || this_cut;
        if (!visitor.value(ValuePlace::json, "", value_)) {
            return Walk::stopped;
        }
        at = end;
    }
    return cut ? Walk::cut : Walk::whole;
}

}  // namespace gw::security
