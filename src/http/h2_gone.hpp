// Which of a client's streams are no more, and why: frames that come for one may have been on their
// way when we reset it, and are passed over, or break the protocol (RFC 9113, 5.1). Remembers the
// last ones of each kind, so that a connection holds little, however long it lives. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace gw::http {

class H2Gone {
  public:
    enum class Was : std::uint8_t {
        unknown,   // never opened, or so long ago that nothing is known of it
        ended,     // in good order, or reset by the client: nothing may follow
        given_up,  // reset or refused by us: the client may not have heard
    };

    void given_up(std::int32_t id) { given_up_.add(id); }
    // Of one that was given up it says nothing new.
    void ended(std::int32_t id) {
        if (!given_up_.has(id)) {
            ended_.add(id);
        }
    }
    [[nodiscard]] Was what_of(std::int32_t id) const {
        if (given_up_.has(id)) {
            return Was::given_up;
        }
        if (ended_.has(id)) {
            return Was::ended;
        }
        // Where resets have been forgotten, it may have been one of them.
        return given_up_.forgot() ? Was::given_up : Was::unknown;
    }

  private:
    // More than a client has open at once by default, so that all which it may not have heard of
    // are there.
    static constexpr std::size_t kKept = 128;

    class Recent {
      public:
        void add(std::int32_t id) { ids_[count_++ % kKept] = id; }
        [[nodiscard]] bool has(std::int32_t id) const {
            const auto end = ids_.begin() + static_cast<std::ptrdiff_t>(std::min(count_, kKept));
            return std::find(ids_.begin(), end, id) != end;
        }
        [[nodiscard]] bool forgot() const { return count_ > kKept; }

      private:
        std::array<std::int32_t, kKept> ids_{};  // 0 is no stream
        std::size_t count_ = 0;
    };

    Recent given_up_;
    Recent ended_;
};

}  // namespace gw::http
