// What was purged, by the store's clock, for as long as the store may still hold what was kept
// before: an answer that comes from there is held against it. Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.hpp"
#include "gateway/answer_cache.hpp"

namespace gw::gateway {

class PurgeLog {
  public:
    // Not known yet when: nothing that it names is given until it is.
    static constexpr std::int64_t kNotKnown = std::numeric_limits<std::int64_t>::max();
    // More at once: the youngest of those that are left out counts as a purge of everything. One of
    // a time that is not known counts so for as long as it would have been kept.
    static constexpr std::size_t kMost = 100'000;

    explicit PurgeLog(Millis kept_for) : kept_for_(kept_for) {}

    // at: milliseconds of the store's clock. False: that is known already.
    bool note(const Purge& purge, std::int64_t at, Instant now);
    // Whether an answer that was asked for at `began` is one that was purged since.
    [[nodiscard]] bool covers(const StoredAnswer& answer, std::int64_t began, Instant now) const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Times = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;
    enum class Kind : std::uint8_t { all, path, below, tag, tenant };
    struct Noted {
        Instant when;
        Kind kind;
        std::string what;
        std::int64_t at;
    };

    Times& times(Kind kind) { return times_[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] bool hit(Kind kind, std::string_view what, std::int64_t began) const;
    void forget_oldest();
    void make_room();

    const Millis kept_for_;
    std::array<Times, 5> times_;
    std::deque<Noted> noted_;
    // For those that there was no room for, and for those of them whose time is not known: no
    // longer than the store may hold what they name.
    std::int64_t all_before_ = 0;
    Instant all_until_{};
};

}  // namespace gw::gateway
