// Buffers of one size, lent while bytes move: a connection that waits for its next request holds
// none. A pool belongs to one loop's thread; a Buffer gives itself back.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace gw::net {

class BufferPool;

class Buffer {
  public:
    Buffer() = default;
    Buffer(Buffer&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), bytes_(std::move(other.bytes_)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        std::swap(pool_, other.pool_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~Buffer() { release(); }

    [[nodiscard]] explicit operator bool() const { return bytes_ != nullptr; }
    [[nodiscard]] char* data() const { return bytes_.get(); }
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] std::span<char> span() const { return {data(), size()}; }
    void release();

  private:
    friend class BufferPool;
    Buffer(BufferPool& pool, std::unique_ptr<char[]> bytes)
        : pool_(&pool), bytes_(std::move(bytes)) {}

    BufferPool* pool_ = nullptr;
    std::unique_ptr<char[]> bytes_;
};

class BufferPool {
  public:
    // kept_max: how many unused buffers stay for the next to come; more go back to the system.
    BufferPool(std::size_t buffer_bytes, std::size_t kept_max)
        : buffer_bytes_(buffer_bytes), kept_max_(kept_max) {}
    BufferPool(const BufferPool&) = delete;
    BufferPool& operator=(const BufferPool&) = delete;

    Buffer take() {
        ++lent_;
        if (free_.empty()) {
            return Buffer{*this, std::make_unique_for_overwrite<char[]>(buffer_bytes_)};
        }
        Buffer buffer{*this, std::move(free_.back())};
        free_.pop_back();
        return buffer;
    }
    [[nodiscard]] std::size_t buffer_bytes() const { return buffer_bytes_; }
    [[nodiscard]] std::size_t lent() const { return lent_; }

  private:
    friend class Buffer;
    void give_back(std::unique_ptr<char[]> bytes) {
        --lent_;
        if (free_.size() < kept_max_) {
            free_.push_back(std::move(bytes));
        }
    }

    std::size_t buffer_bytes_;
    std::size_t kept_max_;
    std::size_t lent_ = 0;
    std::vector<std::unique_ptr<char[]>> free_;
};

inline std::size_t Buffer::size() const {
    return pool_ != nullptr ? pool_->buffer_bytes() : 0;
}

// Moves bytes that may lie in the buffer already, or nowhere if there are none, to its start;
// returns how many.
inline std::size_t move_to_front(Buffer& buffer, std::string_view bytes) {
    if (!bytes.empty() && bytes.data() != buffer.data()) {
        std::memmove(buffer.data(), bytes.data(), bytes.size());
    }
    return bytes.size();
}

inline void Buffer::release() {
    if (bytes_ != nullptr) {
        std::exchange(pool_, nullptr)->give_back(std::move(bytes_));
    }
}

}  // namespace gw::net
