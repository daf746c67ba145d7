// Follows the keys of bans and revocations in a store and makes snapshots of them for the workers.
// Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "net/loop.hpp"
#include "state/known.hpp"
#include "state/store.hpp"

namespace gw::state {

class KnownState final : public Follower {
  public:
    using Publish = std::function<void(std::shared_ptr<const Known>)>;
    // A key or value that says nothing usable: which, and why (a literal).
    using Complain = std::function<void(std::string_view key, const char* why)>;
    // The store is there, or is not; why: a literal.
    using BackendChanged = std::function<void(bool available, const char* why)>;

    KnownState(net::Loop& loop, Publish publish, Complain complain, BackendChanged changed)
        : loop_(loop),
          publish_(std::move(publish)),
          complain_(std::move(complain)),
          changed_(std::move(changed)) {}
    KnownState(const KnownState&) = delete;
    KnownState& operator=(const KnownState&) = delete;

    static std::vector<std::string> prefixes() { return {"banned:", "revoked:"}; }

    void known(const KnownEntry& entry) override;
    void gone(std::string_view key) override;
    void listing_began() override;
    void listing_ended() override;
    void backend_changed(bool available, const char* why) override { changed_(available, why); }
    std::vector<KnownEntry> everything() override;

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

  private:
    // Where an entry belongs: a map of the snapshot and the key in it.
    struct Place {
        ReplicaMap Known::* map = nullptr;
        std::string key;
    };
    std::optional<Place> place_of(std::string_view key, bool complain);
    std::string value_for(const KnownEntry& entry, const Place& place);
    void change(const Place& place, std::optional<ReplicaMap::Value> value);
    void changed_later();
    void publish();

    struct Later : net::EndOfTurn {
        explicit Later(KnownState& owner)
            : EndOfTurn{[](net::EndOfTurn& work) { static_cast<Later&>(work).state.publish(); }},
              state(owner) {}
        KnownState& state;
    };

    net::Loop& loop_;
    Publish publish_;
    Complain complain_;
    BackendChanged changed_;
    // As the store has them: what is written back to one that has lost them.
    std::unordered_map<std::string, ReplicaMap::Value> entries_;
    std::optional<std::unordered_map<std::string, ReplicaMap::Value>> listed_;  // during a listing
    std::array<std::size_t, 33> v4_counts_{};
    std::array<std::size_t, 129> v6_counts_{};
    Known known_;
    // A pointer to a member is no key of a map; the maps are few.
    std::vector<std::pair<ReplicaMap Known::*, ReplicaMap::Changes>> pending_;
    Later later_{*this};
    bool queued_ = false;
};

}  // namespace gw::state
