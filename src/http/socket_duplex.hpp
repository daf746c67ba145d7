// A whole connection as a Duplex.
#pragma once

#include "http/stream.hpp"
#include "net/buffers.hpp"
#include "net/stream.hpp"

namespace gw::http {

class SocketDuplex final : public Duplex {
  public:
    SocketDuplex(net::Stream& stream, net::BufferPool& buffers)
        : stream_(stream), buffers_(buffers) {}

    Task<Result<std::string_view>> read(net::Buffer& buffer, Instant deadline) override {
        if (!stream_.has_news(false)) {
            buffer.release();
        }
        if (const Result<void> ready = co_await stream_.readable(deadline); !ready) {
            co_return std::unexpected(ready.error());
        }
        if (!buffer) {
            buffer = buffers_.take();
        }
        const Result<std::size_t> got = co_await stream_.read_some(buffer.span(), deadline);
        if (!got) {
            co_return std::unexpected(got.error());
        }
        co_return std::string_view{buffer.data(), *got};
    }
    Task<Result<void>> write(std::string_view bytes, net::PaceLimits pace) override {
        co_return co_await stream_.write(bytes, pace);
    }
    void end() override { stream_.shutdown_write(); }
    void cancel() override { stream_.cancel(); }
    void cancel_read() override { stream_.cancel_read(); }
    [[nodiscard]] bool cancelled() const override { return stream_.cancelled(); }

  private:
    net::Stream& stream_;
    net::BufferPool& buffers_;
};

}  // namespace gw::http
