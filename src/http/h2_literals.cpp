#include "http/h2_literals.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

#include "base/copy_text.hpp"
#include "base/text.hpp"

namespace gw::http {
namespace {

// ---- names
// -------------------------------------------------------------------------------------------

constexpr char kPlain = '\x00';  // RFC 7541, 6.2.2
constexpr char kNever = '\x10';  // 6.2.3

// Those of the table that never changes (appendix A) which the catalogue knows; 0: it has no place.
constexpr std::uint8_t place_of(std::string_view name) {
    struct Place {
        std::string_view name;
        std::uint8_t place;
    };
    constexpr std::array kPlaces{Place{"accept-encoding", 16},
                                 Place{"authorization", 23},
                                 Place{"cache-control", 24},
                                 Place{"content-encoding", 26},
                                 Place{"content-length", 28},
                                 Place{"content-type", 31},
                                 Place{"cookie", 32},
                                 Place{"date", 33},
                                 Place{"expect", 35},
                                 Place{"if-match", 39},
                                 Place{"if-modified-since", 40},
                                 Place{"if-none-match", 41},
                                 Place{"if-range", 42},
                                 Place{"if-unmodified-since", 43},
                                 Place{"location", 46},
                                 Place{"max-forwards", 47},
                                 Place{"proxy-authenticate", 48},
                                 Place{"proxy-authorization", 49},
                                 Place{"range", 50},
                                 Place{"retry-after", 53},
                                 Place{"server", 54},
                                 Place{"set-cookie", 55},
                                 Place{"user-agent", 58},
                                 Place{"vary", 59},
                                 Place{"via", 60}};
    for (const Place& known : kPlaces) {
        if (known.name == name) {
            return known.place;
        }
    }
    return 0;
}

constexpr bool is_secret(std::string_view name) {
    constexpr std::array<std::string_view, 5> kSecret{
        "authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"};
    return std::ranges::find(kSecret, name) != kSecret.end();
}

// How a literal of this name begins: all but its value.
struct Begin {
    std::array<char, 32> text{};
    std::uint8_t size = 0;
};

constexpr Begin at_place(std::uint8_t place, char kind) {
    constexpr std::uint8_t kInFirst = 15;  // 5.1, with four bits
    Begin begin;
    begin.text[begin.size++] = static_cast<char>(kind | std::min(place, kInFirst));
    if (place >= kInFirst) {
        begin.text[begin.size++] = static_cast<char>(place - kInFirst);
    }
    return begin;
}

constexpr Begin beginning(std::string_view name) {
    std::array<char, 32> lower_name{};
    std::ranges::transform(name, lower_name.begin(), lower);
    const std::string_view text{lower_name.data(), name.size()};
    const char kind = is_secret(text) ? kNever : kPlain;
    if (const std::uint8_t place = place_of(text); place != 0) {
        return at_place(place, kind);
    }
    Begin begin;
    begin.text[0] = kind;
    begin.text[1] = static_cast<char>(name.size());
    std::ranges::copy(text, begin.text.begin() + 2);
    begin.size = static_cast<std::uint8_t>(name.size() + 2);
    return begin;
}

constexpr std::array kBeginnings = {Begin{},
#define X(id, name) beginning(name),
                                    GW_KNOWN_FIELDS(X)
#undef X
};

constexpr Begin kAuthority = at_place(1, kPlain);
constexpr Begin kMethod = at_place(2, kPlain);
constexpr Begin kPath = at_place(4, kPlain);
constexpr std::string_view kGet = "\x82";
constexpr std::string_view kPost = "\x83";
constexpr std::string_view kHttp = "\x86";  // :scheme
constexpr Begin kTe = beginning("te");

// Of what the gateway tells services, and clients.
constexpr std::array<std::string_view, 9> kOnce{"x-user-id",
                                                "ratelimit",
                                                "x-original-ip",
                                                "server-timing",
                                                "x-internal-nonce",
                                                "x-request-deadline",
                                                "x-internal-timestamp",
                                                "x-internal-signature",
                                                "x-ratelimit-remaining"};
static_assert(std::ranges::is_sorted(kOnce, {}, [](std::string_view name) { return name.size(); }));
// The first of them that is so long; those that are as long stand behind it.
constexpr std::uint8_t kNone = kOnce.size();
constexpr std::size_t kOnceLongest = 24;
constexpr std::array<std::uint8_t, kOnceLongest + 1> kOnceBySize = [] {
    std::array<std::uint8_t, kOnceLongest + 1> first{};
    first.fill(kNone);
    for (std::uint8_t at = kOnce.size(); at-- > 0;) {
        first[kOnce[at].size()] = at;
    }
    return first;
}();

bool is_of_once(std::string_view name) {
    if (name.size() > kOnceLongest) {
        return false;
    }
    for (std::size_t at = kOnceBySize[name.size()];
         at < kOnce.size() && kOnce[at].size() == name.size(); ++at) {
        if (equal_ignore_case(kOnce[at], name)) {
            return true;
        }
    }
    return false;
}

// ---- texts
// -------------------------------------------------------------------------------------------

// Eight letters at a time; bytes that are no capitals of ASCII stay.
std::uint64_t lower_word(std::uint64_t word) {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    const std::uint64_t low = word & (0x7F * kOnes);
    const std::uint64_t from_a = low + (0x80 - 'A') * kOnes;
    const std::uint64_t beyond_z = low + (0x7F - 'Z') * kOnes;
    const std::uint64_t capitals = from_a & ~beyond_z & ~word & (0x80 * kOnes);
    return word | (capitals >> 2U);
}

char* copy_lower(char* to, std::string_view name) {
    const std::size_t size = name.size();
    if (size < sizeof(std::uint64_t)) {
        return std::ranges::transform(name, to, lower).out;
    }
    const auto word_at = [&](std::size_t at) {
        std::uint64_t word = 0;
        std::memcpy(&word, name.data() + at, sizeof word);
        word = lower_word(word);
        std::memcpy(to + at, &word, sizeof word);
    };
    for (std::size_t at = 0; at + sizeof(std::uint64_t) <= size; at += sizeof(std::uint64_t)) {
        word_at(at);
    }
    word_at(size - sizeof(std::uint64_t));
    return to + size;
}

char* write_text(char* to, std::string_view text) {
    return copy_text(write_hpack_size(to, text.size()), text);
}

char* write_literal(char* to, const Begin& begin, std::string_view value) {
    // Its size is not looked at before: there is room for all.
    std::memcpy(to, begin.text.data(), begin.text.size());
    return write_text(to + begin.size, value);
}

char* write_literal(char* to, const Field& field) {
    if (field.known != Known::other) {
        return write_literal(to, kBeginnings[static_cast<std::size_t>(field.known)], field.value);
    }
    *to++ = kPlain;
    to = copy_lower(write_hpack_size(to, field.name.size()), field.name);
    return write_text(to, field.value);
}

constexpr std::size_t kAround = sizeof(Begin::text) + 2 * kHpackSizeMost;
std::size_t room_for(const Field& field) {
    return kAround + field.name.size() + field.value.size();
}

// Lets `write` write up to so many bytes behind what is there; it returns where it ended.
void append_most(std::string& out, std::size_t most, auto write) {
    const std::size_t before = out.size();
    out.resize_and_overwrite(before + most, [&](char* text, std::size_t) {
        return static_cast<std::size_t>(write(text + before) - text);
    });
}

}  // namespace

char* write_hpack_size(char* to, std::size_t size) {
    constexpr std::size_t kInFirst = 127;
    if (size < kInFirst) {
        *to++ = static_cast<char>(size);
        return to;
    }
    *to++ = static_cast<char>(kInFirst);
    for (size -= kInFirst; size > 127; size >>= 7U) {
        *to++ = static_cast<char>(0x80 | (size & 0x7F));
    }
    *to++ = static_cast<char>(size);
    return to;
}

bool stays_behind(Known known) {
    switch (known) {
        case Known::connection:
        case Known::keep_alive:
        case Known::proxy_connection:
        case Known::transfer_encoding:
        case Known::upgrade:
        case Known::content_length:
        case Known::host:  // :authority
            return true;
        default:
            return false;
    }
}

bool comes_once(const Field& field) {
    switch (field.known) {
        case Known::other:
            break;
        case Known::x_request_id:
        case Known::x_correlation_id:
        case Known::traceparent:
        case Known::tracestate:
        case Known::idempotency_key:
        case Known::cookie:
        case Known::set_cookie:
        case Known::x_forwarded_for:
        case Known::forwarded:
            return true;
        default:
            return false;
    }
    return is_of_once(field.name);
}

void append_literal(std::string& out, const Field& field) {
    append_most(out, room_for(field), [&](char* to) { return write_literal(to, field); });
}

void append_literals(std::string& out, const RequestHead& head) {
    constexpr std::size_t kOurs = 8;  // pseudo-fields, length and te, with room to spare
    const std::string_view authority = head.headers.value(Known::host);
    std::size_t most = kOurs * kAround + head.method_text.size() + authority.size() +
                       head.path.size() + head.query.size();
    for (const Field& field : head.headers) {
        most += room_for(field);
    }
    append_most(out, most, [&](char* to) {
        if (head.method == Method::get || head.method == Method::post) {
            to = copy_text(to, head.method == Method::get ? kGet : kPost);
        } else {
            to = write_literal(to, kMethod, head.method_text);
        }
        to = copy_text(to, kHttp);
        to = write_literal(to, kAuthority, authority);
        if (head.has_query) {
            to = std::ranges::copy(std::span(kPath.text).first(kPath.size), to).out;
            to = write_hpack_size(to, head.path.size() + 1 + head.query.size());
            to = copy_text(to, head.path);
            *to++ = '?';
            to = copy_text(to, head.query);
        } else {
            to = write_literal(to, kPath, head.path);
        }
        for (const Field& field : head.headers) {
            if (!stays_behind(field.known)) {
                to = write_literal(to, field);
            }
        }
        // We pass trailers on; services that speak gRPC ask for it.
        to = write_literal(to, kTe, "trailers");
        if (head.framing == Framing::length) {
            std::array<char, 20> digits;
            char* const end =
                std::to_chars(digits.data(), digits.data() + digits.size(), head.content_length)
                    .ptr;
            to = write_literal(to, kBeginnings[static_cast<std::size_t>(Known::content_length)],
                               {digits.data(), end});
        }
        return to;
    });
}

std::size_t header_list_size(const RequestHead& head) {
    constexpr std::size_t kEach = 32;
    constexpr std::string_view kAlways = ":method:scheme:authority:pathhttptetrailers";
    constexpr std::string_view kLength = "content-length18446744073709551615";
    std::size_t size = kAlways.size() + 5 * kEach + head.method_text.size() +
                       head.headers.value(Known::host).size() + head.path.size() +
                       (head.has_query ? 1 + head.query.size() : 0) +
                       (head.framing == Framing::length ? kLength.size() + kEach : 0);
    for (const Field& field : head.headers) {
        if (!stays_behind(field.known)) {
            size += field.name.size() + field.value.size() + kEach;
        }
    }
    return size;
}

void extend_section(std::string& out, std::size_t at, std::string_view literals) {
    constexpr std::size_t kHead = 9;            // RFC 9113, 4.1
    constexpr std::size_t kMost = 16UL * 1024;  // 4.2: what everyone takes
    constexpr std::size_t kFlags = 4;
    constexpr char kEndHeaders = '\x04';
    constexpr char kContinuation = '\x09';
    const auto note_size = [&] {
        const std::size_t size = out.size() - at - kHead;
        for (unsigned i = 0; i < 3; ++i) {
            out[at + i] = static_cast<char>(size >> (16 - 8 * i) & 0xFF);
        }
    };
    while (true) {
        const std::size_t room = kMost - std::min(kMost, out.size() - at - kHead);
        const std::string_view part = literals.substr(0, room);
        out.append(part);
        note_size();
        literals.remove_prefix(part.size());
        if (literals.empty()) {
            return;
        }
        out[at + kFlags] = static_cast<char>(out[at + kFlags] & ~kEndHeaders);
        std::array<char, kHead> next{};
        next[3] = kContinuation;
        next[kFlags] = kEndHeaders;
        std::ranges::copy(std::string_view(out).substr(at + kFlags + 1, 4),
                          next.begin() + kFlags + 1);
        at = out.size();
        out.append(next.data(), next.size());
    }
}

}  // namespace gw::http
