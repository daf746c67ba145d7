#include "gateway/compression.hpp"

#include <coroutine>

#include "gateway/shard.hpp"

namespace gw::gateway {
namespace {

// Coded in about a millisecond. The loop goes on with others after each of these, and looks for
// what came in after a few (Loop::end_turn).
constexpr std::size_t kSlice = 64UL * 1024;

// The others of this worker have their turn.
struct OthersFirst {
    net::Loop& loop;
    [[nodiscard]] static bool await_ready() { return false; }
    void await_suspend(std::coroutine_handle<> handle) const { loop.resume_soon(handle); }
    void await_resume() const {}
};

}  // namespace

bool Compression::feed(std::string_view& body, bool last) {
    const std::string_view slice = body.substr(0, kSlice);
    body.remove_prefix(slice.size());
    last = last && body.empty();
    since_turn_ += slice.size();
    coder_->feed(slice, last ? http::ContentCoder::Push::last : http::ContentCoder::Push::flush);
    return last;
}

Compression::Coded Compression::next(bool last) {
    const http::ContentCoder::Taken taken = coder_->take(out_.span());
    if (taken.all && last) {
        coder_.reset();  // its memory is another answer's while the client reads this one
    }
    return {.bytes = {out_.data(), taken.bytes}, .all = taken.all};
}

net::Task<Result<void>> Compression::send(Exchange& x, std::string_view body, bool last,
                                          const http::Headers* trailers) {
    if (body.empty() && !last) {
        co_return co_await x.stream.send(x.memory.response, {}, false, nullptr);
    }
    const bool end = feed(body, last);
    const Coded coded = next(end);
    const bool whole = end && coded.all;
    if (whole && trailers == nullptr) {
        x.memory.response.framing = http::Framing::length;
        x.memory.response.content_length = coded.bytes.size();
    }
    Result<void> sent =
        co_await x.stream.send(x.memory.response, coded.bytes, whole, whole ? trailers : nullptr);
    if (sent && !coded.all) {
        sent = co_await drain(x, end, trailers);
    }
    if (sent && !end && !body.empty()) {
        sent = co_await send_body(x, body, last, trailers);
    }
    co_return sent;
}

net::Task<Result<void>> Compression::send_body(Exchange& x, std::string_view body, bool last,
                                               const http::Headers* trailers) {
    Result<void> sent{};
    for (bool end = false; sent && !end && (!body.empty() || last);) {
        if (since_turn_ >= kSlice) {
            since_turn_ = 0;
            co_await OthersFirst{x.shard.loop()};
        }
        end = feed(body, last);
        sent = co_await drain(x, end, trailers);
    }
    co_return sent;
}

net::Task<Result<void>> Compression::drain(Exchange& x, bool last, const http::Headers* trailers) {
    Result<void> sent{};
    for (Coded coded; sent && !coded.all;) {
        coded = next(last);
        const bool whole = last && coded.all;
        if (!coded.bytes.empty() || whole) {
            sent = co_await x.stream.send_body(coded.bytes, whole, whole ? trailers : nullptr);
        }
    }
    co_return sent;
}

}  // namespace gw::gateway
