// What stands before a service: breaker, bulkhead with its queue, the budget of what is sent again,
// and how long idle connections are trusted.
#include <deque>
#include <list>
#include <memory>

#include "sim.hpp"
#include "upstream/breaker.hpp"
#include "upstream/bulkhead.hpp"
#include "upstream/idle_limit.hpp"
#include "upstream/retry_budget.hpp"

namespace gw::sim {
namespace {

using upstream::Breaker;
using upstream::BreakerOptions;
using upstream::BreakerState;

// A service that is well or ill by turns, asked by workers through one breaker. The mistake: those
// who try are counted and never counted off.
struct Circuit {
    explicit Circuit(World& of)
        : world(of),
          options{.window = Millis(1'000 + of.random.below(10'000)),
                  .volume_threshold = static_cast<std::uint32_t>(1 + of.random.below(20)),
                  .error_threshold = static_cast<std::uint32_t>(20 + of.random.below(70)),
                  .reset_timeout = Millis(200 + of.random.below(2'000)),
                  .reset_timeout_max = Millis(5'000),
                  .probes = static_cast<std::uint32_t>(1 + of.random.below(4))},
          breaker("service", options, of.random.next(), [this](const std::string&) { moved(); }) {}

    void moved() {
        const auto snapshot = breaker.snapshot(latest);
        const BreakerState before = last;
        last = snapshot.state;
        since = latest;
        // What changes within one call may pass through half open.
        const bool legal = before == last || snapshot.forced || was_forced ||
                           (before == BreakerState::closed && last == BreakerState::open) ||
                           (before == BreakerState::open && last == BreakerState::half_open) ||
                           before == BreakerState::half_open;
        was_forced = snapshot.forced;
        require(legal, "a change of state that there is not");
        if (last == BreakerState::open && !snapshot.forced) {
            require(failures > 0, "open although nothing has failed");
            const auto least = options.reset_timeout * 9 / 10;
            require(snapshot.next_try >= latest + least - Millis(3), "it tries too soon");
        }
        probes = 0;
        ++changes;
    }
    void request() {
        latest = world.now();
        // Another thread's clock is a moment behind.
        const Instant seen = world.jumpy();
        const auto snapshot = breaker.snapshot(seen);
        const auto admission = breaker.admit(seen);
        if (snapshot.state == BreakerState::open) {
            require(!admission.admitted, "let through while it is open");
            require(snapshot.forced || admission.retry_after > Instant::duration{0},
                    "refused without saying until when");
        }
        if (admission.admitted) {
            if (admission.probe) {
                ++probes;
                require(probes <= options.probes, "more tries at once than there may be");
            }
            const bool good = !ill || world.chance(10);
            world.in(microseconds(500 + world.random.below(world.faults.delay_max_us)),
                     [this, admission, good, at_change = changes] {
                         latest = world.now();
                         if (admission.probe && at_change == changes && !world.canary) {
                             --probes;  // of those that ended before it changed, nobody knows
                         }
                         failures += good ? 0 : 1;
                         breaker.report(admission,
                                        world.chance(2) ? Breaker::Result::ignored
                                        : good          ? Breaker::Result::success
                                                        : Breaker::Result::failure,
                                        Millis(1), world.now());
                     });
        }
        world.in(microseconds(world.random.below(20'000)), [this] { request(); });
    }
    void turn() {
        ill = !ill && world.chance(60);
        world.in(Millis(500 + world.random.below(6'000)), [this] { turn(); });
    }
    void operate() {
        world.in(Millis(2'000 + world.random.below(8'000)), [this] {
            latest = world.now();
            was_forced = true;
            if (world.chance(50)) {
                breaker.force(world.chance(50) ? BreakerState::open : BreakerState::closed,
                              world.now() + Millis(world.random.below(2'000)), world.now());
            } else {
                breaker.force(std::nullopt, world.now(), world.now());
            }
            operate();
        });
    }

    World& world;
    BreakerOptions options;
    bool ill = false;
    bool was_forced = false;
    std::uint32_t probes = 0;
    std::uint64_t failures = 0;
    std::uint64_t changes = 0;
    BreakerState last = BreakerState::closed;
    Instant latest{};
    Instant since{};
    Breaker breaker;
};

// Tenants at a bulkhead. The mistake: a request forgets that it ended, and its permit with it.
struct Crowd {
    struct Request final : upstream::Waiter {
        explicit Request(Crowd& of) : crowd(of) {}
        void decided() override { ++crowd.decisions; }
        Crowd& crowd;
        std::string tenant;
        upstream::Permit held;
    };

    explicit Crowd(World& of) : world(of), options(drawn()), bulkhead(options, of.random.next()) {}

    upstream::BulkheadOptions drawn() {
        return {.limit = static_cast<std::uint32_t>(1 + world.random.below(20)),
                .adaptive = world.chance(30),
                .limit_min = static_cast<std::uint32_t>(1 + world.random.below(4)),
                .queue_max = static_cast<std::uint32_t>(world.random.below(10)),
                .wait_max = Millis(50),
                .tenant_share_max = static_cast<std::uint32_t>(10 + world.random.below(91))};
    }
    void arrive() {
        world.in(microseconds(world.random.below(2'000)), [this] {
            requests.emplace_back(*this);
            Request& request = requests.back();
            request.tenant = "tenant-" + std::to_string(world.random.below(4));
            const auto at = std::prev(requests.end());
            const auto priority = static_cast<upstream::Priority>(world.random.below(3));
            const std::uint32_t before = bulkhead.in_flight();
            const auto state = bulkhead.enter(
                request, request.tenant,
                1 + static_cast<std::uint32_t>(request.tenant.back() - '0'), priority);
            if (state == upstream::Waiter::State::admitted) {
                require(before < bulkhead.limit(), "admitted where there is no room");
            }
            // It waits for so long, or its client leaves; or it goes, and ends.
            world.in(microseconds(world.random.below(30'000)), [this, at] { decide(at); });
            arrive();
        });
    }
    void decide(std::list<Request>::iterator at) {
        if (at->state() != upstream::Waiter::State::admitted) {
            requests.erase(at);  // refused, or gives up
            return;
        }
        at->held = std::move(at->permit);
        if (world.canary && world.chance(5)) {
            lost.push_back(std::move(at->held));
            requests.erase(at);
            return;
        }
        world.in(microseconds(world.random.below(20'000)), [this, at] {
            if (world.chance(80)) {
                at->held.answered(Millis(1 + world.random.below(20)), world.chance(3),
                                  {.now = world.now(), .wall = world.wall()});
            }
            at->held.give_back();
            at->held.give_back();  // once is enough, twice is no harm
            requests.erase(at);
        });
    }
    void reconfigure() {
        world.in(Millis(100 + world.random.below(500)), [this] {
            options = drawn();
            bulkhead.configure(options);
            reconfigure();
        });
    }
    void check() {
        std::uint32_t in_flight = 0;
        std::size_t waiting = 0;
        for (const Request& request : requests) {
            in_flight += request.permit.valid() || request.held.valid() ? 1 : 0;
            waiting += request.state() == upstream::Waiter::State::waiting ? 1 : 0;
        }
        require(in_flight == bulkhead.in_flight(), "permits have leaked, or are counted twice");
        require(waiting == bulkhead.waiting(), "one waits who is not in the queue");
        require(bulkhead.limit() >= 1, "nobody may go");
        if (waiting > 0 && in_flight < bulkhead.limit()) {
            // Whoever waits in spite of room is over its tenant's share.
            const std::uint32_t most =
                std::max(1U, bulkhead.limit() * options.tenant_share_max / 100);
            for (const Request& request : requests) {
                require(request.state() != upstream::Waiter::State::waiting ||
                            of_tenant(request.tenant) >= most,
                        "one waits who could go");
            }
        }
    }
    [[nodiscard]] std::uint32_t of_tenant(const std::string& tenant) const {
        return static_cast<std::uint32_t>(std::ranges::count_if(requests, [&](const Request& r) {
            return r.tenant == tenant && (r.permit.valid() || r.held.valid());
        }));
    }

    World& world;
    upstream::BulkheadOptions options;
    upstream::Bulkhead bulkhead;
    std::list<Request> requests;
    std::vector<upstream::Permit> lost;
    std::uint64_t decisions = 0;
};

}  // namespace

void breaker(World& world) {
    Circuit circuit(world);
    circuit.request();
    circuit.turn();
    if (world.chance(30)) {
        circuit.operate();
    }
    world.run(seconds(20), [] {});
}

void bulkhead(World& world) {
    Crowd crowd(world);
    crowd.arrive();
    crowd.reconfigure();
    world.run(Millis(600), [&crowd] { crowd.check(); });
    crowd.requests.clear();
    crowd.check();
    require(crowd.lost.size() == crowd.bulkhead.in_flight(), "permits are left at the end");
}

// The mistake: one in ten is sent again without asking.
void retry(World& world) {
    upstream::RetryBudget budget;
    std::uint64_t sent = 0;
    std::uint64_t again = 0;
    const Instant began = world.now();
    struct Mark {
        Instant at;
        std::uint64_t sent;
        std::uint64_t again;
    };
    Mark mark{began, 0, 0};
    const std::uint64_t pause_us = 100 + world.random.below(20'000);
    const std::uint32_t failing = static_cast<std::uint32_t>(world.random.below(101));
    const std::function<void()> ask = [&] {
        ++sent;
        budget.sent();
        while (world.chance(failing) &&
               (budget.take(world.now()) || (world.canary && world.chance(10)))) {
            ++again;
        }
        world.in(microseconds(world.random.below(2 * pause_us)), ask);
    };
    ask();
    world.run(seconds(10), [&] {
        const auto bound = [&](const Mark& from, double saved) {
            const double lasted = std::chrono::duration<double>(world.now() - from.at).count();
            return saved + 0.2 * static_cast<double>(sent - from.sent) + 3 * lasted + 3.001;
        };
        require(static_cast<double>(again) <= bound({began, 0, 0}, 0),
                "more was sent again than a fifth and three a second");
        require(static_cast<double>(again - mark.again) <= bound(mark, 100),
                "more was sent again at once than may be saved up");
        if (world.random.below(1'000) == 0) {
            mark = {world.now(), sent, again};
        }
    });
}

// A service that closes what lies unused for so long, give or take a little. Once it has shown so
// twice no connection is trusted for longer, until that is forgotten. A restart, which closes many
// at one moment, is no lesson. The mistake: only the first closing is told.
void idle(World& world) {
    upstream::IdleLimit limit;
    const Millis closes(600 + world.random.below(20'000));
    int closings = 0;
    Instant told{};
    for (int i = 0; i < 200; ++i) {
        const Instant::duration trusted = limit.limit(Millis(60'000), world.now());
        require(trusted > Instant::duration{0}, "no connection is trusted at all");
        if (closings >= 2 && world.now() - told < std::chrono::minutes(15)) {
            require(trusted < closes, "a connection is trusted for longer than it is kept");
        }
        const Millis unused(world.random.below(40'000));
        world.run(unused, [] {});
        if (unused >= closes && trusted >= closes) {
            if (closings == 0 || !world.canary) {
                limit.closed_after(closes + Millis(world.random.below(20)), world.now());
            }
            told = world.now();
            ++closings;
        }
        if (closings == 0 && world.chance(5)) {
            for (int n = 0; n < 5; ++n) {
                limit.closed_after(Millis(700 + world.random.below(30'000)), world.now());
            }
            require(limit.limit(Millis(60'000), world.now()) == Millis(60'000),
                    "a restart was taken for a limit");
            return;
        }
    }
}

}  // namespace gw::sim
