// Who takes how much of the room for claims in the embedded store, so that they never take the room
// of what matters more, and no tenant that of the others. Pure.
//
// A key takes a little for as long as it is known, and is never given up for another: a tenant may
// take new ones while its keys take less than three times what all keys leave free. One alone has
// three quarters, two have three sevenths each, and there is always some left for who comes next.
// Answers have what keys leave; where they do not fit, of the tenant with most of them the largest
// go.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"

namespace gw::control {

class KeyRoom {
  public:
    // most: in bytes, of keys and answers together.
    explicit KeyRoom(std::size_t most) : most_(most) {}
    KeyRoom(const KeyRoom&) = delete;
    KeyRoom& operator=(const KeyRoom&) = delete;

    struct Size {
        std::size_t key = 0;  // and what stands there without an answer
        std::size_t answer = 0;
    };

    // For one more key of this tenant.
    [[nodiscard]] bool has_room(const std::string& tenant, std::size_t bytes, Instant now);
    // The key takes that much until then, and not what it took before.
    void take(const std::string& key, const std::string& tenant, Size size, Instant until);
    // It is held until then, if it is known.
    void hold(const std::string& key, Instant until);
    void give_back(const std::string& key);
    // The key of an answer that has to go, and counts no longer; nothing: all of them fit.
    [[nodiscard]] std::optional<std::string> next_to_drop();

  private:
    using Answers = std::set<std::pair<std::size_t, std::string_view>>;  // the largest last
    struct Share {
        std::size_t keys = 0;
        std::size_t answers = 0;
        Answers by_size{};
    };
    using Shares = std::map<std::string, Share>;
    struct Entry {
        Shares::iterator share;
        Size size;
        Instant until;
    };
    using Entries = std::unordered_map<std::string, Entry>;

    void forget_ended(Instant now);
    void forget(Entries::iterator at);
    void set_answer(Entries::iterator at, std::size_t bytes);

    const std::size_t most_;
    std::size_t keys_ = 0;
    std::size_t answers_ = 0;
    Entries entries_;
    Shares shares_;                                                    // of tenants that have any
    std::set<std::pair<Instant, std::string_view>> ends_;              // of entries_
    std::set<std::pair<std::size_t, std::string_view>> most_answers_;  // tenants; the most last
};

}  // namespace gw::control
