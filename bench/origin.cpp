// bench_origin <port>: the backend of the benchmarks. One thread, and far quicker than any proxy
// before it.
//
//   GET  …/bytes/<n>     n bytes of the pattern (origin_body.hpp); chunked when the query is
//   "chunked" POST …/sha256        reads the body; answers {"bytes":n,"sha256":"…"} POST …/echo
//   sends the body back while it comes, with its Content-Type and Content-Encoding anything else
//   reads the body, if there is one; answers 1,024 bytes of text
//
// Asked for a WebSocket it agrees, and says what it is told (websocket_echo.hpp).
//
// It keeps connections alive, reads pipelined requests in order and stops reading while an answer
// is not taken. It believes what it reads: a proxy under test has checked it already.
#include <strings.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "origin_body.hpp"
#include "origin_loop.hpp"
#include "plain_body.hpp"
#include "websocket_echo.hpp"

namespace {

constexpr std::size_t kUnsentMax = 1U << 20U;

std::array<char, 131072> buffer;
bench::Pattern pattern;

const std::string plain_content = bench::plain_body();
const std::string plain = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " +
                          std::to_string(plain_content.size()) + "\r\n\r\n" + plain_content;

std::optional<std::string_view> field(std::string_view head, std::string_view name) {
    for (std::size_t at = head.find("\r\n"); at + 2 < head.size(); at = head.find("\r\n", at + 2)) {
        const std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
        if (line.size() > name.size() && line[name.size()] == ':' &&
            ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
            const std::size_t value = line.find_first_not_of(' ', name.size() + 1);
            return value == std::string_view::npos ? "" : line.substr(value);
        }
    }
    return std::nullopt;
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

class Connection {
  public:
    explicit Connection(int fd) : fd_(fd) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { ::close(fd_); }

    // Reads, answers and sends until the socket has nothing more or takes nothing more. False: it
    // is over.
    bool advance() {
        bool emptied = false;
        for (;;) {
            if (!bench::flush(fd_, out_, sent_)) {
                return errno == EAGAIN;
            }
            if (pattern_left_ > 0) {
                add_pattern();
            } else if (const std::size_t used = take(pending_); used > 0) {
                pending_.erase(0, used);
            } else if (emptied) {
                return true;
            } else {
                const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
                if (got <= 0) {
                    return got < 0 && errno == EAGAIN;
                }
                emptied = static_cast<std::size_t>(got) < buffer.size();
                arrived({buffer.data(), static_cast<std::size_t>(got)});
            }
        }
    }

  private:
    enum class Sink { drain, hash, echo };

    void arrived(std::string_view bytes) {
        if (pending_.empty()) {
            bytes.remove_prefix(take(bytes));
        }
        pending_.append(bytes);
    }

    // Uses as much from the front as makes sense now; says how much that was.
    std::size_t take(std::string_view bytes) {
        if (switched_) {
            return bench::echo_frames(bytes, out_);
        }
        std::size_t used = 0;
        while (used < bytes.size() && pattern_left_ == 0 && out_.size() < kUnsentMax) {
            const std::string_view rest = bytes.substr(used);
            const std::size_t step = in_body_ ? take_body(rest) : take_head(rest);
            if (step == 0) {
                break;
            }
            used += step;
        }
        return used;
    }

    std::size_t take_head(std::string_view bytes) {
        const std::size_t end = bytes.find("\r\n\r\n");
        if (end == std::string_view::npos) {
            return 0;
        }
        const std::string_view head = bytes.substr(0, end + 2);
        if (const auto key = field(head, "Sec-WebSocket-Key")) {
            out_ +=
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: " +
                bench::websocket_accept(*key) + "\r\n\r\n";
            switched_ = true;
            return end + 4;
        }
        const std::size_t space = head.find(' ') + 1;
        const std::string_view target = head.substr(space, head.find(' ', space) - space);
        if (head.starts_with("GET ") || head.starts_with("HEAD ")) {
            answer(target, head.starts_with("HEAD "));
        } else {
            begin_body(head, target);
        }
        return end + 4;
    }

    void answer(std::string_view target, bool head_only) {
        const std::size_t at = target.find("/bytes/");
        if (at == std::string_view::npos) {
            out_.append(plain, 0, head_only ? plain.size() - plain_content.size() : plain.size());
            return;
        }
        const std::uint64_t size = number(target.substr(at + 7));
        pattern_chunked_ = target.ends_with("?chunked");
        out_ += "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n";
        out_ += pattern_chunked_ ? "Transfer-Encoding: chunked\r\n\r\n"
                                 : "Content-Length: " + std::to_string(size) + "\r\n\r\n";
        if (!head_only) {
            pattern_left_ = size;
            pattern_block_ = 0;
        }
    }

    void add_pattern() {
        const std::string_view block = pattern.block(pattern_block_++);
        const std::string_view part =
            block.substr(0, std::min<std::uint64_t>(pattern_left_, block.size()));
        pattern_left_ -= part.size();
        if (pattern_chunked_) {
            add_chunk(part);
            out_ += pattern_left_ == 0 ? "0\r\n\r\n" : "";
        } else {
            out_ += part;
        }
    }

    void begin_body(std::string_view head, std::string_view target) {
        sink_ = target.ends_with("/sha256") ? Sink::hash
                : target.ends_with("/echo") ? Sink::echo
                                            : Sink::drain;
        if (field(head, "Transfer-Encoding")) {
            body_.expect_chunks();
        } else {
            body_.expect_length(number(field(head, "Content-Length").value_or("0")));
        }
        if (field(head, "Expect")) {
            out_ += "HTTP/1.1 100 Continue\r\n\r\n";
        }
        body_bytes_ = 0;
        if (sink_ == Sink::hash) {
            hash_.restart();
        } else if (sink_ == Sink::echo) {
            out_ += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n";
            for (const std::string_view name : {"Content-Type", "Content-Encoding"}) {
                if (const auto value = field(head, name)) {
                    out_.append(name).append(": ").append(*value).append("\r\n");
                }
            }
            out_ += "\r\n";
        }
        in_body_ = true;
        end_body_if_done();
    }

    std::size_t take_body(std::string_view bytes) {
        std::string_view part;
        const std::size_t used = body_.read(bytes, part);
        body_bytes_ += part.size();
        if (sink_ == Sink::hash) {
            hash_.add(part);
        } else if (sink_ == Sink::echo && !part.empty()) {
            add_chunk(part);
        }
        end_body_if_done();
        return used;
    }

    void end_body_if_done() {
        if (!body_.done()) {
            return;
        }
        in_body_ = false;
        if (sink_ == Sink::echo) {
            out_ += "0\r\n\r\n";
        } else if (sink_ == Sink::drain) {
            out_ += plain;
        } else {
            const std::string text = "{\"bytes\":" + std::to_string(body_bytes_) +
                                     ",\"sha256\":\"" + hash_.finish_hex() + "\"}";
            out_ += "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                    std::to_string(text.size()) + "\r\n\r\n" + text;
        }
    }

    void add_chunk(std::string_view part) {
        std::array<char, 16> size{};
        const auto end = std::to_chars(size.begin(), size.end(), part.size(), 16).ptr;
        out_.append(size.begin(), end).append("\r\n").append(part).append("\r\n");
    }

    int fd_;
    std::string pending_;  // arrived, not yet taken
    std::string out_;
    std::size_t sent_ = 0;
    std::uint64_t pattern_left_ = 0;
    std::uint64_t pattern_block_ = 0;
    bool pattern_chunked_ = false;
    bool in_body_ = false;
    bool switched_ = false;  // a WebSocket
    bench::BodyReader body_;
    Sink sink_ = Sink::drain;
    std::uint64_t body_bytes_ = 0;
    bench::Sha256 hash_;
};

}  // namespace

int main(int argc, char** argv) {
    return bench::serve<Connection>(argc, argv);
}
