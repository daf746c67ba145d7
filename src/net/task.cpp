#include "net/task.hpp"

#include <array>
#include <cstdlib>
#include <new>

namespace gw::net {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kRecycle = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kRecycle = false;
#else
constexpr bool kRecycle = true;
#endif
#else
constexpr bool kRecycle = true;
#endif

constexpr std::size_t kClassBytes = 64;
// Up to 4 KiB: larger than 2 KiB is what HTTP/2 copies of an answer's head. What is larger still is
// rare and goes to malloc.
constexpr std::size_t kClasses = 64;
// Per class: a busy worker has several hundred requests in flight, but few heads to be written.
constexpr std::size_t kept_max(std::size_t index) {
    return index < kClasses / 2 ? 512 : 64;
}

struct FreeFrame {
    FreeFrame* next;
};

struct FrameCache {
    std::array<FreeFrame*, kClasses> head{};
    std::array<std::size_t, kClasses> kept{};

    FrameCache() = default;
    FrameCache(const FrameCache&) = delete;
    FrameCache& operator=(const FrameCache&) = delete;
    ~FrameCache() {
        for (FreeFrame* frame : head) {
            while (frame != nullptr) {
                FreeFrame* next = frame->next;
                std::free(frame);
                frame = next;
            }
        }
    }
};

FrameCache& cache() {
    thread_local FrameCache frames;
    return frames;
}

void* allocate_or_end(std::size_t size) {
    void* frame = std::malloc(size);
    ensure(frame != nullptr, "out of memory for a coroutine frame");
    return frame;
}

}  // namespace

void* allocate_frame(std::size_t size) {
    const std::size_t index = (size + kClassBytes - 1) / kClassBytes - 1;
    if (!kRecycle || index >= kClasses) {
        return allocate_or_end(size);
    }
    FrameCache& frames = cache();
    if (FreeFrame* frame = frames.head[index]; frame != nullptr) {
        frames.head[index] = frame->next;
        --frames.kept[index];
        return frame;
    }
    return allocate_or_end((index + 1) * kClassBytes);
}

void release_frame(void* frame, std::size_t size) noexcept {
    const std::size_t index = (size + kClassBytes - 1) / kClassBytes - 1;
    if (!kRecycle || index >= kClasses) {
        std::free(frame);
        return;
    }
    FrameCache& frames = cache();
    if (frames.kept[index] == kept_max(index)) {
        std::free(frame);
        return;
    }
    frames.head[index] = new (frame) FreeFrame{frames.head[index]};
    ++frames.kept[index];
}

}  // namespace gw::net
