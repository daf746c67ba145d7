// A client's fields as the library codes them, and as it reads them.
#pragma once

#include <nghttp2/nghttp2.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gw::http {

using CodedFields = std::vector<std::pair<std::string, std::string>>;

// Nothing: the section is broken.
inline std::optional<CodedFields> read_section(nghttp2_hd_inflater* inflater,
                                               std::string_view section) {
    CodedFields fields;
    while (true) {
        nghttp2_nv field{};
        int flags = 0;
        const ssize_t took = nghttp2_hd_inflate_hd2(
            inflater, &field, &flags, reinterpret_cast<const std::uint8_t*>(section.data()),
            section.size(), 1);
        if (took < 0) {
            return std::nullopt;
        }
        section.remove_prefix(static_cast<std::size_t>(took));
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
            fields.emplace_back(std::string(field.name, field.name + field.namelen),
                                std::string(field.value, field.value + field.valuelen));
        }
        if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
            nghttp2_hd_inflate_end_headers(inflater);
            return fields;
        }
        if (took == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && section.empty()) {
            return std::nullopt;
        }
    }
}

struct DeleteInflater {
    void operator()(nghttp2_hd_inflater* made) const { nghttp2_hd_inflate_del(made); }
};
using Inflater = std::unique_ptr<nghttp2_hd_inflater, DeleteInflater>;

inline Inflater make_inflater() {
    nghttp2_hd_inflater* made = nullptr;
    return nghttp2_hd_inflate_new(&made) == 0 ? Inflater(made) : nullptr;
}

inline std::string headers_frame(std::string_view payload, char flags) {
    std::string frame;
    for (int shift = 16; shift >= 0; shift -= 8) {
        frame += static_cast<char>(payload.size() >> shift);
    }
    frame.append({'\x01', flags, '\0', '\0', '\0', '\x01'});
    return frame.append(payload);
}

}  // namespace gw::http
