// Runs a KnownState on a loop: one version a turn, and memory given back when entries end. Control
// thread.
#pragma once

#include "net/loop.hpp"
#include "state/known_state.hpp"

namespace gw::state {

class KnownKeeper {
  public:
    // listener.changed is this class's own; the others may be empty. seed: Random::fresh_seed().
    KnownKeeper(net::Loop& loop, std::uint64_t seed, KnownStateListener listener);
    KnownKeeper(const KnownKeeper&) = delete;
    KnownKeeper& operator=(const KnownKeeper&) = delete;
    ~KnownKeeper() { loop_.forget(publication_); }

    [[nodiscard]] KnownState& state() { return state_; }
    [[nodiscard]] const KnownState& state() const { return state_; }

  private:
    struct Publication : net::EndOfTurn {
        explicit Publication(KnownKeeper& k)
            : EndOfTurn{[](EndOfTurn& work) { static_cast<Publication&>(work).keeper.publish(); }},
              keeper(k) {}
        KnownKeeper& keeper;
    };
    struct Cleaning : net::Timer {
        explicit Cleaning(KnownKeeper& k)
            : Timer([](Timer& timer) { static_cast<Cleaning&>(timer).keeper.drop_expired(); }),
              keeper(k) {}
        KnownKeeper& keeper;
    };

    KnownStateListener completed(KnownStateListener listener);
    void publish();
    void drop_expired();
    void arm();

    net::Loop& loop_;
    KnownState state_;
    Publication publication_{*this};
    Cleaning cleaning_{*this};
};

}  // namespace gw::state
