#include "http/h2_session.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "http/h2_nghttp2.hpp"

namespace gw::http {
namespace {

// Of what the gateway tells services, and clients.
constexpr std::array<std::string_view, 9> kOnce{
    "x-request-deadline", "x-original-ip",         "x-user-id",
    "x-internal-nonce",   "x-internal-timestamp",  "x-internal-signature",
    "ratelimit",          "x-ratelimit-remaining", "server-timing"};
constexpr std::size_t kOnceLongest = 24;
static_assert(std::ranges::all_of(kOnce, [](std::string_view name) {
    return name.size() <= kOnceLongest;
}));
constexpr std::uint64_t size_bit(std::size_t size) {
    return size < 64 ? std::uint64_t{1} << size : 0;
}
constexpr std::uint64_t kOnceSizes = [] {
    std::uint64_t sizes = 0;
    for (const std::string_view name : kOnce) {
        sizes |= size_bit(name.size());
    }
    return sizes;
}();
// One message in so many is remembered whole: so the names of those fields are in the table.
constexpr std::uint64_t kRememberedEvery = 256;

// RFC 9113, 8.2.2, and what is written anew.
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

// Eight letters at a time; bytes that are no capitals of ASCII stay.
std::uint64_t lower_word(std::uint64_t word) {
    constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
    const std::uint64_t low = word & (0x7F * kOnes);
    const std::uint64_t from_a = low + (0x80 - 'A') * kOnes;
    const std::uint64_t beyond_z = low + (0x7F - 'Z') * kOnes;
    const std::uint64_t capitals = from_a & ~beyond_z & ~word & (0x80 * kOnes);
    return word | (capitals >> 2U);
}

std::string_view lower_into(char* to, std::string_view name) {
    const std::size_t size = name.size();
    if (size < sizeof(std::uint64_t)) {
        std::ranges::transform(name, to, lower);
        return {to, size};
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
    return {to, size};
}

// A name that is not in the catalogue, in lower case.
bool is_of_once(std::string_view lower_name) {
    return (kOnceSizes & size_bit(lower_name.size())) != 0 &&
           std::ranges::find(kOnce, lower_name) != kOnce.end();
}

// Values of one request, or of one client among many: in the table of a connection that all share
// they would push out what comes again, and cost more than they save.
bool comes_once(Known known) {
    switch (known) {
        case Known::x_request_id:
        case Known::x_correlation_id:
        case Known::traceparent:
        case Known::tracestate:
        case Known::idempotency_key:
        case Known::cookie:
        case Known::x_forwarded_for:
        case Known::forwarded:
            return true;
        default:
            return false;
    }
}

bool comes_once(const Field& field) {
    if (field.known != Known::other) {
        return comes_once(field.known);
    }
    if ((kOnceSizes & size_bit(field.name.size())) == 0) {
        return false;
    }
    std::array<char, 64> small;
    return is_of_once(lower_into(small.data(), field.name));
}

// A name of the catalogue in lower case.
template <std::size_t kSize>
consteval std::array<char, kSize> lower_text(const char (&name)[kSize]) {
    std::array<char, kSize> text{};
    std::ranges::transform(name, text.begin(), lower);
    return text;
}
#define X(id, name) constexpr auto kLower_##id = lower_text(name);
GW_KNOWN_FIELDS(X)
#undef X
constexpr std::array kLowerNames = {std::string_view{},
#define X(id, name) std::string_view{kLower_##id.data(), kLower_##id.size() - 1},
                                    GW_KNOWN_FIELDS(X)
#undef X
};

}  // namespace

H2Pairs::H2Pairs(int status) {
    status_text_ = {static_cast<char>('0' + status / 100),
                    static_cast<char>('0' + status / 10 % 10),
                    static_cast<char>('0' + status % 10)};
    add(":status", {status_text_.data(), status_text_.size()});
}

void H2Pairs::add(std::string_view name, std::string_view value, std::uint8_t flags) {
    const auto bytes = [](std::string_view from) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(from.data()));
    };
    pairs_[count_++] = {bytes(name), bytes(value), name.size(), value.size(), flags};
}

void H2Pairs::add(const Headers& headers, bool once) {
    for (const Field& field : headers) {
        if (!stays_behind(field.known)) {
            add(field.name, field.value,
                once && comes_once(field) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
        }
    }
}

void H2Pairs::add_kept(const Headers& headers, std::span<char> small, bool once) {
    for (const Field& field : headers) {
        if (stays_behind(field.known)) {
            continue;
        }
        std::uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_VALUE;
        std::string_view name = field.name;
        bool unique = false;
        if (field.known != Known::other) {
            name = kLowerNames[std::to_underlying(field.known)];
            unique = once && comes_once(field.known);
            flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
        } else if (name.size() <= small.size()) {
            name = lower_into(small.data(), name);
            unique = once && is_of_once(name);
            small = small.subspan(name.size());
            flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
        } else {
            unique = once && comes_once(field);
        }
        if (unique) {
            flags |= NGHTTP2_NV_FLAG_NO_INDEX;
        }
        add(name, field.value, flags);
    }
}

void H2Pairs::add_length(std::uint64_t length) {
    char* const begin = length_text_.data();
    const char* const end = std::to_chars(begin, begin + length_text_.size(), length).ptr;
    add("content-length", {begin, static_cast<std::size_t>(end - begin)});
}

void H2Session::Delete::operator()(nghttp2_session* session) const {
    nghttp2_session_del(session);
}

H2Session::H2Session(const H2Limits& limits, Events& events, Side side)
    : events_(events), side_(side), streams_max_(limits.streams_max) {
    nghttp2_session* made = nullptr;
    const auto make =
        side == Side::server ? &nghttp2_session_server_new3 : &nghttp2_session_client_new3;
    ensure(make(&made, h2_callbacks(), this, h2_nghttp2_options(), h2_memory()) == 0,
           "no memory for HTTP/2");
    session_.reset(made);
    nghttp2_session_set_local_window_size(made, NGHTTP2_FLAG_NONE, 0,
                                          static_cast<std::int32_t>(limits.connection_window));
    if (side == Side::client) {
        settings_sent_ = true;  // nothing about them is to be mended
        const std::array<nghttp2_settings_entry, 3> entries{{
            {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_list_max},
        }};
        nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
        return;
    }
    // The first entry is the number of streams, see fill().
    const std::array<nghttp2_settings_entry, 5> entries{{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, std::numeric_limits<std::int32_t>::max()},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.header_list_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
    }};
    nghttp2_submit_settings(made, NGHTTP2_FLAG_NONE, entries.data(),
                            entries.size() - (limits.extended_connect ? 0 : 1));
}

// The library gets a frame that has to be judged when those before it have had their effect.
bool H2Session::receive(std::string_view bytes) {
    if (side_ == Side::client) {
        return pass(bytes);  // a service is trusted not to burden us; the library judges the rest
    }
    std::size_t passed = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        at += scan_.step(bytes.substr(at));
        const H2FrameHead* const frame = scan_.judge();
        if (frame == nullptr) {
            continue;
        }
        // All but the last byte of its head, without which it is none.
        if (!pass(bytes.substr(passed, at - 1 - passed))) {
            return false;
        }
        passed = at - 1;
        if (const std::optional<H2Code> fault = fault_of(*frame)) {
            end_with(*fault);
            return false;
        }
    }
    return pass(bytes.substr(passed));
}

// What the library passes over without telling (RFC 9113, 5.1, 5.1.1 and 6.3; RFC 7540, 5.3.1).
std::optional<H2Code> H2Session::fault_of(const H2FrameHead& frame) {
    if (frame.type == NGHTTP2_PRIORITY) {
        const bool broken = frame.stream == 0 || frame.stream == frame.depends_on;
        return broken ? std::optional(H2Code::protocol_error) : std::nullopt;
    }
    if (frame.stream == 0 || frame.stream > last_stream_ ||
        nghttp2_session_find_stream(session_.get(), frame.stream) != nullptr) {
        return std::nullopt;
    }
    const bool fields = frame.type == NGHTTP2_HEADERS;
    switch (gone_.what_of(frame.stream)) {
        case H2Gone::Was::given_up:
            // Passed over, but fields have to be decoded.
            return fields && !events_.spend(H2Cost::reset)
                       ? std::optional(H2Code::enhance_your_calm)
                       : std::nullopt;
        case H2Gone::Was::ended:
            return H2Code::stream_closed;
        case H2Gone::Was::unknown:
            break;
    }
    return fields ? H2Code::protocol_error : H2Code::stream_closed;
}

bool H2Session::pass(std::string_view bytes) {
    const ssize_t took = nghttp2_session_mem_recv(
        session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    if (took >= 0) {
        return true;
    }
    switch (took) {
        case NGHTTP2_ERR_CALLBACK_FAILURE:
        case NGHTTP2_ERR_FLOODED:
        case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
        case NGHTTP2_ERR_TOO_MANY_SETTINGS:
            end_with(H2Code::enhance_your_calm);
            break;
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
            end_with(H2Code::protocol_error);
            break;
        default:
            end_with(H2Code::internal_error);
    }
    return false;
}

void H2Session::fill(std::string& out, std::size_t enough) {
    out_ = &out;
    while (out.size() < enough) {
        const std::uint8_t* bytes = nullptr;
        const ssize_t size = nghttp2_session_mem_send(session_.get(), &bytes);
        if (size <= 0) {
            break;
        }
        const std::size_t at = out.size();
        out.append(h2_text(bytes, static_cast<std::size_t>(size)));
        if (!settings_sent_) {
            // The library ends the connection when a client opens a stream too many. It is told of
            // no limit, the client of ours, and whoever passes it has that stream refused.
            settings_sent_ = true;
            constexpr std::size_t kFirstValue = 9 + 2;
            for (unsigned i = 0; i < 4; ++i) {
                out[at + kFirstValue + i] = static_cast<char>(streams_max_ >> (24 - 8 * i) & 0xFF);
            }
        }
    }
    out_ = nullptr;
}

bool H2Session::over() const {
    return nghttp2_session_want_read(session_.get()) == 0 &&
           nghttp2_session_want_write(session_.get()) == 0;
}

void H2Session::respond(std::int32_t id, const ResponseHead& head, std::uint64_t content_length,
                        bool tell_length, bool ends) {
    H2Pairs pairs(head.status);
    pairs.add(head.headers, requests_++ % kRememberedEvery != 0);
    if (tell_length) {
        pairs.add_length(content_length);
    }
    const nghttp2_data_provider provider{.source = {.ptr = nullptr},
                                         .read_callback = &h2_read_outgoing};
    nghttp2_submit_response(session_.get(), id, pairs.data(), pairs.size(),
                            ends ? nullptr : &provider);
}

void H2Session::interim(std::int32_t id, const ResponseHead& head) {
    H2Pairs pairs(head.status);
    pairs.add(head.headers);
    nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, id, nullptr, pairs.data(),
                           pairs.size(), nullptr);
}

std::int32_t H2Session::request(const RequestHead& head, Listener& listener, bool ends,
                                std::span<char> kept) {
    constexpr std::uint8_t kStays = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    std::string_view path = head.path;
    std::string joined;
    std::uint8_t path_flags = kStays;
    if (head.has_query) {
        const std::size_t size = path.size() + 1 + head.query.size();
        if (size <= kept.size()) {
            char* const query = std::ranges::copy(path, kept.data()).out;
            *query = '?';
            std::ranges::copy(head.query, query + 1);
            path = {kept.data(), size};
            kept = kept.subspan(size);
        } else {
            joined.append(path).append(1, '?').append(head.query);
            path = joined;
            path_flags = NGHTTP2_NV_FLAG_NO_COPY_NAME;
        }
    }
    H2Pairs pairs;
    pairs.add(":method", head.method_text, kStays);
    pairs.add(":scheme", "http", kStays);
    pairs.add(":authority", head.headers.value(Known::host), kStays);
    pairs.add(":path", path, path_flags);
    pairs.add_kept(head.headers, kept, requests_++ % kRememberedEvery != 0);
    // We pass trailers on; services that speak gRPC ask for it.
    pairs.add("te", "trailers", kStays);
    if (head.framing == Framing::length) {
        pairs.add_length(head.content_length);
    }
    const nghttp2_data_provider provider{.source = {.ptr = nullptr},
                                         .read_callback = &h2_read_outgoing};
    const std::int32_t id = nghttp2_submit_request(
        session_.get(), nullptr, pairs.data(), pairs.size(), ends ? nullptr : &provider, &listener);
    last_stream_ = std::max(last_stream_, id);
    return std::max(id, 0);
}

bool H2Session::takes_requests() const {
    return nghttp2_session_check_request_allowed(session_.get()) != 0;
}

std::size_t H2Session::peer_streams_max() const {
    return nghttp2_session_get_remote_settings(session_.get(),
                                               NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

void H2Session::ping() {
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, kEndPing.data());
}

void H2Session::resume(std::int32_t id) {
    nghttp2_session_resume_data(session_.get(), id);
}

void H2Session::reset(std::int32_t id, H2Code code) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id,
                              static_cast<std::uint32_t>(code));
}

void H2Session::passed_on(std::int32_t id, std::size_t bytes) {
    if (id == 0) {
        nghttp2_session_consume_connection(session_.get(), bytes);
    } else {
        nghttp2_session_consume(session_.get(), id, bytes);
    }
}

void H2Session::forget(std::int32_t id) {
    unlisten(id);
    nghttp2_session_set_stream_user_data(session_.get(), id, nullptr);
}

void H2Session::announce_end() {
    nghttp2_submit_shutdown_notice(session_.get());
    nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, kEndPing.data());
}

void H2Session::end() {
    nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR,
                          nullptr, 0);
}

void H2Session::end_with(H2Code code) {
    ended_with_ = code;
    nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(code));
}

}  // namespace gw::http
