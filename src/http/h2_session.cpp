#include "http/h2_session.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "http/h2_literals.hpp"
#include "http/h2_nghttp2.hpp"

namespace gw::http {
namespace {

bool ends_section(std::string_view frame) {
    constexpr std::size_t kType = 3;
    constexpr std::size_t kFlags = 4;
    return (frame[kType] == NGHTTP2_HEADERS || frame[kType] == NGHTTP2_CONTINUATION) &&
           (frame[kFlags] & NGHTTP2_FLAG_END_HEADERS) != 0;
}

}  // namespace

H2Pairs::H2Pairs(int status) {
    status_text_ = {static_cast<char>('0' + status / 100),
                    static_cast<char>('0' + status / 10 % 10),
                    static_cast<char>('0' + status % 10)};
    add(":status", {status_text_.data(), status_text_.size()});
}

void H2Pairs::add(std::string_view name, std::string_view value) {
    const auto bytes = [](std::string_view from) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(from.data()));
    };
    pairs_[count_++] = {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void H2Pairs::add(const Headers& headers) {
    for (const Field& field : headers) {
        if (!stays_behind(field.known)) {
            add(field.name, field.value);
        }
    }
}

void H2Pairs::add(const Headers& headers, std::string& literals) {
    for (const Field& field : headers) {
        if (stays_behind(field.known)) {
            continue;
        }
        if (comes_once(field)) {
            append_literal(literals, field);
        } else {
            add(field.name, field.value);
        }
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
    ensure(make(&made, h2_callbacks(), this, h2_nghttp2_options(side), h2_memory()) == 0,
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

// The library gets a frame that has to be looked at when those before it have had their effect.
bool H2Session::receive(std::string_view bytes) {
    if (side_ == Side::client) {
        return pass(bytes);  // a service is trusted not to burden us; the library judges the rest
    }
    std::size_t passed = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        at += scan_.step(bytes.substr(at));
        const H2FrameHead* const frame = scan_.found();
        if (frame == nullptr) {
            continue;
        }
        // Before its head, or all but the last byte of it, without which it is none.
        constexpr std::size_t kHead = 9;
        const bool whole_head = frame->opens && at >= passed + kHead;
        const std::size_t before = at - (whole_head ? kHead : 1);
        if (!pass(bytes.substr(passed, before - passed))) {
            return false;
        }
        passed = before;
        if (const std::optional<H2Code> fault = frame->opens ? std::nullopt : fault_of(*frame)) {
            end_with(*fault);
            return false;
        }
        if (whole_head && frame->length <= bytes.size() - at) {
            std::array<char, 4096> room;
            const std::string_view same =
                unpack_.plain(bytes.substr(before, kHead + frame->length), room);
            if (!same.empty()) {
                if (!pass(same)) {
                    return false;
                }
                passed = at + frame->length;
            }
        }
    }
    return passed == bytes.size() || pass(bytes.substr(passed));
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
        if (const std::string_view frame = std::string_view(out).substr(at); ends_section(frame)) {
            extend_section(out, at, literals_);
            literals_.clear();
        }
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
    if (out.empty()) {
        literals_ = {};  // a connection that waits holds nothing
    }
}

bool H2Session::over() const {
    return nghttp2_session_want_read(session_.get()) == 0 &&
           nghttp2_session_want_write(session_.get()) == 0;
}

void H2Session::respond(std::int32_t id, const ResponseHead& head, std::uint64_t content_length,
                        bool tell_length, bool ends) {
    H2Pairs pairs(head.status);
    auto* const listener =
        static_cast<Listener*>(nghttp2_session_get_stream_user_data(session_.get(), id));
    if (listener != nullptr && !std::exchange(listener->interim_, false)) {
        pairs.add(head.headers, listener->literals());
    } else {
        pairs.add(head.headers);
    }
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
    if (auto* const listener =
            static_cast<Listener*>(nghttp2_session_get_stream_user_data(session_.get(), id))) {
        listener->interim_ = true;
    }
}

std::int32_t H2Session::request(const RequestHead& head, Listener& listener, bool ends) {
    listener.literals().clear();
    append_literals(listener.literals(), head);
    const nghttp2_data_provider provider{.source = {.ptr = nullptr},
                                         .read_callback = &h2_read_outgoing};
    const std::int32_t id = nghttp2_submit_request(session_.get(), nullptr, nullptr, 0,
                                                   ends ? nullptr : &provider, &listener);
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

std::optional<std::size_t> H2Session::peer_head_max() const {
    const std::uint32_t most =
        nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
    return most == std::numeric_limits<std::uint32_t>::max() ? std::nullopt
                                                             : std::optional<std::size_t>(most);
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

void H2Session::passed_on_of_stream(std::int32_t id, std::size_t bytes) {
    nghttp2_session_consume_stream(session_.get(), id, bytes);
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
