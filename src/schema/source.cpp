#include "schema/source.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "config/file.hpp"

namespace gw::schema {
namespace {

std::unique_ptr<Source> blamed(std::vector<config::Mistake>& mistakes, const std::string& name,
                               unsigned line, std::string what, std::string remedy) {
    mistakes.push_back({.place = {.source = name, .line = line, .column = 1},
                        .what = std::move(what),
                        .remedy = std::move(remedy)});
    return nullptr;
}

// RFC 8259, 6.
bool is_number(std::string_view text) {
    std::size_t at = text.starts_with('-') ? 1 : 0;
    const auto digits = [&] {
        const std::size_t from = at;
        while (at < text.size() && is_digit(text[at])) {
            ++at;
        }
        return at - from;
    };
    const bool zero = at < text.size() && text[at] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) {
        return false;
    }
    if (at < text.size() && text[at] == '.') {
        ++at;
        if (digits() == 0) {
            return false;
        }
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
            ++at;
        }
        if (digits() == 0) {
            return false;
        }
    }
    return at == text.size();
}

}  // namespace

Value Source::value_of(const config::Node& node) {
    Value value{.line = node.line};
    switch (node.kind) {
        case config::Node::Kind::nothing:
            return value;
        case config::Node::Kind::scalar:
            value.text = node.text;
            value.kind = Kind::string;
            if (node.in_quotes) {
                return value;
            }
            if (node.text == "null" || node.text == "~") {
                value.kind = Kind::null;
            } else if (node.text == "true" || node.text == "false") {
                value.kind = Kind::boolean;
                value.truth = node.text == "true";
            } else if (is_number(node.text)) {
                value.kind = Kind::number;
            }
            return value;
        case config::Node::Kind::list: {
            const std::span<Value> items = blocks_.values(node.items.size());
            std::ranges::transform(node.items, items.begin(),
                                   [&](const config::Node& item) { return value_of(item); });
            value.kind = Kind::array;
            value.count = static_cast<std::uint32_t>(items.size());
            value.items = items.data();
            return value;
        }
        case config::Node::Kind::map: {
            const std::span<Value> pairs = blocks_.values(2 * node.entries.size());
            for (std::size_t i = 0; i < node.entries.size(); ++i) {
                const config::Entry& entry = node.entries[i];
                pairs[2 * i] = {.kind = Kind::string, .line = entry.line, .text = entry.key};
                pairs[2 * i + 1] = value_of(entry.value);
                if (pairs[2 * i + 1].line == 0) {
                    pairs[2 * i + 1].line = entry.line;
                }
            }
            // A key that stands twice was blamed when the document was read.
            [[maybe_unused]] const bool once = sort_members(pairs);
            value.kind = Kind::object;
            value.count = static_cast<std::uint32_t>(node.entries.size());
            value.items = pairs.data();
            return value;
        }
    }
    return value;
}

bool Source::read_json(std::vector<config::Mistake>& mistakes) {
    const JsonDocument::Defect defect = json_.parse(text_, {.values_max = 500'000});
    if (defect == JsonDocument::Defect::none) {
        root_ = json_.root();
        return true;
    }
    const auto end = text_.begin() + static_cast<std::ptrdiff_t>(json_.defect_at());
    blamed(mistakes, name_, static_cast<unsigned>(1 + std::count(text_.begin(), end, '\n')),
           defect == JsonDocument::Defect::duplicate ? "names a member twice" : "is no JSON",
           "write it as RFC 8259 has it, or as YAML in a file with another name than *.json");
    return false;
}

bool Source::read_yaml(std::vector<config::Mistake>& mistakes) {
    const std::size_t before = mistakes.size();
    yaml_ = config::Document::parse(name_, text_, mistakes);
    root_ = value_of(yaml_.root);
    return mistakes.size() == before;
}

std::unique_ptr<Source> Source::of(std::string name, std::string text,
                                   std::vector<config::Mistake>& mistakes) {
    auto source = std::make_unique<Source>();
    source->name_ = std::move(name);
    source->text_ = std::move(text);
    const bool good = source->name_.ends_with(".json") ? source->read_json(mistakes)
                                                       : source->read_yaml(mistakes);
    return good ? std::move(source) : nullptr;
}

std::unique_ptr<Source> Source::load(const std::string& path,
                                     std::vector<config::Mistake>& mistakes) {
    auto text = config::read_file(path, kBytesMax);
    if (!text) {
        return blamed(mistakes, path, 0, text.error().what,
                      "name a file of at most 4 MiB that is there; names are looked up beside the "
                      "configuration");
    }
    return of(path, *std::move(text), mistakes);
}

}  // namespace gw::schema
