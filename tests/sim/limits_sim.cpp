// Rate limits: one window against a list of what was admitted, and gateways with leases at a store
// that counts as the script does, over a network that loses, delays and parts.
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "limits/lease.hpp"
#include "limits/window.hpp"
#include "sim.hpp"

namespace gw::sim {
namespace {

using limits::Lease;
using limits::Quota;
using limits::StoreAnswer;
using limits::StoreAsk;

// Moments of admissions, the newest last; how many lie in the window that ends now.
class Admitted {
  public:
    explicit Admitted(Instant::duration window) : window_(window) {}
    std::size_t add(Instant now) {
        forget(now);
        at_.push_back(now);
        return at_.size();
    }
    std::size_t count(Instant now) {
        forget(now);
        return at_.size();
    }

  private:
    void forget(Instant now) {
        while (!at_.empty() && at_.front() <= now - window_) {
            at_.pop_front();
        }
    }
    Instant::duration window_;
    std::deque<Instant> at_;
};

// Holds each permit until its life and then a window have passed. The mistake: until its life.
class ModelStore {
  public:
    ModelStore(const Quota& quota, bool mistaken) : quota_(quota), mistaken_(mistaken) {}

    StoreAnswer ask(const StoreAsk& ask, Instant now) {
        const auto now_us = std::chrono::duration_cast<microseconds>(now.time_since_epoch());
        const auto window = std::chrono::duration_cast<microseconds>(quota_.window());
        while (!held_.empty() &&
               held_.begin()->first + (mistaken_ ? 0 : window.count()) <= now_us.count()) {
            used_ -= held_.begin()->second;
            held_.erase(held_.begin());
        }
        if (const auto back = held_.find(ask.back_id); ask.back > 0 && back != held_.end()) {
            const std::uint32_t returned = std::min(ask.back, back->second);
            back->second -= returned;
            used_ -= returned;
        }
        StoreAnswer answer;
        answer.granted = std::min(ask.permits, quota_.limit() - used_);
        if (answer.granted > 0) {
            answer.id = now_us.count() + ask.life.count();
            held_[answer.id] += answer.granted;
            used_ += answer.granted;
        } else if (ask.permits > 0 && !held_.empty()) {
            answer.retry_after = microseconds(held_.begin()->first) + window - now_us;
        }
        answer.remaining = quota_.limit() - used_;
        if (!held_.empty()) {
            answer.reset = microseconds(held_.rbegin()->first) + window - now_us;
        }
        return answer;
    }

  private:
    Quota quota_;
    bool mistaken_;
    std::map<limits::PermitId, std::uint32_t> held_;
    std::uint32_t used_ = 0;
};

constexpr std::uint32_t kGateways = 4;
constexpr Millis kAnswerMax{30};

struct Fleet {
    explicit Fleet(World& of, const Quota& with)
        : world(of),
          quota(with),
          store(with, of.canary),
          together(with.window()),
          crashes(with.window()) {}

    struct Gateway {
        explicit Gateway(const Quota& quota) : lease(quota), own(quota.window()) {}
        Lease lease;
        Admitted own;
        std::uint32_t waiting = 0;
        std::uint64_t life = 0;   // counts its crashes
        std::uint64_t asked = 0;  // counts its questions
        bool asking = false;
        bool parted = false;
    };

    void begin() {
        for (std::uint32_t g = 0; g < kGateways; ++g) {
            gateways.push_back(std::make_unique<Gateway>(quota));
            arrive(g);
            tick(g);
        }
        plan_partition();
        plan_crash();
    }
    void plan_partition() {
        if (world.faults.partition_every > Millis(0)) {
            world.in(world.faults.partition_every, [this] {
                Gateway& gateway = *gateways[world.random.below(kGateways)];
                gateway.parted = !gateway.parted;
                plan_partition();
            });
        }
    }
    void plan_crash() {
        if (world.faults.crash_every > Millis(0)) {
            world.in(world.faults.crash_every, [this] {
                const std::size_t g = world.random.below(kGateways);
                const std::uint64_t lives = gateways[g]->life + 1;
                gateways[g] = std::make_unique<Gateway>(quota);
                gateways[g]->life = lives;
                crashes.add(world.now());
                plan_crash();
            });
        }
    }
    void arrive(std::uint32_t g) {
        world.in(microseconds(world.random.below(pause_us)), [this, g] {
            Gateway& gateway = *gateways[g];
            decided(gateway, gateway.lease.take(world.now(), kGateways));
            ask(g);
            arrive(g);
        });
    }
    void tick(std::uint32_t g) {
        world.in(Millis(100), [this, g] {
            if (gateways[g]->lease.due() <= world.now()) {
                ask(g);
            }
            tick(g);
        });
    }
    void ask(std::uint32_t g) {
        Gateway& gateway = *gateways[g];
        const auto question = gateway.lease.ask(world.now());
        if (!question) {
            return;
        }
        require(!gateway.asking, "one question at a time");
        gateway.asking = true;
        const std::uint64_t number = ++gateway.asked;
        const std::uint64_t life = gateway.life;
        const bool parted = gateway.parted;
        if (!parted) {
            world.send([this, g, life, number, asked = *question] {
                const StoreAnswer answer = store.ask(asked, world.now());
                world.send([this, g, life, number, answer] { told(g, life, number, &answer); });
            });
        }
        world.in(kAnswerMax, [this, g, life, number] { told(g, life, number, nullptr); });
    }
    void told(std::uint32_t g, std::uint64_t life, std::uint64_t number,
              const StoreAnswer* answer) {
        Gateway& gateway = *gateways[g];
        if (gateway.life != life || !gateway.asking || gateway.asked != number) {
            return;  // it has crashed since, or given up
        }
        gateway.asking = false;
        if (answer != nullptr) {
            gateway.lease.answered(*answer, world.now());
        } else {
            gateway.lease.failed(world.now());
        }
        for (std::uint32_t n = std::exchange(gateway.waiting, 0); n > 0; --n) {
            decided(gateway, gateway.lease.take_again(world.now(), kGateways));
        }
        ask(g);
    }
    void decided(Gateway& gateway, const Lease::Taken& taken) {
        if (taken.is == Lease::Is::waiting) {
            ++gateway.waiting;
            return;
        }
        if (taken.is != Lease::Is::admitted) {
            return;
        }
        const std::size_t own = gateway.own.add(world.now());
        // Permits that it still has are the store's, which counts them; what it admits beside them
        // is told with its share for a limit.
        if (taken.outcome.limit == quota.share(kGateways).limit()) {
            require(own <= quota.share(kGateways).limit(), "a gateway alone goes over its share");
        } else {
            const std::size_t all = together.add(world.now());
            // What was admitted on credit is paid for with the next permits; one that has crashed
            // since has forgotten, and has its part of the credit again.
            const std::size_t credit = quota.limit() / 100;
            const std::size_t forgotten =
                crashes.count(world.now()) * (credit + kGateways - 1) / kGateways;
            require(all <= quota.limit() + credit + forgotten,
                    "the fleet admits " + std::to_string(all) + " of " +
                        std::to_string(quota.limit()) + " in a window");
        }
    }

    World& world;
    Quota quota;
    ModelStore store;
    Admitted together;  // by permits of the store
    Admitted crashes;
    std::vector<std::unique_ptr<Gateway>> gateways;
    std::uint64_t pause_us = 0;
};

}  // namespace

void window(World& world) {
    const auto limit = static_cast<std::uint32_t>(1 + world.random.below(60));
    const Quota quota(limit, Millis(1'000 + world.random.below(5'000)),
                      world.chance(30) ? Millis(2'000) : Millis(0));
    limits::Window counted{};
    Admitted admitted(quota.window());
    Admitted still_counted(quota.window() + 2 * std::chrono::nanoseconds(quota.window()) / 16'384);
    Instant latest{};
    Instant blocked_until{};
    // What leaves does so up to two ticks late.
    const Instant::duration late = 2 * std::chrono::nanoseconds(quota.window()) / 16'384;
    const std::uint32_t group = (limit + 19) / 20;
    const std::function<void()> ask = [&] {
        latest = std::max(latest, world.jumpy());
        const auto outcome = counted.take(quota, latest);
        require(outcome.remaining < limit || !outcome.admitted, "more remain than there are");
        if (outcome.block_began) {
            blocked_until = latest + quota.block();
        }
        if (outcome.admitted) {
            require(latest >= blocked_until - late, "admitted while it is blocked");
            still_counted.add(latest);
            require(admitted.add(latest) <= limit - (world.canary ? 1U : 0U),
                    "more admitted in a window than its limit");
        } else if (!outcome.blocked) {
            // Moments as late as the ticks may make them still count.
            require(still_counted.count(latest) + group > limit, "refused although there was room");
        }
        world.in(microseconds(world.random.below(400'000 / limit)), ask);
    };
    ask();
    world.run(seconds(8), [] {});
}

void limits(World& world) {
    const std::uint32_t limit = std::array{5U, 40U, 200U, 1'000U}[world.random.below(4)];
    Fleet fleet(world, Quota(limit, Millis(1'000 + world.random.below(4'000))));
    // Two to five times the limit, from each of four.
    const auto window_us = static_cast<std::uint64_t>(fleet.quota.window().count()) * 1'000;
    fleet.pause_us = 2 * kGateways * window_us / limit / (2 + world.random.below(4));
    fleet.begin();
    world.run(seconds(limit >= 200 ? 4 : 10), [] {});
}

}  // namespace gw::sim
