#include "control/region_peers.hpp"

#include <algorithm>

#include "base/random.hpp"
#include "state/redis_complaint.hpp"

namespace gw::control {

RegionPeers::RegionPeers(net::Loop& loop, observe::Log& log, std::vector<state::RedisPlace> places,
                         const std::string& name_servers, state::Follower& behind, Tell tell)
    : log_(log),
      tell_(std::move(tell)),
      union_(loop.clock(), behind, places.size(),
             [this](std::size_t peer, bool available, const char* why) {
                 changed(peer, available, why);
             }) {
    for (state::RedisPlace& place : places) {
        const state::RedisHost& host = place.hosts.front();
        names_.push_back(host.host + ":" + std::to_string(host.port));
        tell_(names_.back(), false);
        stores_.push_back(std::make_unique<state::RedisStore>(loop, std::move(place), name_servers,
                                                              Random::fresh_seed()));
        stores_.back()->follow(state::RegionUnion::shared_prefixes(),
                               union_.peer(stores_.size() - 1));
    }
}

void RegionPeers::changed(std::size_t peer, bool available, const char* why) {
    tell_(names_[peer], available);
    if (available) {
        log_.info("the state of another region is followed", {{"peer", names_[peer]}});
    } else if (std::string_view(why).starts_with(state::kNotPermitted)) {
        log_.warn("the state of another region may not be read; what is known of it stays in force",
                  {{"peer", names_[peer]}, {"reason", why}});
    } else {
        log_.warn("the state of another region does not answer; what is known of it stays in force",
                  {{"peer", names_[peer]}, {"reason", why}});
    }
}

bool RegionPeers::told_all() const {
    return std::ranges::all_of(stores_, [](const auto& store) { return store->told_all(); });
}

net::Task<void> RegionPeers::stop() {
    for (const auto& store : stores_) {
        co_await store->stop();
    }
}

}  // namespace gw::control
