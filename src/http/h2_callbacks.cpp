#include <string>

#include "base/ensure.hpp"
#include "http/h2_nghttp2.hpp"
#include "http/h2_session.hpp"

namespace gw::http {
namespace {

using Listener = H2Session::Listener;

constexpr std::size_t kOutboundAcksMax =
    1'000;  // of PING and SETTINGS to a client that reads nothing
constexpr std::size_t kContinuationsMax = 8;
constexpr std::size_t kSettingsMax = 32;  // entries of one SETTINGS

}  // namespace

ssize_t h2_read_outgoing(nghttp2_session* session, std::int32_t id, std::uint8_t* /*into*/,
                         std::size_t room, std::uint32_t* flags, nghttp2_data_source* /*source*/,
                         void* /*user*/) {
    auto* const listener =
        static_cast<Listener*>(nghttp2_session_get_stream_user_data(session, id));
    if (listener == nullptr) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    const H2Session::Outgoing out = listener->outgoing();
    const std::size_t taken = std::min(room, out.bytes.size());
    const bool last = out.last && taken == out.bytes.size();
    if (taken == 0 && !last) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (last) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (out.trailers != nullptr && out.trailers->size() > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            H2Pairs pairs;
            pairs.add(*out.trailers);
            nghttp2_submit_trailer(session, id, pairs.data(), pairs.size());
        }
    }
    if (taken > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    } else {
        listener->taken(0, true);
    }
    return static_cast<ssize_t>(taken);
}

struct H2Callbacks {
    static H2Session& self(void* user) { return *static_cast<H2Session*>(user); }
    static Listener* listener(nghttp2_session* session, std::int32_t id) {
        return static_cast<Listener*>(nghttp2_session_get_stream_user_data(session, id));
    }
    static int spend(H2Session& session, H2Cost cost) {
        return session.events_.spend(cost) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    static int frame_began(nghttp2_session* /*session*/, const nghttp2_frame_hd* frame,
                           void* user) {
        H2Session& session = self(user);
        switch (frame->type) {
            case NGHTTP2_SETTINGS:
                return spend(session, H2Cost::settings);
            case NGHTTP2_PING:
                return spend(session, H2Cost::ping);
            case NGHTTP2_WINDOW_UPDATE:
                return spend(session, H2Cost::window_update);
            case NGHTTP2_DATA:
                return frame->length == 0 && (frame->flags & NGHTTP2_FLAG_END_STREAM) == 0
                           ? spend(session, H2Cost::empty_data)
                           : 0;
            case NGHTTP2_CONTINUATION:
                return frame->length == 0 ? spend(session, H2Cost::empty_data) : 0;
            case NGHTTP2_HEADERS:
            case NGHTTP2_RST_STREAM:
            case NGHTTP2_GOAWAY:
            case NGHTTP2_PUSH_PROMISE:
                return 0;
            default:
                return spend(session, H2Cost::priority);
        }
    }

    // Frames of types that we do not know are passed over, but counted.
    static int unknown_frame(nghttp2_session* /*session*/, void** /*payload*/,
                             const nghttp2_frame_hd* /*frame*/, void* /*user*/) {
        return NGHTTP2_ERR_CANCEL;
    }

    static int headers_began(nghttp2_session* handle, const nghttp2_frame* frame, void* user) {
        H2Session& session = self(user);
        const std::int32_t id = frame->hd.stream_id;
        if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
            Listener* const known = listener(handle, id);
            session.fields_begin(id, known);
            if (known != nullptr) {
                known->fields_began(true);
            }
            return 0;
        }
        session.last_stream_ = id;
        session.fields_begin(id, nullptr);
        Listener* const fresh = session.events_.stream_began(id);
        if (fresh == nullptr) {
            if (const int flood = spend(session, H2Cost::reset); flood != 0) {
                return flood;
            }
            nghttp2_submit_rst_stream(handle, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        nghttp2_session_set_stream_user_data(handle, id, fresh);
        // All streams in turn, whatever their priorities say: one cannot starve the others.
        const nghttp2_extpri in_turn{.urgency = NGHTTP2_EXTPRI_DEFAULT_URGENCY, .inc = 1};
        nghttp2_session_change_extpri_stream_priority(handle, id, &in_turn, 1);
        session.fields_begin(id, fresh);
        fresh->fields_began(false);
        return 0;
    }

    static int header(nghttp2_session* /*handle*/, const nghttp2_frame* /*frame*/,
                      const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
                      std::size_t value_size, std::uint8_t /*flags*/, void* user) {
        Listener* const known = self(user).reader_;
        if (known == nullptr ||
            known->field(h2_text(name, name_size), h2_text(value, value_size))) {
            return 0;
        }
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    }

    static int frame_received(nghttp2_session* handle, const nghttp2_frame* frame, void* user) {
        H2Session& session = self(user);
        const bool last = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        Listener* known = nullptr;
        switch (frame->hd.type) {
            case NGHTTP2_HEADERS:
                known = listener(handle, frame->hd.stream_id);
                if (known != nullptr) {
                    known->fields_ended(last);
                }
                return 0;
            case NGHTTP2_DATA:
                known = listener(handle, frame->hd.stream_id);
                if (known != nullptr && last) {
                    known->ended();
                }
                // Padding alone, which came with nothing to hold it to a pace.
                return !last && frame->data.padlen > 0 && frame->data.padlen == frame->hd.length
                           ? spend(session, H2Cost::empty_data)
                           : 0;
            case NGHTTP2_SETTINGS:
                session.events_.greeted();
                return 0;
            case NGHTTP2_PING:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 &&
                    h2_text(frame->ping.opaque_data, kEndPing.size()) ==
                        h2_text(kEndPing.data(), kEndPing.size())) {
                    session.events_.ping_answered();
                }
                return 0;
            default:
                return 0;
        }
    }

    static int data(nghttp2_session* handle, std::uint8_t /*flags*/, std::int32_t id,
                    const std::uint8_t* bytes, std::size_t size, void* /*user*/) {
        if (Listener* const known = listener(handle, id); known != nullptr) {
            known->data(h2_text(bytes, size));
        } else {
            nghttp2_session_consume_connection(handle, size);
        }
        return 0;
    }

    static int stream_closed(nghttp2_session* handle, std::int32_t id, std::uint32_t code,
                             void* user) {
        self(user).gone_.ended(id);
        self(user).unlisten(id);
        if (Listener* const known = listener(handle, id); known != nullptr) {
            nghttp2_session_set_stream_user_data(handle, id, nullptr);
            known->closed(static_cast<H2Code>(code));
        }
        return 0;
    }

    // The stream may be gone when its frame is there.
    static int frame_comes(nghttp2_session* handle, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_HEADERS) {
            if (Listener* const known = listener(handle, frame->hd.stream_id); known != nullptr) {
                self(user).literals_.swap(known->literals());
            }
        }
        return 0;
    }

    static int frame_sent(nghttp2_session* handle, const nghttp2_frame* frame, void* user) {
        const std::uint8_t type = frame->hd.type;
        if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
            self(user).events_.broken(static_cast<H2Code>(frame->goaway.error_code));
        }
        if (type == NGHTTP2_RST_STREAM) {
            self(user).gone_.given_up(frame->hd.stream_id);
        }
        if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
            if (Listener* const known = listener(handle, frame->hd.stream_id); known != nullptr) {
                known->end_sent();
            }
        }
        return 0;
    }

    // A request that waited for its turn, on a connection that takes none any more.
    static int frame_not_sent(nghttp2_session* handle, const nghttp2_frame* frame, int /*why*/,
                              void* user) {
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
            stream_closed(handle, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM, user);
        }
        return 0;
    }

    static int send_data(nghttp2_session* handle, nghttp2_frame* frame, const std::uint8_t* head,
                         std::size_t size, nghttp2_data_source* /*source*/, void* user) {
        constexpr std::size_t kFrameHeader = 9;
        Listener* const known = listener(handle, frame->hd.stream_id);
        if (known == nullptr) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        std::string& out = *self(user).out_;
        const H2Session::Outgoing outgoing = known->outgoing();
        out.append(h2_text(head, kFrameHeader)).append(outgoing.bytes.substr(0, size));
        known->taken(size, outgoing.last && size == outgoing.bytes.size());
        return 0;
    }
};

const nghttp2_session_callbacks* h2_callbacks() {
    struct Delete {
        void operator()(nghttp2_session_callbacks* table) const {
            nghttp2_session_callbacks_del(table);
        }
    };
    static const std::unique_ptr<nghttp2_session_callbacks, Delete> kTable = [] {
        nghttp2_session_callbacks* made = nullptr;
        ensure(nghttp2_session_callbacks_new(&made) == 0, "no memory for HTTP/2");
        nghttp2_session_callbacks_set_on_begin_frame_callback(made, &H2Callbacks::frame_began);
        nghttp2_session_callbacks_set_on_begin_headers_callback(made, &H2Callbacks::headers_began);
        nghttp2_session_callbacks_set_on_header_callback(made, &H2Callbacks::header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(made, &H2Callbacks::frame_received);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, &H2Callbacks::data);
        nghttp2_session_callbacks_set_on_stream_close_callback(made, &H2Callbacks::stream_closed);
        nghttp2_session_callbacks_set_before_frame_send_callback(made, &H2Callbacks::frame_comes);
        nghttp2_session_callbacks_set_on_frame_send_callback(made, &H2Callbacks::frame_sent);
        nghttp2_session_callbacks_set_on_frame_not_send_callback(made,
                                                                 &H2Callbacks::frame_not_sent);
        nghttp2_session_callbacks_set_send_data_callback(made, &H2Callbacks::send_data);
        nghttp2_session_callbacks_set_unpack_extension_callback(made, &H2Callbacks::unknown_frame);
        return std::unique_ptr<nghttp2_session_callbacks, Delete>(made);
    }();
    return kTable.get();
}

namespace {

struct DeleteOptions {
    void operator()(nghttp2_option* table) const { nghttp2_option_del(table); }
};
using Options = std::unique_ptr<nghttp2_option, DeleteOptions>;

Options make_options(H2Session::Side side) {
    nghttp2_option* made = nullptr;
    ensure(nghttp2_option_new(&made) == 0, "no memory for HTTP/2");
    // What is a message is decided by the same rules as for HTTP/1.1 (h2_head).
    nghttp2_option_set_no_http_messaging(made, 1);
    nghttp2_option_set_no_auto_window_update(made, 1);
    nghttp2_option_set_no_closed_streams(made, 1);
    nghttp2_option_set_max_outbound_ack(made, kOutboundAcksMax);
    nghttp2_option_set_max_settings(made, kSettingsMax);
    nghttp2_option_set_max_continuations(made, kContinuationsMax);
    constexpr unsigned kFirstUnknown = NGHTTP2_CONTINUATION + 1;
    for (unsigned type = kFirstUnknown; type <= 0xFF; ++type) {
        nghttp2_option_set_user_recv_extension_type(made, static_cast<std::uint8_t>(type));
    }
    // Resets are counted by h2_flood, which also counts those that the client made us send.
    constexpr std::uint64_t kAny = 1'000'000;
    nghttp2_option_set_stream_reset_rate_limit(made, kAny, kAny);
    if (side == H2Session::Side::client) {
        // All of a request is literals, and so are its trailers.
        nghttp2_option_set_max_deflate_dynamic_table_size(made, 0);
    }
    return Options(made);
}

}  // namespace

const nghttp2_option* h2_nghttp2_options(H2Session::Side side) {
    static const Options kOfServer = make_options(H2Session::Side::server);
    static const Options kOfClient = make_options(H2Session::Side::client);
    return side == H2Session::Side::server ? kOfServer.get() : kOfClient.get();
}

}  // namespace gw::http
