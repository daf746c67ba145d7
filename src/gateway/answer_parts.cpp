#include "gateway/answer_parts.hpp"

#include <boost/json/basic_parser_impl.hpp>  // allow(homes): the bounded parser that builds no values
#include <boost/json/parse.hpp>  // allow(homes): of parts that others point into, bounded
#include <boost/json/value.hpp>  // allow(homes): the same

#include "base/text.hpp"

namespace gw::gateway {
namespace {

constexpr std::size_t kDepthMax = 64;  // more than people nest, and little of the stack

using boost::json::string_view;

boost::json::parse_options bounded() {
    boost::json::parse_options options;
    options.max_depth = kDepthMax;
    return options;
}

// Keeps nothing: that a text was read to its end is all that is asked.
struct Nothing {
    using error_code = boost::system::error_code;
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

    static bool on_document_begin(error_code&) { return true; }
    static bool on_document_end(error_code&) { return true; }
    static bool on_object_begin(error_code&) { return true; }
    static bool on_object_end(std::size_t, error_code&) { return true; }
    static bool on_array_begin(error_code&) { return true; }
    static bool on_array_end(std::size_t, error_code&) { return true; }
    static bool on_key_part(string_view, std::size_t, error_code&) { return true; }
    static bool on_key(string_view, std::size_t, error_code&) { return true; }
    static bool on_string_part(string_view, std::size_t, error_code&) { return true; }
    static bool on_string(string_view, std::size_t, error_code&) { return true; }
    static bool on_number_part(string_view, error_code&) { return true; }
    static bool on_int64(std::int64_t, string_view, error_code&) { return true; }
    static bool on_uint64(std::uint64_t, string_view, error_code&) { return true; }
    static bool on_double(double, string_view, error_code&) { return true; }
    static bool on_bool(bool, error_code&) { return true; }
    static bool on_null(error_code&) { return true; }
    static bool on_comment_part(string_view, error_code&) { return true; }
    static bool on_comment(string_view, error_code&) { return true; }
};

}  // namespace

struct PointedJson::Document {
    boost::json::value root;
};

PointedJson::PointedJson(std::unique_ptr<Document> document) : document_(std::move(document)) {}
PointedJson::PointedJson(PointedJson&&) noexcept = default;
PointedJson& PointedJson::operator=(PointedJson&&) noexcept = default;
PointedJson::~PointedJson() = default;

bool is_json(std::string_view text) {
    boost::json::basic_parser<Nothing> parser(bounded());
    boost::system::error_code error;
    const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
    // What is left may be spaces only.
    return !error && parser.done() &&
           text.substr(read).find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::optional<PointedJson> PointedJson::parse(std::string_view text) {
    boost::system::error_code error;
    boost::json::value root =
        boost::json::parse(text, error, boost::json::storage_ptr{}, bounded());
    if (error) {
        return std::nullopt;
    }
    return PointedJson(std::make_unique<Document>(std::move(root)));
}

std::optional<std::string> PointedJson::find(std::string_view pointer) const {
    boost::system::error_code error;
    const boost::json::value* const found = document_->root.find_pointer(pointer, error);
    if (error || found == nullptr) {
        return std::nullopt;
    }
    if (found->is_string()) {
        return std::string(found->get_string());
    }
    if (found->is_int64()) {
        return std::to_string(found->get_int64());
    }
    return found->is_uint64() ? std::optional(std::to_string(found->get_uint64())) : std::nullopt;
}

Code code_of_part(int status) {
    switch (status) {
        case 400:
            return Code::bad_request;
        case 401:
        case 403:
            return Code::forbidden;
        case 404:
        case 410:
            return Code::not_found;
        case 422:
            return Code::validation_failed;
        case 429:
        case 503:
            return Code::overloaded;
        case 504:
            return Code::upstream_timeout;
        default:
            return Code::bad_gateway;
    }
}

void write_whole(std::string& out, std::span<const AnswerPart> parts) {
    out += '{';
    bool first = true;
    bool missing = false;
    for (const AnswerPart& part : parts) {
        out += first ? "\"" : ",\"";
        out += part.name;
        out += "\":";
        out += part.error ? std::string_view("null") : part.json;
        first = false;
        missing = missing || part.error;
    }
    if (missing) {
        out += first ? "\"errors\":[" : ",\"errors\":[";
        first = true;
        for (const AnswerPart& part : parts) {
            if (part.error) {
                out += first ? R"({"part":")" : R"(,{"part":")";
                out += part.name;
                out += R"(","code":")";
                out += kind_of(*part.error).code;
                out += R"("})";
                first = false;
            }
        }
        out += ']';
    }
    out += '}';
}

}  // namespace gw::gateway
