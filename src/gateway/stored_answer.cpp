#include <algorithm>

#include "base/text.hpp"
#include "gateway/answer_cache.hpp"

namespace gw::gateway {
namespace {

// All lines of that name as one list, without the white space that means nothing.
std::string combined(const http::Headers& headers, std::string_view name) {
    std::string out;
    for (const http::Field& field : headers) {
        if (!equal_ignore_case(field.name, name)) {
            continue;
        }
        CommaList items(field.value);
        for (std::string_view item; items.next(item);) {
            out += out.empty() ? "" : ",";
            out += item;
        }
    }
    return out;
}

}  // namespace

void StoredAnswer::add(std::string_view name, std::string_view value, http::Known known) {
    const auto at = static_cast<std::uint32_t>(lines.size());
    const auto name_size = static_cast<std::uint32_t>(name.size());
    fields.push_back(
        {at, name_size, at + name_size + 2, static_cast<std::uint32_t>(value.size()), known});
    lines.append(name).append(": ").append(value).append("\r\n");
}

std::string_view StoredAnswer::value(std::string_view name) const {
    for (const Line& line : fields) {
        const std::string_view text = lines;
        if (equal_ignore_case(text.substr(line.name_at, line.name_size), name)) {
            return text.substr(line.value_at, line.value_size);
        }
    }
    return {};
}

bool StoredAnswer::copy_to(http::Headers& headers) const {
    return std::ranges::all_of(fields, [&](const Line& line) {
        const std::string_view text = lines;
        return headers.add({.name = text.substr(line.name_at, line.name_size),
                            .value = text.substr(line.value_at, line.value_size),
                            .known = line.known,
                            .whole_line = true});
    });
}

void StoredAnswer::select_by(const http::Headers& answer, const http::Headers& request) {
    vary.clear();
    for (const http::Field& field : answer) {
        if (field.known != http::Known::vary) {
            continue;
        }
        select_by(field.value, request);
    }
}

void StoredAnswer::select_by(std::string_view names, const http::Headers& request) {
    CommaList list(names);
    for (std::string_view name; list.next(name);) {
        vary.push_back({std::string(name), combined(request, name)});
    }
}

bool StoredAnswer::fits(const http::Headers& request) const {
    return std::ranges::all_of(
        vary, [&](const Selecting& one) { return combined(request, one.name) == one.value; });
}

http::Validators StoredAnswer::validators() const {
    return {.etag = value("etag"), .last_modified = value("last-modified"), .date = value("date")};
}

std::size_t StoredAnswer::bytes() const {
    constexpr std::size_t kOverhead = 400;  // of the nodes that hold it, about
    std::size_t all = kOverhead + lines.size() + fields.size() * sizeof(Line) + path.size() +
                      tenant.size() + tags.size() + surrogate.size() +
                      (body != nullptr ? body->size() : 0);
    for (const Selecting& one : vary) {
        all += sizeof one + one.name.size() + one.value.size();
    }
    return all;
}

}  // namespace gw::gateway
