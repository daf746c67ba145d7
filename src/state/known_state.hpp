// What the shared state says about requests, kept in memory: bans, revocations, maintenance.
// KnownState follows a store on the control thread and publishes immutable versions (Known), which
// workers read on every request; nobody reads a store for a request.
//
// Changes of one turn make one version: the owner calls publish_if_changed() at its end. While a
// store is being listed, what it names is in force at once, and what it does not name stays in
// force until the listing has ended.
#pragma once

#include <array>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "state/banned.hpp"
#include "state/maintenance.hpp"
#include "state/replica_map.hpp"
#include "state/revoked.hpp"
#include "state/store.hpp"
#include "state/taken.hpp"

namespace gw::state {

// Settings that operators change for a time, by key: `knob:<name>`. What a name and a value mean is
// told by whoever acts on them.
struct KnobText {
    std::string value;
    std::optional<WallTime> expires;
    bool operator==(const KnobText&) const = default;
};
using KnobTexts = std::map<std::string, KnobText, std::less<>>;  // by name

// One version. Any thread.
class Known {
  public:
    explicit Known(std::uint64_t seed) : bans(seed), revocations(seed) {}

    Bans bans;
    Revocations revocations;
    std::uint64_t version = 0;  // counts publications; 0: nothing was told yet

    // The stricter of what operators say and of the windows of the week.
    [[nodiscard]] Maintenance maintenance(WallTime now) const {
        const Maintenance said =
            mode_ != Maintenance::off && now < mode_end_ ? mode_ : Maintenance::off;
        return schedule_ == nullptr ? said : std::max(said, schedule_->at(now).mode);
    }
    // What the windows alone say, of the platform or of a service: it holds whatever operators
    // take back. Its texts live as long as this version.
    [[nodiscard]] MaintenanceSchedule::InForce planned(std::string_view service,
                                                       WallTime now) const {
        if (schedule_ == nullptr) {
            return {};
        }
        return service.empty() ? schedule_->at(now) : schedule_->at(now, service);
    }
    // When the mode in force ends by itself; WallTime::max(): when somebody ends it.
    [[nodiscard]] WallTime maintenance_end(WallTime now) const;
    // Empty: none. Lives as long as this version.
    [[nodiscard]] std::string_view banner(WallTime now) const {
        if (!banner_.empty() && now < banner_end_) {
            return banner_;
        }
        return schedule_ == nullptr ? std::string_view() : schedule_->at(now).banner;
    }

    // Null: none is set.
    [[nodiscard]] const std::shared_ptr<const KnobTexts>& knobs() const { return knobs_; }

    // Maintenance of one service, by its own key and windows. Most often there is nothing of the
    // kind.
    struct OfService {
        std::string_view service;
        Maintenance mode = Maintenance::off;
        WallTime until = WallTime::max();
    };
    [[nodiscard]] bool maintains_services() const {
        return services_ != nullptr || (schedule_ != nullptr && !schedule_->services().empty());
    }
    [[nodiscard]] OfService maintenance_of(std::string_view service, WallTime now) const;
    // Those that are not off, by name.
    [[nodiscard]] std::vector<OfService> services_in_maintenance(WallTime now) const;

  private:
    friend class KnownState;
    struct Said {
        Maintenance mode = Maintenance::off;
        WallTime until = WallTime::max();
    };
    std::shared_ptr<const KnobTexts> knobs_;  // of all versions since one of them changed
    std::shared_ptr<const std::map<std::string, Said, std::less<>>> services_;  // null: none
    Maintenance mode_ = Maintenance::off;
    WallTime mode_end_ = WallTime::max();
    std::string banner_;
    WallTime banner_end_ = WallTime::max();
    std::shared_ptr<const MaintenanceSchedule> schedule_;  // of all versions since it was read
};

// What KnownState tells its owner, on its thread. Each may be empty.
struct KnownStateListener {
    // A new version, from publish_if_changed().
    std::function<void(std::shared_ptr<const Known> known)> published;
    // Something has changed for the first time since the last publication: publish soon, at the end
    // of the turn. From within calls of the store; publish nothing here.
    std::function<void()> changed;
    // A key that has no effect, or not the one that its writer may have meant; once for each value.
    // why: a literal that goes on after the key. Both are from outside: escape them.
    std::function<void(std::string_view key, const char* why)> complained;
    std::function<void(bool available, const char* why)> backend_changed;
    // What the backend does not permit us; "" when that is over.
    std::function<void(std::string_view what)> refused{};
    // A key that says what is to be forgotten was set, or was found again. what: behind the prefix.
    // value: as it stands there.
    using Told = std::function<void(std::string_view what, std::string_view value)>;
    Told purged{};
    // The same of what a rate limit has counted. what: a key of a policy, as limits::KeyText writes
    // it.
    Told limit_forgotten{};
    // Another gateway has seen a write to an answer that is kept; the value says which.
    Told outdated{};
    // A revocation whose value is no time, and the moment that it was taken for, as it would say it
    // itself. Told again with the key. From within calls of the store: write nothing here.
    std::function<void(std::string_view key, std::string_view value, std::string moment)>
        moment_missing{};
};

class KnownState final : public Follower {
  public:
    // What to follow.
    static constexpr std::string_view kKnob = "knob:";
    static constexpr std::string_view kForget = "ratelimit:forget:";
    static constexpr std::string_view kPurge = "cache:purge:";
    static constexpr std::string_view kOutdated = "cache:outdated:";
    static constexpr std::array<std::string_view, 7> kPrefixes = {
        "banned:", "revoked:", "maintenance:", kKnob, kForget, kPurge, kOutdated};
    static std::vector<std::string> prefixes() { return {kPrefixes.begin(), kPrefixes.end()}; }
    // Longer keys name nobody: users and tokens are named by less. Longer values are cut.
    static constexpr std::size_t kKeyMax = 4096;
    // Services with a key of maintenance; more of them no gateway has.
    static constexpr std::size_t kServicesMax = 1'000;
    static constexpr std::size_t kValueMax = 64UL * 1024;
    // More than there are policies and services to be set.
    static constexpr std::size_t kKnobsMax = 1'000;

    // clock: of the loop that calls; seed: Random::fresh_seed().
    KnownState(const Clock& clock, std::uint64_t seed, KnownStateListener listener);

    void known(const KnownEntry& entry) override;
    void gone(std::string_view key) override;
    void no_text(std::string_view key) override;
    void listing_began() override;
    void listing_ended() override;
    void backend_changed(bool available, const char* why) override;
    void refuses(std::string_view what) override;
    // As they were told, without those whose time is over.
    std::vector<KnownEntry> everything() override;

    // Windows of maintenance; null: none.
    void plan(std::shared_ptr<const MaintenanceSchedule> schedule);

    // True: there was something to publish. It costs what changed, not what is known.
    bool publish_if_changed();
    // The version published last; never null.
    [[nodiscard]] const std::shared_ptr<const Known>& current() const { return current_; }
    // Nothing was told since that version.
    [[nodiscard]] bool is_published() const { return !changed_; }

    // What has ended is in force no longer, with or without these: they give back its memory. When
    // drop_expired() is worth calling, WallTime::max() if never; it copies what is left, therefore
    // seldom where that is much.
    [[nodiscard]] WallTime next_expiry() const;
    void drop_expired(WallTime now);

    // For operators.
    [[nodiscard]] BanList list_bans(WallTime now, std::size_t most) const {
        return bans_.list(now, most);
    }
    [[nodiscard]] std::vector<std::string> other_spellings(const Cidr& block) const {
        return bans_.other_spellings(block);
    }
    // Those in force, by key; it looks at all.
    [[nodiscard]] std::vector<KnownEntry> list_revocations(WallTime now, std::size_t most) const;

  private:
    struct Text {
        std::string value;
        std::optional<WallTime> expires;
        [[nodiscard]] bool is_over(WallTime now) const { return expires && *expires <= now; }
    };
    Taken take(std::string_view key, std::string_view value, std::optional<WallTime> expires);
    Taken take_maintenance(std::string_view key, std::string_view value,
                           std::optional<WallTime> expires);
    Taken take_knob(std::string_view name, std::string_view value, std::optional<WallTime> expires);
    bool forgets(const KnownEntry& entry);
    Taken take_service_mode(std::string_view service, std::string_view value,
                            std::optional<WallTime> expires);
    bool drop(std::string_view key);
    [[nodiscard]] WallTime knobs_end() const;
    [[nodiscard]] WallTime next_expiry_of_the_rest() const;
    void for_each(const std::function<void(const KnownEntry& entry)>& visit) const;
    void complain(std::string_view key, std::string_view value, const char* why);
    void note_change();

    const Clock& clock_;
    const ReplicaHash hash_;
    KnownStateListener listener_;
    BanWriter bans_;
    RevocationWriter revocations_;
    std::optional<Text> mode_;
    std::map<std::string, Text, std::less<>> service_modes_;
    std::optional<Text> banner_;
    KnobTexts knobs_;
    bool knobs_changed_ = false;
    std::shared_ptr<const MaintenanceSchedule> schedule_;
    std::shared_ptr<const Known> current_;
    bool changed_ = false;
    bool listing_ = false;
    bool available_ = true;
    // Hashes of the keys that the listing has named: 64 bits, of a keyed hash, so that two keys of
    // a million meet once in some ten million listings.
    boost::unordered_flat_set<std::uint64_t> named_;
    // The hash of the value that was complained of, by key.
    std::map<std::string, std::uint64_t, std::less<>> complaints_;
    WallTime dropped_ = WallTime::min();  // when drop_expired() ran last
};

}  // namespace gw::state
