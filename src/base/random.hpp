// The only source of chance: seeded, so that a test can repeat it. Not for secrets. One generator a
// thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gw {

class Random {
  public:
    explicit Random(std::uint64_t seed);
    // A seed that no other process has.
    static std::uint64_t fresh_seed();

    std::uint64_t next();                      // xoshiro256++
    std::uint64_t below(std::uint64_t bound);  // uniform enough for balancing; bound > 0
    // A version 4 UUID (RFC 9562, 5.4) in lower case.
    void uuid(std::array<char, 36>& out);
    // 2 * bytes lower-case hexadecimal digits, never all zero.
    void hex(char* out, std::size_t bytes);

  private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace gw
