// The library's memory comes from the thread's frames, where what was freed is at hand at once. A
// piece is preceded by its size.
#include <cstddef>
#include <cstring>
#include <limits>

#include "http/h2_nghttp2.hpp"
#include "net/task.hpp"

namespace gw::http {
namespace {

constexpr std::size_t kBefore = alignof(std::max_align_t);

char* start_of(void* piece) {
    return static_cast<char*>(piece) - kBefore;
}

std::size_t size_of(void* piece) {
    std::size_t size = 0;
    std::memcpy(&size, start_of(piece), sizeof size);
    return size;
}

void* take(std::size_t size, void* /*user*/) {
    auto* const at = static_cast<char*>(net::allocate_frame(kBefore + size));
    std::memcpy(at, &size, sizeof size);
    return at + kBefore;
}

void give_back(void* piece, void* /*user*/) {
    if (piece != nullptr) {
        net::release_frame(start_of(piece), kBefore + size_of(piece));
    }
}

void* take_empty(std::size_t count, std::size_t each, void* user) {
    if (each != 0 && count > std::numeric_limits<std::size_t>::max() / each) {
        return nullptr;
    }
    void* const piece = take(count * each, user);
    std::memset(piece, 0, count * each);
    return piece;
}

void* take_more(void* piece, std::size_t size, void* user) {
    if (piece == nullptr) {
        return take(size, user);
    }
    const std::size_t before = size_of(piece);
    if (size <= before) {
        return piece;
    }
    void* const more = take(size, user);
    std::memcpy(more, piece, before);
    give_back(piece, user);
    return more;
}

}  // namespace

nghttp2_mem* h2_memory() {
    static nghttp2_mem functions{.mem_user_data = nullptr,
                                 .malloc = &take,
                                 .free = &give_back,
                                 .calloc = &take_empty,
                                 .realloc = &take_more};
    return &functions;
}

}  // namespace gw::http
