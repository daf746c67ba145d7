#include "upstream/balancer.hpp"

#include <algorithm>
#include <cmath>

namespace gw::upstream {
namespace {

// The zone keeps all its requests while this share of its endpoints can be used: the others then
// carry 1.4 times what they did, as Envoy assumes that they can.
constexpr std::uint64_t kEnoughPercent = 70;

constexpr std::uint32_t kNone = ~0U;

// Every bit of the result depends on every bit of the argument (the finaliser of MurmurHash3).
std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccd;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53;
    return x ^ (x >> 33);
}

}  // namespace

// Where this request belongs: our zone, the others, or anywhere.
Balancer::Where Balancer::place(Endpoints endpoints, std::uint64_t key) {
    std::uint64_t all = 0;
    std::uint64_t usable = 0;
    for (const EndpointView& endpoint : endpoints) {
        if (endpoint.in_zone) {
            all += endpoint.weight;
            usable += endpoint.usable ? endpoint.weight : 0;
        }
    }
    if (!options_.prefer_zone || all == 0) {
        return Where::anywhere;
    }
    if (usable * 100 >= all * kEnoughPercent) {
        return Where::in_zone;
    }
    // A key has to be decided alike each time.
    const std::uint64_t chance = options_.policy == Balancing::hash ? mix(~key) : random_.next();
    return chance % (all * kEnoughPercent) < usable * 100 ? Where::in_zone : Where::elsewhere;
}

void Balancer::choose(Endpoints endpoints, std::uint64_t key) {
    const auto take = [&](Where where, bool also_tried) {
        choice_.of.clear();
        choice_.weight = 0;
        for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
            const EndpointView& endpoint = endpoints[i];
            const bool there =
                where == Where::anywhere || endpoint.in_zone == (where == Where::in_zone);
            if (there && endpoint.usable && endpoint.weight > 0 &&
                (!endpoint.tried || also_tried)) {
                choice_.of.push_back(i);
                choice_.weight += endpoint.weight;
            }
        }
        return !choice_.of.empty();
    };
    take(place(endpoints, key), false) || take(Where::anywhere, false) ||
        take(Where::anywhere, true);
}

std::optional<std::size_t> Balancer::pick(Endpoints endpoints, std::uint64_t key) {
    endpoints = endpoints.first(std::min(endpoints.size(), kEndpointsMax));
    choose(endpoints, key);
    if (choice_.of.empty()) {
        return std::nullopt;
    }
    switch (options_.policy) {
        case Balancing::round_robin:
            return in_turn();
        case Balancing::weighted:
            return weighted(endpoints);
        case Balancing::hash:
            return by_hash(endpoints, key);
        case Balancing::least_request:
            break;
    }
    return least_request(endpoints);
}

std::uint32_t Balancer::in_turn() {
    const auto at = std::ranges::lower_bound(choice_.of, next_);
    const std::uint32_t index = at == choice_.of.end() ? choice_.of.front() : *at;
    next_ = index + 1;
    return index;
}

std::uint32_t Balancer::draw(Endpoints endpoints, std::uint32_t except) {
    const bool skips = except != kNone;
    std::uint64_t left = random_.below(choice_.weight - (skips ? endpoints[except].weight : 0));
    for (const std::uint32_t index : choice_.of) {
        if (index == except) {
            continue;
        }
        if (left < endpoints[index].weight) {
            return index;
        }
        left -= endpoints[index].weight;
    }
    return choice_.of.back();
}

// The first draw follows the weights, so that they hold also while nothing is in flight. The second
// is another one: of two endpoints the less busy is always found.
std::uint32_t Balancer::least_request(Endpoints endpoints) {
    const std::uint32_t one = draw(endpoints, kNone);
    if (choice_.of.size() == 1) {
        return one;
    }
    const std::uint32_t two = draw(endpoints, one);
    const auto load = [&](std::uint32_t index, std::uint32_t other) {
        return std::uint64_t{endpoints[index].in_flight} * endpoints[other].weight;
    };
    return load(two, one) < load(one, two) ? two : one;
}

// Each gains its weight, the richest is taken and pays for all (nginx's smooth weighted round
// robin): 5 : 1 : 1 makes a a b a c a a, not a a a a a b c.
std::uint32_t Balancer::weighted(Endpoints endpoints) {
    const auto same = [](const Credit& credit, const EndpointView& endpoint) {
        return credit.id == endpoint.id;
    };
    if (!std::ranges::equal(credits_, endpoints, same)) {
        std::vector<Credit> next;
        next.reserve(endpoints.size());
        for (const EndpointView& endpoint : endpoints) {
            const auto known = std::ranges::find(credits_, endpoint.id, &Credit::id);
            next.push_back({endpoint.id, known == credits_.end() ? 0 : known->value});
        }
        credits_ = std::move(next);
    }
    std::uint32_t best = choice_.of.front();
    for (const std::uint32_t index : choice_.of) {
        credits_[index].value += endpoints[index].weight;
        if (credits_[index].value > credits_[best].value) {
            best = index;
        }
    }
    credits_[best].value -= static_cast<std::int64_t>(choice_.weight);
    return best;
}

// Rendezvous hashing: every endpoint has a score for the key, the highest has it. When one goes,
// only its keys move, and to all others evenly; there is no table to be made anew, and to look at
// every endpoint costs less than a cache miss for the few that a service has. None carries more
// than its bound (Mirrokni, Thorup, Zadimoghaddam: consistent hashing with bounded loads).
std::uint32_t Balancer::by_hash(Endpoints endpoints, std::uint64_t key) const {
    std::uint64_t in_flight = 1;  // with this one
    for (const std::uint32_t index : choice_.of) {
        in_flight += endpoints[index].in_flight;
    }
    const auto has_room = [&](const EndpointView& endpoint) {
        return std::uint64_t{endpoint.in_flight} * 100 * choice_.weight <
               in_flight * options_.load_bound * endpoint.weight;
    };
    std::uint32_t best = choice_.of.front();
    double best_score = -1;
    for (const std::uint32_t index : choice_.of) {
        const EndpointView& endpoint = endpoints[index];
        if (!has_room(endpoint)) {
            continue;
        }
        // Exponentially distributed by weight: above 0 and never infinite.
        constexpr double kScale = 0x1p-52;
        const std::uint64_t hash = mix(mix(endpoint.id) ^ key);
        const double chance = (static_cast<double>(hash >> 12) + 0.5) * kScale;
        const double score = endpoint.weight / -std::log(chance);
        if (score > best_score) {
            best = index;
            best_score = score;
        }
    }
    return best;
}

}  // namespace gw::upstream
