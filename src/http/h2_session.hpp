// The frames of one HTTP/2 connection, on either side (RFC 9113): bytes in, events out;
// calls in, bytes out. By nghttp2, which h2_nghttp2.hpp alone includes. Knows no sockets and no
// policy; which fields make a request is said elsewhere (h2_head), what is too much of something as
// well (h2_flood).
//
// One worker's thread. Events come from within receive() and fill(); they may call everything here
// but those two.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/h2_flood.hpp"
#include "http/h2_frame_scan.hpp"
#include "http/h2_gone.hpp"
#include "http/h2_unpack.hpp"
#include "http/headers.hpp"
#include "http/message.hpp"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace gw::http {

struct H2Limits {
    std::uint32_t streams_max = 100;
    std::uint32_t stream_window = 64UL * 1024;
    std::uint32_t connection_window = 1024UL * 1024;
    std::uint32_t header_list_max = 16UL * 1024;  // told to the client; not enforced here
    bool extended_connect = false;                // offered to clients (RFC 8441)
};

// RFC 9113, 7.
enum class H2Code : std::uint32_t {
    no_error = 0,
    protocol_error = 1,
    internal_error = 2,
    flow_control_error = 3,
    stream_closed = 5,
    refused_stream = 7,
    cancel = 8,
    enhance_your_calm = 11,
};

class H2Session {
  public:
    // A part of a body that waits to be sent.
    struct Outgoing {
        std::string_view bytes;
        bool last = false;
        const Headers* trailers = nullptr;  // with the last part
    };

    // What one stream hears.
    class Listener {
      public:
        // trailers: a second section of fields has begun.
        virtual void fields_began(bool trailers) = 0;
        // False: more than this connection may send; it ends.
        virtual bool field(std::string_view name, std::string_view value) = 0;
        virtual void fields_ended(bool last) = 0;
        virtual void data(std::string_view bytes) = 0;
        virtual void ended() = 0;  // the client has said all
        // It is gone, in good order or not; nothing else comes for it.
        virtual void closed(H2Code code) = 0;
        // What there is to send, and that this much of it was taken.
        virtual Outgoing outgoing() = 0;
        virtual void taken(std::size_t bytes, bool last) = 0;
        virtual void end_sent() = 0;  // the last frame of the answer is among the bytes to write
        // Where its head's literals wait to be written; the session's alone, while it listens.
        virtual std::string& literals() = 0;

      protected:
        ~Listener() = default;

      private:
        friend class H2Session;
        bool interim_ = false;  // a head that may not be written yet has none of the literals
    };

    // What the connection hears.
    class Events {
      public:
        // Null refuses the stream.
        virtual Listener* stream_began(std::int32_t id) = 0;
        // False: a flood; the connection ends.
        virtual bool spend(H2Cost cost) = 0;
        virtual void greeted() = 0;  // its SETTINGS came; those that follow are told as well
        virtual void ping_answered() = 0;
        virtual void broken(H2Code code) = 0;  // GOAWAY with an error goes out

      protected:
        ~Events() = default;
    };

    enum class Side : std::uint8_t { server, client };

    H2Session(const H2Limits& limits, Events& events, Side side = Side::server);
    H2Session(const H2Session&) = delete;
    H2Session& operator=(const H2Session&) = delete;
    ~H2Session() = default;

    // Takes all the bytes. False: the client broke the protocol beyond repair, or flooded; what is
    // left is to write what fill() gives and to close.
    [[nodiscard]] bool receive(std::string_view bytes);
    // Appends what there is to send, until `out` holds about `enough` bytes.
    void fill(std::string& out, std::size_t enough);
    // Nothing will come or go any more.
    [[nodiscard]] bool over() const;

    // An interim or final head; ends: it is all of the answer. Without, outgoing() is asked next.
    void respond(std::int32_t id, const ResponseHead& head, std::uint64_t content_length,
                 bool tell_length, bool ends);
    void interim(std::int32_t id, const ResponseHead& head);
    // Of a client: a new stream, whose outgoing() is asked unless the head is all. Its id; it waits
    // here while the server takes no more. 0: no stream can be opened any more. The head is read
    // here and now.
    std::int32_t request(const RequestHead& head, Listener& listener, bool ends);
    // Has the other side not said that it takes no more?
    [[nodiscard]] bool takes_requests() const;
    // How many at once, as far as it has said.
    [[nodiscard]] std::size_t peer_streams_max() const;
    // How large a head it reads, as header_list_size() counts; none: it has not said.
    [[nodiscard]] std::optional<std::size_t> peer_head_max() const;
    void ping();                   // ping_answered() comes
    void resume(std::int32_t id);  // outgoing() has something again
    void reset(std::int32_t id, H2Code code);
    // These bytes of a body have been passed on: as many may come again. id 0: the stream is gone.
    void passed_on(std::int32_t id, std::size_t bytes);
    // The same in two steps: the connection's window opens when they have come, so that who does
    // not read holds up no other, and the stream's when they have been passed on.
    void received(std::size_t bytes) { passed_on(0, bytes); }
    void passed_on_of_stream(std::int32_t id, std::size_t bytes);
    // Nobody listens to this stream any more.
    void forget(std::int32_t id);

    // RFC 9113, 6.8: says first that the end is near, and asks for an answer to know when that was
    // heard; then which streams will still be served.
    void announce_end();
    void end();
    void end_with(H2Code code);
    // What end_with() said last, be it called by receive().
    [[nodiscard]] H2Code ended_with() const { return ended_with_; }

  private:
    friend struct H2Callbacks;
    struct Delete {
        void operator()(nghttp2_session* session) const;
    };
    bool pass(std::string_view bytes);
    void fields_begin(std::int32_t id, Listener* reader) {
        read_stream_ = id;
        reader_ = reader;
    }
    void unlisten(std::int32_t id) {
        if (read_stream_ == id) {
            reader_ = nullptr;
        }
    }
    [[nodiscard]] std::optional<H2Code> fault_of(const H2FrameHead& frame);

    Events& events_;
    Side side_;
    std::uint32_t streams_max_;
    std::string* out_ = nullptr;    // during fill()
    std::string literals_;          // … of the section that is being written
    std::int32_t last_stream_ = 0;  // that the client has opened
    Listener* reader_ = nullptr;    // of the fields that are being decoded
    std::int32_t read_stream_ = 0;  // whose they are
    bool settings_sent_ = false;
    H2Code ended_with_ = H2Code::no_error;
    H2FrameScan scan_;
    H2Unpack unpack_;
    H2Gone gone_;
    std::unique_ptr<nghttp2_session, Delete> session_;
};

}  // namespace gw::http
