// bench_origin_h2 <port>: the backend of the benchmarks for proxies that speak HTTP/2 to it, with
// prior knowledge. One thread.
//
// Whatever it is asked, it answers 200 with the same 1,024 bytes of text as bench_origin. All that
// one read brought is answered in one write, as a service under load does it: what a proxy saves by
// sharing a connection shows only before a service that works so.
#include <nghttp2/nghttp2.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "origin_loop.hpp"
#include "plain_body.hpp"

namespace {

constexpr std::int32_t kWindow = 16 << 20;
constexpr std::uint32_t kStreamsMax = 1'000;

std::array<char, 262144> buffer;

const std::string body = bench::plain_body();
const std::string length = std::to_string(body.size());

nghttp2_nv pair(const char* name, const char* value) {
    const auto bytes = [](const char* text) {
        return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text));
    };
    return {bytes(name), bytes(value), std::strlen(name), std::strlen(value),
            NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

class Connection {
  public:
    explicit Connection(int fd) : fd_(fd) {
        nghttp2_session_server_new2(&session_, callbacks(), this, believing());
        const std::array<nghttp2_settings_entry, 2> entries{
            {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kStreamsMax},
             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}}};
        nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
        nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() {
        nghttp2_session_del(session_);
        ::close(fd_);
    }

    // Reads, answers and sends until the socket has nothing more or takes nothing more. False: it
    // is over.
    bool advance() {
        for (bool emptied = false;;) {
            if (!flush()) {
                return errno == EAGAIN;
            }
            if (emptied) {
                return true;
            }
            const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                return got < 0 && errno == EAGAIN;
            }
            emptied = static_cast<std::size_t>(got) < buffer.size();
            if (nghttp2_session_mem_recv(session_,
                                         reinterpret_cast<const std::uint8_t*>(buffer.data()),
                                         static_cast<std::size_t>(got)) < 0) {
                return false;
            }
        }
    }

  private:
    bool flush() {
        for (;;) {
            const std::uint8_t* bytes = nullptr;
            const ssize_t size = nghttp2_session_mem_send(session_, &bytes);
            if (size <= 0) {
                break;
            }
            out_.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
        }
        return bench::flush(fd_, out_, sent_);
    }

    static int frame_received(nghttp2_session* session, const nghttp2_frame* frame, void*) {
        const bool asks = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        if (!asks || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
            return 0;
        }
        static const std::array<nghttp2_nv, 3> kHead{pair(":status", "200"),
                                                     pair("content-type", "text/plain"),
                                                     pair("content-length", length.c_str())};
        nghttp2_data_provider provider{.source = {.fd = 0}, .read_callback = &read_body};
        return nghttp2_submit_response(session, frame->hd.stream_id, kHead.data(), kHead.size(),
                                       &provider);
    }

    // Streams that wait for the client's window would be asked again where they left off; windows
    // here are never that small.
    static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                             std::uint32_t* flags, nghttp2_data_source*, void*) {
        if (room < body.size()) {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        std::ranges::copy(body, into);
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(body.size());
    }

    // A proxy under test has checked what it sends.
    static nghttp2_option* believing() {
        static nghttp2_option* const kOption = [] {
            nghttp2_option* made = nullptr;
            nghttp2_option_new(&made);
            nghttp2_option_set_no_http_messaging(made, 1);
            return made;
        }();
        return kOption;
    }

    static nghttp2_session_callbacks* callbacks() {
        static nghttp2_session_callbacks* const kTable = [] {
            nghttp2_session_callbacks* made = nullptr;
            nghttp2_session_callbacks_new(&made);
            nghttp2_session_callbacks_set_on_frame_recv_callback(made, &frame_received);
            return made;
        }();
        return kTable;
    }

    int fd_;
    nghttp2_session* session_ = nullptr;
    std::string out_;
    std::size_t sent_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    return bench::serve<Connection>(argc, argv);
}
