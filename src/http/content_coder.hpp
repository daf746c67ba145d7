// Bodies in a content coding: gzip by zlib, br by libbrotli. A coder takes bytes and gives bytes;
// it holds what its coding needs and no body. One worker's thread.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "http/accept_encoding.hpp"

namespace gw::http {

// The memory of a worker's coders. Making one anew for each answer costs no more than what its
// tables cost to clear: blocks that are given back are kept for the next, up to kKeptMax bytes.
class CoderMemory {
  public:
    // Beyond this, answers go out as they are. A hundred answers that clients read slowly.
    static constexpr std::size_t kBytesMax = 64UL * 1024 * 1024;
    // A few coders of each kind.
    static constexpr std::size_t kKeptMax = 8UL * 1024 * 1024;

    CoderMemory() = default;
    CoderMemory(const CoderMemory&) = delete;
    CoderMemory& operator=(const CoderMemory&) = delete;

    void* take(std::size_t bytes);
    void give_back(void* block);

    [[nodiscard]] bool full() const { return lent_bytes_ >= kBytesMax; }
    [[nodiscard]] std::size_t lent_bytes() const { return lent_bytes_; }
    [[nodiscard]] std::size_t kept_bytes() const { return kept_bytes_; }

  private:
    struct Block {
        std::unique_ptr<std::byte[]> bytes;
        std::size_t size = 0;
    };
    boost::unordered_flat_map<void*, Block> lent_;
    std::vector<Block> kept_;
    std::size_t lent_bytes_ = 0;
    std::size_t kept_bytes_ = 0;
};

class ContentCoder {
  public:
    virtual ~ContentCoder() = default;

    // How much of what was fed has to come out.
    enum class Push : std::uint8_t {
        flush,  // all of it: whoever decodes it has every byte
        last,   // all of it, and the end of the coding
    };
    // Only after all of what was fed before has been taken. in: stays valid until then.
    virtual void feed(std::string_view in, Push push) = 0;
    struct Taken {
        std::size_t bytes = 0;
        bool all = false;  // of what was fed
    };
    // The next bytes of the coding, into `room`.
    virtual Taken take(std::span<char> room) = 0;
};

struct CoderLevels {
    int gzip = 4;    // zlib's level
    int brotli = 4;  // its quality
};
// coding: gzip or br. Null: there is no memory for it now. The memory outlives it.
std::unique_ptr<ContentCoder> make_coder(Coding coding, const CoderLevels& levels,
                                         CoderMemory& memory);

}  // namespace gw::http
