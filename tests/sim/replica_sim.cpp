// Bans on gateways that follow one store: each learns of changes over a network that loses, parts
// and delays, and lists everything again when it is back. What a gateway has learnt stays in force
// until it ends, is lifted, or is found gone; whatever happens in between.
#include <map>
#include <memory>
#include <optional>

#include "sim.hpp"
#include "state/known_state.hpp"

namespace gw::sim {
namespace {

constexpr std::uint32_t kGateways = 3;
constexpr std::uint32_t kNames = 12;

struct Value {
    std::uint64_t version = 0;
    WallTime ends = WallTime::max();
};
using Values = std::map<std::string, Value>;

std::string address_of(std::uint64_t number) {
    return "203.0.113." + std::to_string(number);
}

struct Machines {
    // As the product follows a store: told of changes while connected, reads what changed, lists
    // all after each connection, and gives back what it knows to a store that has lost everything.
    struct Gateway {
        Gateway(World& of, std::uint64_t seed)
            : world(of),
              state(clock, seed,
                    {.published = {}, .changed = {}, .complained = {}, .backend_changed = {}}) {}
        World& world;
        Clock clock;
        state::KnownState state;
        std::uint64_t connection = 0;  // counts; what was sent to an older one is not heard
        bool connected = false;
        bool listed = false;
        Values learnt;  // what it must keep in force
    };

    explicit Machines(World& of) : world(of) {
        for (std::uint32_t g = 0; g < kGateways; ++g) {
            gateways.push_back(std::make_unique<Gateway>(world, world.random.next()));
            connect(g);
        }
        change();
        part();
        crash();
        wipe();
    }

    [[nodiscard]] bool reachable(std::uint32_t g) const { return !parted[g]; }

    void connect(std::uint32_t g) {
        Gateway& gateway = *gateways[g];
        const std::uint64_t connection = ++gateway.connection;
        gateway.connected = false;
        gateway.listed = false;
        // Tried every 100 ms, as the product does at most every 500.
        world.in(Millis(20 + world.random.below(80)), [this, g, connection] {
            Gateway& now = *gateways[g];
            if (now.connection != connection) {
                return;
            }
            if (!reachable(g)) {
                connect(g);
                return;
            }
            now.connected = true;
            tick(now);
            now.state.backend_changed(true, "connected");
            list(g, connection);
        });
    }
    void list(std::uint32_t g, std::uint64_t connection) {
        Gateway& gateway = *gateways[g];
        if (!marked) {
            // It has lost what it had: what this one knows is written back. A copy in between
            // would be told as a change, and read again.
            tick(gateway);
            for (const state::KnownEntry& entry : gateway.state.everything()) {
                if (!values.contains(entry.key)) {
                    values[entry.key] = {++versions, entry.expires.value_or(WallTime::max())};
                    announce(entry.key);
                }
            }
            marked = true;
        }
        const auto copy = std::make_shared<Values>(values);
        // In pieces, between which anything may happen; it is told when all of it is there.
        world.in(microseconds(world.random.below(20'000)), [this, g, connection, copy] {
            Gateway& now = *gateways[g];
            if (now.connection != connection || !reachable(g)) {
                return;
            }
            tick(now);
            now.state.listing_began();
            const Values before = std::exchange(now.learnt, {});
            for (const auto& [key, value] : *copy) {
                if (value.ends > world.wall()) {
                    learn(now, key, value);
                }
            }
            // While it is listed what it knew stays in force.
            for (const auto& [key, value] : before) {
                require(in_force(now, key) || value.ends <= world.wall(),
                        "a ban lapses while the store is listed");
            }
            now.state.listing_ended();
            now.listed = true;
            for (const std::string& key : std::exchange(missed[g], {})) {
                read(g, connection, key);
            }
        });
    }
    // Something about `key` has changed: those who are connected hear of it.
    void announce(const std::string& key) {
        for (std::uint32_t g = 0; g < kGateways; ++g) {
            if (!gateways[g]->connected || !reachable(g)) {
                continue;
            }
            const std::uint64_t connection = gateways[g]->connection;
            if (!quiet && world.chance(world.faults.loss_percent)) {
                // A connection loses nothing; it breaks. The mistake: it loses something.
                if (!world.canary) {
                    disconnect(g);
                }
                continue;
            }
            world.in(microseconds(world.random.below(world.faults.delay_max_us)),
                     [this, g, connection, key] { read(g, connection, key); });
        }
    }
    void read(std::uint32_t g, std::uint64_t connection, const std::string& key) {
        Gateway& gateway = *gateways[g];
        if (gateway.connection != connection || !reachable(g)) {
            return;
        }
        if (!gateway.listed) {
            missed[g].push_back(key);
            return;
        }
        tick(gateway);
        const auto found = values.find(key);
        if (found != values.end() && found->second.ends > world.wall()) {
            learn(gateway, key, found->second);
        } else {
            gateway.learnt.erase(key);
            gateway.state.gone(key);
        }
    }
    void learn(Gateway& gateway, const std::string& key, const Value& value) {
        gateway.learnt[key] = value;
        state::KnownEntry entry{.key = key, .value = "1", .expires = {}};
        if (value.ends != WallTime::max()) {
            entry.expires = value.ends;
        }
        gateway.state.known(entry);
    }
    void disconnect(std::uint32_t g) {
        Gateway& gateway = *gateways[g];
        if (gateway.connected) {
            tick(gateway);
            gateway.state.backend_changed(false, "lost");
        }
        missed[g].clear();
        connect(g);
    }
    void tick(Gateway& gateway) const {
        gateway.clock = {.now = world.now(), .wall = world.wall()};
    }

    // Whole seconds: an end that moves by less than half of one has not moved (ReplicaWriter).
    WallTime next_end() {
        return std::chrono::floor<seconds>(world.wall()) + seconds(1 + world.random.below(4));
    }
    void change() {
        world.in(Millis(world.random.below(60)), [this] {
            if (!quiet) {
                const std::string key = "banned:ip:" + address_of(world.random.below(kNames));
                if (world.chance(60)) {
                    const bool ends = world.chance(50);
                    values[key] = {++versions, ends ? next_end() : WallTime::max()};
                } else {
                    values.erase(key);
                }
                announce(key);
            }
            for (auto at = values.begin(); at != values.end();) {
                const bool over = at->second.ends <= world.wall();
                const std::string key = at->first;
                at = over ? values.erase(at) : std::next(at);
                if (over) {
                    announce(key);
                }
            }
            change();
        });
    }
    void part() {
        if (world.faults.partition_every > Millis(0)) {
            world.in(world.faults.partition_every, [this] {
                const auto g = static_cast<std::uint32_t>(world.random.below(kGateways));
                if (!quiet) {
                    parted[g] = !parted[g];
                    if (parted[g]) {
                        disconnect(g);
                    }
                }
                part();
            });
        }
    }
    void crash() {
        if (world.faults.crash_every > Millis(0)) {
            world.in(world.faults.crash_every, [this] {
                if (!quiet) {
                    const auto g = static_cast<std::uint32_t>(world.random.below(kGateways));
                    const std::uint64_t connection = gateways[g]->connection;
                    gateways[g] = std::make_unique<Gateway>(world, world.random.next());
                    gateways[g]->connection = connection + 1;
                    missed[g].clear();
                    connect(g);
                }
                crash();
            });
        }
    }
    // The store restarts and has nothing.
    void wipe() {
        world.in(Millis(500 + world.random.below(4'000)), [this] {
            if (!quiet && world.chance(50)) {
                values.clear();
                marked = false;
                for (std::uint32_t g = 0; g < kGateways; ++g) {
                    disconnect(g);
                }
            }
            wipe();
        });
    }
    bool in_force(Gateway& gateway, const std::string& key) const {
        gateway.state.publish_if_changed();
        const auto address = IpAddress::parse(key.substr(sizeof("banned:ip:") - 1));
        return gateway.state.current()->bans.by_address(address.value(), world.wall()).has_value();
    }
    // Nothing that was learnt lapses early, nothing lasts beyond its end.
    void check() {
        for (const auto& gateway : gateways) {
            tick(*gateway);
            for (const auto& [key, value] : gateway->learnt) {
                const bool over = value.ends <= world.wall();
                require(in_force(*gateway, key) != over,
                        over ? "a ban is in force after its end" : "a ban has lapsed early");
            }
        }
    }
    void must_agree() {
        for (const auto& gateway : gateways) {
            tick(*gateway);
            require(gateway->listed, "a gateway has not found back within a second");
            for (std::uint32_t n = 0; n < kNames; ++n) {
                const std::string key = "banned:ip:" + address_of(n);
                const auto found = values.find(key);
                const bool banned = found != values.end() && found->second.ends > world.wall();
                require(in_force(*gateway, key) == banned,
                        banned ? "a ban is not known within a second"
                               : "a ban stays though it was lifted");
            }
        }
    }

    World& world;
    std::vector<std::unique_ptr<Gateway>> gateways;
    std::array<bool, kGateways> parted{};
    std::array<std::vector<std::string>, kGateways> missed;  // of changes while it was listed
    Values values;
    bool marked = true;
    bool quiet = false;
    std::uint64_t versions = 0;
};

}  // namespace

void replica(World& world) {
    Machines machines(world);
    for (int round = 0; round < 2; ++round) {
        machines.quiet = false;
        world.run(seconds(2), [&machines] { machines.check(); });
        // The network heals, nobody changes anything, and after a second all agree.
        machines.quiet = true;
        machines.parted = {};
        world.run(seconds(1), [&machines] { machines.check(); });
        machines.must_agree();
    }
}

}  // namespace gw::sim
