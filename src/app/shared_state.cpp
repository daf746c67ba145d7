#include "app/shared_state.hpp"

#include <unistd.h>

#include <utility>

#include "app/state_file.hpp"
#include "base/random.hpp"
#include "state/embedded_store.hpp"
#include "state/redis_complaint.hpp"
#include "state/redis_store.hpp"

namespace gw::app {
namespace {

// Two processes of one host, and a process and its successor, are different.
std::string unique_name(const std::string& instance) {
    return instance + "-" + std::to_string(::getpid()) + "-" +
           std::to_string(Random::fresh_seed() % 1'000'000);
}

const char* trouble_text(bool permitted, bool knows_some) {
    if (knows_some) {
        return permitted ? "the state backend does not answer; bans and revocations stay in force"
                         : "the state backend refuses this gateway; "
                           "bans and revocations stay in force";
    }
    return permitted ? "the state backend does not answer; no bans and revocations are known yet"
                     : "the state backend refuses this gateway; "
                       "no bans and revocations are known yet";
}

}  // namespace

SharedState::SharedState(Foundation& base, Workers& workers, SharedStateListener listener)
    : base_(base),
      workers_(workers),
      listener_(std::move(listener)),
      limit_link_(base.loop, unique_name(base.settings->instance_id)),
      idempotency_link_(base.loop, base.log, {}),
      answer_link_(base.loop, unique_name(base.settings->instance_id)),
      limits_(std::size_t{base.settings->limits.memory_mb} * 1024 * 1024, Random::fresh_seed(),
              limit_link_),
      tickets_(base.loop, base.log,
               [this](const auto& keys) {
                   workers_.each([&](Worker& worker) { worker.adopt_tickets(keys); });
               }),
      moments_(base.loop, base.log),
      keeper_(base.loop, Random::fresh_seed(), listener_of_state()),
      maintenance_(base, keeper_.state(), [this] { listener_.changed(); }) {
    share_answers();
    workers_.each([this](Worker& worker) {
        worker.limit_by(limits_);
        worker.keep_answers_in(answers_);
        worker.share_answers_by(answer_link_);
        worker.remember_keys_in(idempotency_link_);
    });
    make_store();
    limit_link_.when_slow([this] { pace_changed(); });
    limit_link_.use_store(*store_);
    idempotency_link_.use_store(*store_);
    answer_link_.use_store(*store_);
    moments_.use_store(*store_);
    maintenance_.plan();
}

void SharedState::make_store() {
    if (base_.settings->state.redis.configured()) {
        // Checked with the settings.
        store_ = std::make_unique<state::RedisStore>(base_.loop,
                                                     *state::place_of(base_.settings->state.redis),
                                                     base_.name_servers, Random::fresh_seed());
        available_ = false;
        told_available_.reset();
        base_.exposition.state_backend(false);
        return;
    }
    auto made = std::make_unique<state::EmbeddedStore>(base_.loop);
    embedded_ = made.get();
    store_ = std::move(made);
}

void SharedState::configure() {
    limit_link_.assume_gateways(base_.settings->limits.gateways);
    tickets_.configure(base_.settings->tls.ticket_rotation, base_.settings->tls.ticket_secret);
    if (resp_ != nullptr) {
        resp_->set_password(base_.settings->state.resp_password);
    }
}

void SharedState::start(net::Fd resp) {
    tidy_limits();
    const Settings& settings = *base_.settings;
    if (embedded_ != nullptr && !settings.state.snapshot.empty()) {
        snapshot_ = keep_snapshot(base_.loop, base_.log, *embedded_, settings.state.snapshot);
    }
    store_->follow(state::KnownState::prefixes(), follower());
    base_.exposition.read_state_lag_by([this] { return store_->lag(); });
    if (settings.tls.configured()) {
        tickets_.start(*store_);
    }
    if (resp.valid()) {
        resp_ =
            std::make_unique<state::RespServer>(base_.loop, std::move(resp), *store_,
                                                settings.state.resp_password, listener_.commanded);
    }
}

bool SharedState::told_all() const {
    return store_->told_all() && (regions_ == nullptr || regions_->told_all()) &&
           keeper_.state().is_published();
}

state::Follower& SharedState::follower() {
    std::vector<state::RedisPlace> places;
    for (const std::string& url : base_.settings->state.peers) {
        // Checked with the settings.
        places.push_back(*state::place_of_peer(base_.settings->state.redis, url));
    }
    if (places.empty()) {
        return keeper_.state();
    }
    regions_ = std::make_unique<control::RegionPeers>(
        base_.loop, base_.log, std::move(places), base_.name_servers, keeper_.state(),
        [this](const std::string& peer, bool up) { base_.exposition.state_peer(peer, up); });
    return regions_->own();
}

state::KnownStateListener SharedState::listener_of_state() {
    return {
        .published = [this](const std::shared_ptr<const state::Known>& known) { published(known); },
        .changed = {},
        .complained = [this](std::string_view key, const char* why) { complain(key, why); },
        .backend_changed = [this](bool available,
                                  const char* why) { backend_changed(available, why); },
        .refused = [this](std::string_view what) { refused(what); },
        .purged = [this](std::string_view what, std::string_view value) { purge(what, value); },
        .limit_forgotten = [this](std::string_view key,
                                  std::string_view /*value*/) { forget_limit(key); },
        .outdated =
            [this](std::string_view /*what*/, std::string_view value) {
                if (const auto uri = answer_link_.outdated_elsewhere(value); !uri.empty()) {
                    answers_.forget(uri);
                }
            },
        .moment_missing =
            [this](std::string_view key, std::string_view value, std::string moment) {
                moments_.write(std::string(key), std::string(value), std::move(moment));
            }};
}

// A worker that does not turn yet would keep every version of a long listing waiting for it.
void SharedState::serve() {
    serving_ = true;
    workers_.each([this](Worker& worker) { worker.adopt_known(known()); });
}

void SharedState::published(const std::shared_ptr<const state::Known>& known) {
    if (serving_) {
        workers_.each([&](Worker& worker) { worker.adopt_known(known); });
    }
    maintenance_.look();
    listener_.published(*known);
}

void SharedState::complain(std::string_view key, const char* why) {
    base_.log.warn("a key of the state is not understood", {{"key", key}, {"reason", why}});
}

void SharedState::backend_changed(bool available, const char* why) {
    // That it is not there when we begin is news as well.
    if (std::exchange(told_available_, available) == available) {
        return;
    }
    available_ = available;
    limit_link_.store_changed(available);
    answer_link_.store_changed(available);
    tickets_.store_changed();
    if (available) {
        base_.log.info("the state backend answers", {{"backend", store_->backend()}});
    } else {
        const bool permitted = !std::string_view(why).starts_with(state::kNotPermitted);
        base_.log.error(trouble_text(permitted, knows_some()),
                        {{"backend", store_->backend()}, {"reason", why}});
    }
    base_.exposition.state_backend(available);
    listener_.changed();
}

bool SharedState::knows_some() {
    const auto now = known();
    return store_->told_all() || now->bans.size() + now->revocations.size() > 0;
}

void SharedState::refused(std::string_view what) {
    if (what == refused_) {
        return;
    }
    refused_ = what;
    if (what.empty()) {
        base_.log.info("Redis permits what this gateway needs again",
                       {{"backend", store_->backend()}});
    } else {
        base_.log.error("Redis does not permit what this gateway needs; it goes on without",
                        {{"backend", store_->backend()}, {"reason", what}});
    }
    listener_.changed();
}

void SharedState::pace_changed() {
    if (slow()) {
        base_.log.warn(
            "the state backend answers too late for rate limits; each gateway counts its share",
            {{"backend", store_->backend()},
             {"gateways", static_cast<std::int64_t>(limit_link_.gateways())}});
    } else {
        base_.log.info("the state backend answers in time for rate limits again",
                       {{"backend", store_->backend()}});
    }
    base_.exposition.state_backend_slow(slow());
    listener_.changed();
}

void SharedState::purge(std::string_view what, std::string_view value) {
    const auto purge = gateway::parse_purge(what);
    if (!purge) {
        complain("cache:purge:" + std::string(what),
                 "it names no path (without a query; only /** at its end), tag or tenant");
        return;
    }
    if (answer_link_.note_purge(*purge, what, value)) {
        answers_.purge(*purge);
    }
}

void SharedState::forget_limit(std::string_view key) {
    for (const auto& policy : base_.site->policies) {
        if (key.starts_with(policy->name() + ":")) {
            limits_.forget(key, *policy);
        }
    }
}

void SharedState::forget_answers() {
    // The same configuration read again, as for a rotated log, makes no answer another one.
    if (answers_by_ != base_.site->answers_hash) {
        answers_.adopt_rules(base_.site->generation);
    }
    share_answers();
}

void SharedState::share_answers() {
    answers_by_ = base_.site->answers_hash;
    answers_.set_most(base_.settings->cache.bytes_max);
    answer_link_.configure({.on = base_.settings->cache.shared,
                            .body_bytes_max = base_.settings->cache.shared_body_bytes_max,
                            .secret = base_.settings->signing.secret});
}

void SharedState::tidy_limits() {
    constexpr Millis kTidyEvery{100};
    if (!base_.stopping) {
        limits_.tidy(base_.loop.now());
        base_.loop.timers().arm(limit_timer_, base_.loop.now() + kTidyEvery);
    }
}

void SharedState::flush() {
    if (snapshot_ != nullptr) {
        snapshot_->flush();
    }
}

void SharedState::handed_over() {
    if (resp_ != nullptr && embedded_ != nullptr) {
        resp_->pause();
    }
}

void SharedState::taken_back() {
    if (snapshot_ != nullptr) {
        snapshot_->expect_nobody();
    }
    if (resp_ != nullptr) {
        resp_->resume();
    }
}

net::Task<void> SharedState::stop_links() {
    if (resp_ != nullptr) {
        resp_->stop();
        co_await resp_->all_done();
    }
    maintenance_.stop();
    tickets_.stop();
    co_await tickets_.all_done();
    limit_link_.stop();
    co_await limit_link_.all_done();
    idempotency_link_.stop();
    co_await idempotency_link_.all_done();
    answer_link_.stop();
    co_await answer_link_.all_done();
    moments_.stop();
    co_await moments_.all_done();
}

net::Task<void> SharedState::stop_store() {
    if (snapshot_ != nullptr) {
        co_await snapshot_->stop();
    }
    co_await store_->stop();
    if (regions_ != nullptr) {
        co_await regions_->stop();
    }
}

}  // namespace gw::app
