#include "http/content_coder.hpp"

#include <brotli/encode.h>
#include <zlib.h>

#include <algorithm>

#include "base/ensure.hpp"

namespace gw::http {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's largest window, in gzip's frame
constexpr int kGzipMemory = 8;        // zlib's default
// 256 KiB. Larger windows find little more in answers of an API, and cost each its memory.
constexpr std::uint32_t kBrotliWindow = 18;

class GzipCoder final : public ContentCoder {
  public:
    GzipCoder(int level, CoderMemory& memory) {
        stream_.zalloc = [](void* opaque, unsigned items, unsigned size) {
            return static_cast<CoderMemory*>(opaque)->take(std::size_t{items} * size);
        };
        stream_.zfree = [](void* opaque, void* block) {
            static_cast<CoderMemory*>(opaque)->give_back(block);
        };
        stream_.opaque = &memory;
        ensure(deflateInit2(&stream_, level, Z_DEFLATED, kGzipWindow, kGzipMemory,
                            Z_DEFAULT_STRATEGY) == Z_OK,
               "zlib was asked for what it does not have");
    }
    GzipCoder(const GzipCoder&) = delete;
    GzipCoder& operator=(const GzipCoder&) = delete;
    ~GzipCoder() override { deflateEnd(&stream_); }

    void feed(std::string_view in, Push push) override {
        // zlib does not write there.
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = static_cast<uInt>(in.size());
        push_ = push == Push::last ? Z_FINISH : Z_SYNC_FLUSH;
    }
    Taken take(std::span<char> room) override {
        stream_.next_out = reinterpret_cast<Bytef*>(room.data());
        stream_.avail_out = static_cast<uInt>(room.size());
        const int done = deflate(&stream_, push_);
        // Z_BUF_ERROR: everything was out already.
        ensure(done == Z_OK || done == Z_STREAM_END || done == Z_BUF_ERROR,
               "zlib failed on memory of our own");
        return {.bytes = room.size() - stream_.avail_out,
                .all = push_ == Z_FINISH ? done == Z_STREAM_END : stream_.avail_out > 0};
    }

  private:
    z_stream stream_{};
    int push_ = Z_SYNC_FLUSH;
};

class BrotliCoder final : public ContentCoder {
  public:
    BrotliCoder(int quality, CoderMemory& memory)
        : state_(BrotliEncoderCreateInstance(
              [](void* opaque, std::size_t bytes) {
                  return static_cast<CoderMemory*>(opaque)->take(bytes);
              },
              [](void* opaque, void* block) {
                  static_cast<CoderMemory*>(opaque)->give_back(block);
              },
              &memory)) {
        ensure(state_ != nullptr &&
                   BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY,
                                             static_cast<std::uint32_t>(quality)) != 0 &&
                   BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_LGWIN, kBrotliWindow) != 0,
               "brotli was asked for what it does not have");
    }

    void feed(std::string_view in, Push push) override {
        in_ = in;
        push_ = push == Push::last ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
    }
    Taken take(std::span<char> room) override {
        std::size_t left = in_.size();
        const auto* next = reinterpret_cast<const std::uint8_t*>(in_.data());
        std::size_t free = room.size();
        auto* out = reinterpret_cast<std::uint8_t*>(room.data());
        ensure(BrotliEncoderCompressStream(state_.get(), push_, &left, &next, &free, &out,
                                           nullptr) != 0,
               "brotli failed on memory of our own");
        in_ = in_.substr(in_.size() - left);
        const bool all =
            in_.empty() && BrotliEncoderHasMoreOutput(state_.get()) == 0 &&
            (push_ != BROTLI_OPERATION_FINISH || BrotliEncoderIsFinished(state_.get()) != 0);
        return {.bytes = room.size() - free, .all = all};
    }

  private:
    struct Destroy {
        void operator()(BrotliEncoderState* state) const { BrotliEncoderDestroyInstance(state); }
    };
    std::unique_ptr<BrotliEncoderState, Destroy> state_;
    std::string_view in_;
    BrotliEncoderOperation push_ = BROTLI_OPERATION_FLUSH;
};

}  // namespace

void* CoderMemory::take(std::size_t bytes) {
    Block block;
    const auto fits = std::ranges::find(kept_, bytes, &Block::size);
    if (fits != kept_.end()) {
        block = std::move(*fits);
        kept_bytes_ -= block.size;
        kept_.erase(fits);
    } else {
        // Zeroed once: what the libraries pad their tables with is never somebody's answer before.
        block = {.bytes = std::make_unique<std::byte[]>(bytes), .size = bytes};
    }
    lent_bytes_ += block.size;
    void* const at = block.bytes.get();
    lent_.emplace(at, std::move(block));
    return at;
}

void CoderMemory::give_back(void* at) {
    const auto found = lent_.find(at);
    if (found == lent_.end()) {
        return;  // null, which the libraries free as well
    }
    Block block = std::move(found->second);
    lent_.erase(found);
    lent_bytes_ -= block.size;
    if (kept_bytes_ + block.size <= kKeptMax) {
        kept_bytes_ += block.size;
        kept_.push_back(std::move(block));
    }
}

std::unique_ptr<ContentCoder> make_coder(Coding coding, const CoderLevels& levels,
                                         CoderMemory& memory) {
    ensure(coding != Coding::identity, "there is nothing to code");
    if (memory.full()) {
        return nullptr;
    }
    if (coding == Coding::gzip) {
        return std::make_unique<GzipCoder>(levels.gzip, memory);
    }
    return std::make_unique<BrotliCoder>(levels.brotli, memory);
}

}  // namespace gw::http
