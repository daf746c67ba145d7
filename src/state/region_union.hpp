// Makes one of what several regions know: our own store's entries and those of other regions'
// stores go in, and a follower behind it is told of their union.
//
// A ban of any region is in force here, until the last of them that knows it lets it go; of two
// revocations of the same name the later one counts. What a region knows stays while its store is
// away. Only bans and revocations are taken from others: maintenance is each region's own.
//
// It keeps every entry once more, per region: only built where there are other regions. Pinned; one
// loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "state/store.hpp"

namespace gw::state {

class RegionUnion {
  public:
    // Told when another region's store is there, or is not, or does not let us
    // read all. why: for the call only.
    using PeerChanged = std::function<void(std::size_t peer, bool available, const char* why)>;

    // clock: of the loop that calls.
    RegionUnion(const Clock& clock, Follower& behind, std::size_t peers, PeerChanged changed);
    RegionUnion(const RegionUnion&) = delete;
    RegionUnion& operator=(const RegionUnion&) = delete;

    // What is taken from other regions.
    static std::vector<std::string> shared_prefixes() { return {"banned:", "revoked:"}; }

    [[nodiscard]] Follower& own() { return *sources_.front(); }
    [[nodiscard]] Follower& peer(std::size_t number) { return *sources_[number + 1]; }

  private:
    struct Held {
        std::string value;
        std::optional<WallTime> expires;
        std::int64_t moment_ms = 0;  // of a revocation: what was issued until then is revoked
        std::uint64_t listing = 0;   // the last one that named it
    };
    class Source final : public Follower {
      public:
        Source(RegionUnion& whole, std::optional<std::size_t> peer) : whole_(whole), peer_(peer) {}
        void known(const KnownEntry& entry) override;
        void gone(std::string_view key) override;
        void no_text(std::string_view key) override;
        void listing_began() override { ++listing_; }
        void listing_ended() override;
        void backend_changed(bool available, const char* why) override;
        void refuses(std::string_view what) override;
        // Our own only: each region gives its store back what that store had.
        std::vector<KnownEntry> everything() override;
        [[nodiscard]] const Held* find(const std::string& key) const;

      private:
        RegionUnion& whole_;
        std::optional<std::size_t> peer_;
        std::unordered_map<std::string, Held> held_;
        std::uint64_t listing_ = 0;
        bool refused_ = false;
    };

    void tell(const std::string& key);
    [[nodiscard]] bool holds(const std::string& key) const;

    const Clock& clock_;
    Follower& behind_;
    PeerChanged changed_;
    std::vector<std::unique_ptr<Source>> sources_;  // our own first
};

}  // namespace gw::state
