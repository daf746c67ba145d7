#include "schema/json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>

namespace gw::schema {

std::size_t Value::position(std::string_view wanted) const {
    std::size_t low = 0;
    std::size_t high = count;
    while (low < high) {
        const std::size_t middle = (low + high) / 2;
        if (name(middle) < wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && name(low) == wanted ? low : count;
}

const Value* Value::find(std::string_view wanted) const {
    if (kind != Kind::object) {
        return nullptr;
    }
    const std::size_t at = position(wanted);
    return at < count ? &member(at) : nullptr;
}

template <class T>
std::span<T> Blocks::Chain<T>::take(std::size_t count, std::size_t block_size) {
    if (count == 0) {
        return {};
    }
    if (count > size - used) {
        size = std::max(count, block_size);
        used = 0;
        blocks.push_back(std::make_unique<T[]>(size));
    }
    const std::span<T> taken{blocks.back().get() + used, count};
    used += count;
    return taken;
}

template <class T>
void Blocks::Chain<T>::clear(std::size_t block_size) {
    used = 0;
    if (blocks.size() == 1 && size == block_size) {
        return;
    }
    blocks.clear();
    size = 0;
}

std::span<Value> Blocks::values(std::size_t count) {
    return values_.take(count, kValues);
}

std::span<char> Blocks::text(std::size_t bytes) {
    return text_.take(bytes, kText);
}

void Blocks::clear() {
    values_.clear(kValues);
    text_.clear(kText);
}

bool sort_members(std::span<Value> pairs) {
    struct Pair {
        Value name;
        Value value;
    };
    const std::size_t count = pairs.size() / 2;
    bool sorted = true;
    for (std::size_t i = 1; i < count && sorted; ++i) {
        sorted = pairs[2 * (i - 1)].text < pairs[2 * i].text;
    }
    if (sorted) {
        return true;
    }
    std::vector<Pair> order(count);
    for (std::size_t i = 0; i < count; ++i) {
        order[i] = {.name = pairs[2 * i], .value = pairs[2 * i + 1]};
    }
    std::ranges::sort(order, {}, [](const Pair& pair) { return pair.name.text; });
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0 && order[i].name.text == order[i - 1].name.text) {
            return false;
        }
        pairs[2 * i] = order[i].name;
        pairs[2 * i + 1] = order[i].value;
    }
    return true;
}

// Boost.JSON's events. Returning false ends the parse.
struct JsonDocument::Reader {
    // The parser's own limits: a text is shorter than these.
    static constexpr std::size_t max_object_size = SIZE_MAX;
    static constexpr std::size_t max_array_size = SIZE_MAX;
    static constexpr std::size_t max_key_size = SIZE_MAX;
    static constexpr std::size_t max_string_size = SIZE_MAX;

    JsonDocument& document;
    std::string_view text;
    JsonLimits limits;
    std::string partial{};
    std::size_t values = 0;
    Defect defect = Defect::none;

    using error_code = boost::system::error_code;
    using piece = boost::json::string_view;

    bool refuse(Defect why, error_code& error) {
        defect = why;
        error = boost::json::error::syntax;
        return false;
    }
    bool push(Value value, error_code& error) {
        if (++values > limits.values_max) {
            return refuse(Defect::too_many, error);
        }
        document.stack_.push_back(value);
        return true;
    }
    // What the parser decoded for itself is copied; the rest lies in the text.
    std::string_view whole(piece last) {
        if (partial.empty() && (last.empty() || (last.data() >= text.data() &&
                                                 last.data() < text.data() + text.size()))) {
            return {last.data(), last.size()};
        }
        partial.append(last.data(), last.size());
        const std::span<char> copy = document.blocks_.text(partial.size());
        std::ranges::copy(partial, copy.begin());
        partial.clear();
        return {copy.data(), copy.size()};
    }
    bool add_part(piece part) {
        partial.append(part.data(), part.size());
        return true;
    }
    // The last `count` values of the stack become what `container` holds.
    bool close(Kind kind, std::size_t count, error_code& error) {
        std::vector<Value>& stack = document.stack_;
        const std::size_t size = kind == Kind::object ? 2 * count : count;
        const std::span<Value> to = document.blocks_.values(size);
        std::copy(stack.end() - static_cast<std::ptrdiff_t>(size), stack.end(), to.begin());
        stack.resize(stack.size() - size);
        if (kind == Kind::object && !sort_members(to)) {
            return refuse(Defect::duplicate, error);
        }
        Value value{.kind = kind, .count = static_cast<std::uint32_t>(count)};
        value.items = to.data();
        return push(value, error);
    }
    bool number(piece last, error_code& error) {
        Value value{.kind = Kind::number};
        value.text = whole(last);
        return push(value, error);
    }

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_object_begin(error_code&) { return true; }
    bool on_object_end(std::size_t count, error_code& error) {
        return close(Kind::object, count, error);
    }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t count, error_code& error) {
        return close(Kind::array, count, error);
    }
    bool on_key_part(piece part, std::size_t, error_code&) { return add_part(part); }
    bool on_key(piece last, std::size_t, error_code& error) { return on_string(last, 0, error); }
    bool on_string_part(piece part, std::size_t, error_code&) { return add_part(part); }
    bool on_string(piece last, std::size_t, error_code& error) {
        Value value{.kind = Kind::string};
        value.text = whole(last);
        return push(value, error);
    }
    bool on_number_part(piece part, error_code&) { return add_part(part); }
    bool on_int64(std::int64_t, piece last, error_code& error) { return number(last, error); }
    bool on_uint64(std::uint64_t, piece last, error_code& error) { return number(last, error); }
    bool on_double(double, piece last, error_code& error) { return number(last, error); }
    bool on_bool(bool truth, error_code& error) {
        return push({.kind = Kind::boolean, .truth = truth}, error);
    }
    bool on_null(error_code& error) { return push({}, error); }
    bool on_comment_part(piece, error_code&) { return true; }
    bool on_comment(piece, error_code&) { return true; }
};

JsonDocument::JsonDocument() = default;
JsonDocument::~JsonDocument() = default;

JsonDocument::Defect JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
    blocks_.clear();
    stack_.clear();
    root_ = {};
    boost::json::parse_options options;
    options.max_depth = limits.depth_max;
    boost::json::basic_parser<Reader> parser(
        options, Reader{.document = *this, .text = text, .limits = limits});
    boost::system::error_code error;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
    if (error || read != text.size() || !parser.done() || stack_.size() != 1) {
        defect_at_ = read;
        const Defect defect = parser.handler().defect;
        return defect != Defect::none                  ? defect
               : error == boost::json::error::too_deep ? Defect::too_deep
                                                       : Defect::malformed;
    }
    root_ = stack_.front();
    return Defect::none;
}

}  // namespace gw::schema
