// Any path: its canonical form is its own canonical form, and means nothing else to anybody who
// decodes it again.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "http/uri.hpp"

namespace {

using namespace gw::http;

// Splits and checks segments; a path begins with a slash.
void check_segments(std::string_view path) {
    while (!path.empty()) {
        gw::ensure(path.front() == '/', "segments follow slashes");
        path.remove_prefix(1);
        const std::string_view segment = path.substr(0, path.find('/'));
        gw::ensure(segment != "." && segment != "..", "no dot segments");
        gw::ensure(!segment.empty() || path.empty(), "no empty segments but the last");
        path.remove_prefix(segment.size());
    }
}

std::string decoded_once(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int value = gw::escape_value(text.substr(i));
        decoded += value >= 0 ? static_cast<char>(value) : text[i];
        i += value >= 0 ? 2 : 0;
    }
    return decoded;
}

void check_canonical(std::string_view path) {
    gw::ensure(path.starts_with('/'), "absolute");
    for (const char c : path) {
        gw::ensure(c > ' ' && c != 0x7F && c != '\\' && c != ';' && c != '#' && c != '?',
                   "no forbidden characters");
    }
    check_segments(path);
    std::string now(path);
    for (int decodings = 1; decodings <= 8; ++decodings) {
        std::string next = decoded_once(now);
        if (decodings > 1 && next == now) {
            break;
        }
        now = std::move(next);
        gw::ensure(gw::is_utf8(now), "UTF-8 however often it is decoded");
        for (const char c : now) {
            const auto byte = static_cast<unsigned char>(c);
            gw::ensure(byte >= 0x20 && byte != 0x7F && c != '\\' && c != ';',
                       "no forbidden characters behind escapes");
        }
        check_segments(now);
    }
    gw::ensure(decoded_once(now) == now, "nothing is left to decode");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string path(reinterpret_cast<const char*>(data), size);
    std::string canonical = path;
    PathRefusal refusal;
    const PathOutcome outcome = normalise_path(path, canonical, refusal);
    if (outcome == PathOutcome::refused) {
        gw::ensure(*refusal.detail != '\0' && canonical == path, "a refusal has a reason");
    } else {
        gw::ensure((outcome == PathOutcome::unchanged) == (canonical == path),
                   "the outcome says whether something changed");
        check_canonical(canonical);
        std::string again;
        gw::ensure(normalise_path(canonical, again, refusal) == PathOutcome::unchanged,
                   "a canonical path stays as it is");
    }
    const std::string decoded = fully_decoded(path);
    gw::ensure(decoded.size() <= path.size() && fully_decoded(decoded) == decoded,
               "nothing is left to decode");
    return 0;
}
