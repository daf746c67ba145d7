#include "schema/reference.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gw::schema {
namespace {

struct Parts {
    std::string_view scheme;     // with ':'
    std::string_view authority;  // with "//"
    std::string_view path;
    std::string_view query;     // with '?'
    std::string_view fragment;  // with '#'
};

Parts parts_of(std::string_view text) {
    Parts parts;
    const auto cut = [&](std::size_t end) {
        const std::string_view head = text.substr(0, end);
        text.remove_prefix(head.size());
        return head;
    };
    const std::size_t colon = text.find_first_of(":/?#");
    if (colon != std::string_view::npos && text[colon] == ':' && colon > 0) {
        parts.scheme = cut(colon + 1);
    }
    if (text.starts_with("//")) {
        parts.authority = cut(std::min(text.find_first_of("/?#", 2), text.size()));
    }
    parts.path = cut(std::min(text.find_first_of("?#"), text.size()));
    parts.query = cut(std::min(text.find('#'), text.size()));
    parts.fragment = text;
    return parts;
}

// RFC 3986, 5.2.4.
std::string without_dots(std::string_view path) {
    std::vector<std::string_view> kept;
    const bool absolute = path.starts_with('/');
    const bool folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    while (!path.empty()) {
        const std::size_t end = std::min(path.find('/'), path.size());
        const std::string_view part = path.substr(0, end);
        path.remove_prefix(std::min(end + 1, path.size()));
        if (part == "..") {
            if (!kept.empty()) {
                kept.pop_back();
            }
        } else if (part != "." && !part.empty()) {
            kept.push_back(part);
        }
    }
    std::string out = absolute ? "/" : "";
    for (std::size_t i = 0; i < kept.size(); ++i) {
        out.append(i > 0 ? "/" : "").append(kept[i]);
    }
    return folder && !kept.empty() ? out + "/" : out;
}

std::string joined(std::string_view scheme, std::string_view authority, std::string_view path,
                   std::string_view query, std::string_view fragment) {
    std::string out;
    out.append(scheme).append(authority).append(path).append(query);
    return fragment.size() > 1 ? out.append(fragment) : out;
}

}  // namespace

std::string resolve(std::string_view base_text, std::string_view reference) {
    const Parts base = parts_of(base_text);
    const Parts ref = parts_of(reference);
    if (!ref.scheme.empty()) {
        return joined(ref.scheme, ref.authority, ref.path, ref.query, ref.fragment);
    }
    if (!ref.authority.empty()) {
        return joined(base.scheme, ref.authority, without_dots(ref.path), ref.query, ref.fragment);
    }
    if (ref.path.empty()) {
        return joined(base.scheme, base.authority, base.path,
                      ref.query.empty() ? base.query : ref.query, ref.fragment);
    }
    std::string path(ref.path);
    if (!path.starts_with('/')) {
        const std::size_t slash = base.path.rfind('/');
        const std::string folder = slash != std::string_view::npos
                                       ? std::string(base.path.substr(0, slash + 1))
                                   : !base.authority.empty() ? "/"
                                                             : "";
        path.insert(0, folder);
    }
    return joined(base.scheme, base.authority, without_dots(path), ref.query, ref.fragment);
}

std::optional<Split> split_fragment(std::string_view uri) {
    const std::size_t hash = uri.find('#');
    Split split{.uri = std::string(uri.substr(0, hash)), .fragment = {}};
    if (hash != std::string_view::npos) {
        auto decoded = percent_decode(uri.substr(hash + 1));
        if (!decoded) {
            return std::nullopt;
        }
        split.fragment = *std::move(decoded);
    }
    return split;
}

std::optional<std::vector<std::string>> parse_pointer(std::string_view pointer) {
    std::vector<std::string> parts;
    if (!pointer.empty() && pointer.front() != '/') {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < pointer.size(); ++i) {
        if (pointer[i] == '/') {
            parts.emplace_back();
        } else if (pointer[i] != '~') {
            parts.back() += pointer[i];
        } else if (i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1')) {
            parts.back() += pointer[++i] == '0' ? '~' : '/';
        } else {
            return std::nullopt;
        }
    }
    return parts;
}

void append_part(std::string& pointer, std::string_view part) {
    pointer += '/';
    for (const char c : part) {
        if (c == '~') {
            pointer += "~0";
        } else if (c == '/') {
            pointer += "~1";
        } else {
            pointer += c;
        }
    }
}

}  // namespace gw::schema
