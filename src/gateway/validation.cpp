#include "gateway/validation.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "observe/json_line.hpp"
#include "schema/reference.hpp"

namespace gw::gateway {
namespace {

using schema::In;
using schema::Kind;
using schema::Value;

// A pointer holds names that a stranger chose: more of it than this helps nobody.
constexpr std::size_t kPointerMax = 256;
// Values of one parameter.
constexpr std::size_t kTextsMax = 256;

// "a=1&a=2": one pair after the other.
bool next_pair(std::string_view& query, std::string_view& name, std::string_view& value) {
    if (query.empty()) {
        return false;
    }
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    name = pair.substr(0, equals);
    value = pair.substr(std::min(equals + 1, pair.size()));
    return true;
}

// As services read queries: '+' is a space. Nothing: it holds a broken escape, or is no UTF-8.
std::optional<std::string> decoded(std::string_view text, bool plus_is_space) {
    std::string spaced(text);
    if (plus_is_space) {
        std::ranges::replace(spaced, '+', ' ');
    }
    auto out = percent_decode(spaced);
    return out && is_utf8(*out) ? out : std::nullopt;
}

bool is_number(std::string_view text) {
    schema::JsonDocument document;
    return !text.empty() && (is_digit(text.front()) || text.front() == '-') && text.size() <= 64 &&
           document.parse(text) == schema::JsonDocument::Defect::none;
}

}  // namespace

bool Validation::find_in_query(std::string_view query, const schema::Parameter& parameter) {
    std::string_view name;
    std::string_view value;
    while (next_pair(query, name, value)) {
        const auto plain = decoded(name, true);
        if (!plain || *plain != parameter.name) {
            continue;
        }
        if (!take_texts(value, parameter)) {
            return false;
        }
    }
    return true;
}

// A list is cut before anything is decoded: a comma that was escaped belongs to an element.
bool Validation::take_texts(std::string_view value, const schema::Parameter& parameter) {
    const bool cut = parameter.list && !parameter.repeated;
    const bool header = parameter.in == In::header;
    for (std::size_t at = 0; at <= value.size();) {
        const std::size_t end = cut ? std::min(value.find(',', at), value.size()) : value.size();
        const std::string_view element = value.substr(at, end - at);
        std::optional<std::string> text;
        if (!header) {
            text = decoded(element, parameter.in == In::query);
        } else if (is_utf8(element)) {
            text = trim_ows(element);
        }
        if (!text || texts_.size() >= kTextsMax) {
            return false;
        }
        texts_.push_back(*std::move(text));
        at = end + 1;
    }
    return true;
}

bool Validation::find_texts(const Exchange& x, const schema::Parameter& parameter,
                            const Asked& asked) {
    texts_.clear();
    switch (parameter.in) {
        case In::query:
            return find_in_query(x.query(), parameter);
        case In::header:
            return std::ranges::all_of(x.head().headers, [&](const http::Field& field) {
                return !equal_ignore_case(field.name, parameter.name) ||
                       take_texts(field.value, parameter);
            });
        default: {
            const auto& names = asked.operation->path_names;
            const auto at = std::ranges::find(names, parameter.name) - names.begin();
            return take_texts(asked.path[static_cast<std::size_t>(at)], parameter);
        }
    }
}

Value Validation::value_of(const std::string& text, std::uint8_t types) const {
    Value value{.kind = Kind::string, .text = text};
    if ((types & (schema::kInteger | schema::kNumber)) != 0 && is_number(text)) {
        value.kind = Kind::number;
    } else if ((types & schema::kBoolean) != 0 && (text == "true" || text == "false")) {
        value.kind = Kind::boolean;
        value.truth = text == "true";
    }
    return value;
}

void Validation::add(In in, std::string_view name, std::string_view keyword,
                     std::string_view detail) {
    if (faults_.size() >= schema::Faults::kMax) {
        more_ = true;
        return;
    }
    std::string pointer;
    schema::append_part(pointer, name);
    faults_.push_back(
        {.in = in,
         .what = {
             .pointer = std::move(pointer), .keyword = keyword, .detail = std::string(detail)}});
}

void Validation::take(In in, std::string_view name) {
    more_ = more_ || found_.more;
    exhausted_ = exhausted_ || found_.exhausted;
    for (schema::Fault& fault : found_.list) {
        if (faults_.size() >= schema::Faults::kMax) {
            more_ = true;
            break;
        }
        std::string pointer;
        if (in != In::body) {
            schema::append_part(pointer, name);
        }
        fault.pointer.insert(0, pointer);
        faults_.push_back({.in = in, .what = std::move(fault)});
    }
    found_.clear();
}

void Validation::judge_parameter(const Exchange& x, const schema::Contract& contract,
                                 const schema::Parameter& parameter, const Asked& asked) {
    if (!find_texts(x, parameter, asked)) {
        return add(parameter.in, parameter.name, "type",
                   "is no text that can be read, or has too many values");
    }
    if (texts_.empty()) {
        if (parameter.required) {
            add(parameter.in, parameter.name, "required", "is missing");
        }
        return;
    }
    if (parameter.may_be_empty && texts_.size() == 1 && texts_.front().empty()) {
        return;
    }
    if (!parameter.list && texts_.size() > 1) {
        return add(parameter.in, parameter.name, "maxItems", "is given more than once");
    }
    values_.clear();
    for (const std::string& text : texts_) {
        values_.push_back(value_of(text, parameter.types));
    }
    Value value = values_.front();
    if (parameter.list) {
        value = {.kind = Kind::array, .count = static_cast<std::uint32_t>(values_.size())};
        value.items = values_.data();
    }
    validator_.check(contract.compiled(), *parameter.schema, value, found_);
    take(parameter.in, parameter.name);
}

Validation::Verdict Validation::judge(const Exchange& x, const schema::Contract& contract,
                                      const Asked& asked) {
    faults_.clear();
    found_.clear();
    more_ = exhausted_ = false;
    for (const schema::Parameter& parameter : asked.operation->parameters) {
        judge_parameter(x, contract, parameter, asked);
    }
    Verdict verdict;
    if (asked.operation->body_required && has_no_body(x.head())) {
        faults_.push_back({.in = In::body,
                           .what = {.pointer = "", .keyword = "required", .detail = "is missing"}});
    } else if (asked.media != nullptr) {
        verdict.json = body_.parse(x.held->bytes);
        if (verdict.json == schema::JsonDocument::Defect::none) {
            validator_.check(contract.compiled(), *asked.media->schema, body_.root(), found_);
            take(In::body, "");
        }
    }
    verdict.good =
        faults_.empty() && !exhausted_ && verdict.json == schema::JsonDocument::Defect::none;
    return verdict;
}

void Validation::write_faults(std::string& out) const {
    out += '[';
    for (const Fault& fault : faults_) {
        out += out.back() == '[' ? "" : ",";
        observe::JsonLine line(out);
        line.add_plain("in", name_of(fault.in));
        line.add("pointer", std::string_view(fault.what.pointer).substr(0, kPointerMax));
        line.add_plain("keyword", fault.what.keyword);
        line.add("detail", fault.what.detail);
        line.end();
    }
    out += ']';
}

}  // namespace gw::gateway
