// The trace that a request belongs to, as W3C Trace Context (level 1) passes it on. Pure.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

namespace gw::observe {

struct TraceContext {
    std::array<char, 32> trace_id{};  // lower-case hexadecimal digits, not all zero
    std::array<char, 16> span_id{};
    bool sampled = false;
};

inline constexpr std::size_t kTraceparentSize = 55;

// Nothing if the field is not exactly "00-<32 hex>-<16 hex>-<2 hex>": then the trace begins here
// (3.2.2.3). Later versions, but for ff, begin like that and may say more behind another '-' (4.3).
inline std::optional<TraceContext> parse_traceparent(std::string_view text) {
    const auto lower_hex = [](std::string_view part) {
        bool zero = true;
        for (const char c : part) {
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
                return false;
            }
            zero = zero && c == '0';
        }
        return !zero;
    };
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    };
    const auto two_digits = [digit](std::string_view part) {
        return digit(part[0]) >= 0 && digit(part[1]) >= 0;
    };
    if (text.size() < kTraceparentSize || text[2] != '-' || text[35] != '-' || text[52] != '-' ||
        !lower_hex(text.substr(3, 32)) || !lower_hex(text.substr(36, 16))) {
        return std::nullopt;
    }
    const std::string_view version = text.substr(0, 2);
    const std::string_view flags = text.substr(53, 2);
    const std::string_view more = text.substr(kTraceparentSize);
    const bool known = version == "00" ? more.empty() : more.empty() || more.front() == '-';
    if (!known || version == "ff" || !two_digits(version) || !two_digits(flags)) {
        return std::nullopt;
    }
    TraceContext trace;
    std::memcpy(trace.trace_id.data(), text.data() + 3, trace.trace_id.size());
    std::memcpy(trace.span_id.data(), text.data() + 36, trace.span_id.size());
    trace.sampled = (digit(flags[1]) & 1) != 0;
    return trace;
}

// Writes kTraceparentSize characters.
inline void write_traceparent(const TraceContext& trace, char* out) {
    std::memcpy(out, "00-", 3);
    std::memcpy(out + 3, trace.trace_id.data(), trace.trace_id.size());
    out[35] = '-';
    std::memcpy(out + 36, trace.span_id.data(), trace.span_id.size());
    std::memcpy(out + 52, trace.sampled ? "-01" : "-00", 3);
}

}  // namespace gw::observe
