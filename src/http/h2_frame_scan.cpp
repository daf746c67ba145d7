#include "http/h2_frame_scan.hpp"

#include <algorithm>

namespace gw::http {
namespace {

constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kPriority = 2;

std::uint32_t number(std::string_view bytes) {
    std::uint32_t value = 0;
    for (const char c : bytes) {
        value = value << 8 | static_cast<std::uint8_t>(c);
    }
    return value;
}

// The highest bit says something else.
std::int32_t stream_number(std::string_view bytes) {
    return static_cast<std::int32_t>(number(bytes) & 0x7FFF'FFFF);
}

}  // namespace

std::size_t H2FrameScan::step(std::string_view bytes) {
    found_ = false;
    std::size_t at = 0;
    while (at < bytes.size() && !found_) {
        if (skip_ > 0) {
            const auto passed = std::min<std::uint64_t>(skip_, bytes.size() - at);
            skip_ -= passed;
            at += passed;
            continue;
        }
        const std::size_t taken = std::min(wanted_ - filled_, bytes.size() - at);
        std::ranges::copy(bytes.substr(at, taken),
                          text_.begin() + static_cast<std::ptrdiff_t>(filled_));
        filled_ += taken;
        at += taken;
        if (filled_ == wanted_) {
            take_head();
        }
    }
    return at;
}

void H2FrameScan::take_head() {
    const std::string_view text{text_.data(), filled_};
    if (filled_ == kHead) {
        head_ = {.length = number(text.substr(0, 3)),
                 .type = static_cast<std::uint8_t>(text[3]),
                 .stream = stream_number(text.substr(5, 4)),
                 .depends_on = 0,
                 .opens = false};
        if (head_.type == kPriority && head_.length >= kDependency) {
            wanted_ = kHead + kDependency;
            return;
        }
    } else {
        head_.depends_on = stream_number(text.substr(kHead, kDependency));
    }
    skip_ = kHead + head_.length - filled_;
    filled_ = 0;
    wanted_ = kHead;
    head_.opens = head_.type == kHeaders && head_.stream > highest_;
    highest_ = head_.opens ? head_.stream : highest_;
    found_ = head_.type == kPriority || head_.type == kData || head_.type == kHeaders;
}

}  // namespace gw::http
