#include "state/known_state.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace gw::state {
namespace {

constexpr std::string_view kMaintenance = "maintenance:";
constexpr std::string_view kMode = "maintenance:mode";
constexpr std::string_view kModeOf = "maintenance:mode:";
constexpr std::string_view kBanner = "maintenance:banner";
// A slip of the pen must neither open a house that is closed nor close an open one.
constexpr const char* kNoMode =
    "has no effect, and what it said before stays: its value is read-only, down or off";
constexpr std::size_t kComplaintsMax = 1000;  // more lines help nobody
constexpr Millis kDropEvery{1'000};
constexpr std::size_t kDroppedASecond = 20'000;  // keeps copying to a few per cent of a core

constexpr WallTime end_of(std::optional<WallTime> expires) {
    return expires.value_or(WallTime::max());
}

}  // namespace

KnownState::KnownState(const Clock& clock, std::uint64_t seed, KnownStateListener listener)
    : clock_(clock),
      hash_(seed),
      listener_(std::move(listener)),
      bans_(seed),
      revocations_(seed),
      current_(std::make_shared<const Known>(seed)) {}

void KnownState::known(const KnownEntry& entry) {
    if (listing_) {
        named_.insert(hash_(entry.key));
    }
    if (forgets(entry)) {
        return;
    }
    const std::string_view value = std::string_view(entry.value).substr(0, kValueMax);
    const Taken taken = take(entry.key, value, entry.expires);
    if (*taken.complaint != '\0') {
        complain(entry.key, value, taken.complaint);
    } else if (!complaints_.empty()) {
        complaints_.erase(entry.key);
    }
    if (taken.changed) {
        note_change();
    }
    if (taken.moment_ms != 0 && listener_.moment_missing) {
        listener_.moment_missing(entry.key, entry.value, revoked_until_text(taken.moment_ms));
    }
}

// What says that something is to be forgotten is itself not kept.
bool KnownState::forgets(const KnownEntry& entry) {
    const std::string_view key = entry.key;
    for (const auto& [prefix, told] : {std::pair(kPurge, &KnownStateListener::purged),
                                       std::pair(kForget, &KnownStateListener::limit_forgotten),
                                       std::pair(kOutdated, &KnownStateListener::outdated)}) {
        if (key.starts_with(prefix)) {
            if (listener_.*told) {
                (listener_.*told)(key.substr(prefix.size()), entry.value);
            }
            return true;
        }
    }
    return false;
}

Taken KnownState::take(std::string_view key, std::string_view value,
                       std::optional<WallTime> expires) {
    if (key.size() > kKeyMax) {
        return {false, "is too long to name anybody"};
    }
    if (key.starts_with(BanWriter::kPrefix)) {
        return bans_.set(key.substr(BanWriter::kPrefix.size()), value, expires);
    }
    if (key.starts_with(RevocationWriter::kPrefix)) {
        return revocations_.set(key.substr(RevocationWriter::kPrefix.size()), value, expires,
                                clock_.wall);
    }
    if (key.starts_with(kMaintenance)) {
        return take_maintenance(key, value, expires);
    }
    if (key.starts_with(kKnob)) {
        return take_knob(key.substr(kKnob.size()), value, expires);
    }
    return {};
}

Taken KnownState::take_knob(std::string_view name, std::string_view value,
                            std::optional<WallTime> expires) {
    KnobText text{std::string(value), expires};
    const auto at = knobs_.find(name);
    if (at == knobs_.end() && knobs_.size() >= kKnobsMax) {
        return {false, "has no effect: there are more knobs than a gateway has"};
    }
    if (at != knobs_.end() && at->second == text) {
        return {};
    }
    knobs_.insert_or_assign(std::string(name), std::move(text));
    knobs_changed_ = true;
    return {.changed = true};
}

Taken KnownState::take_maintenance(std::string_view key, std::string_view value,
                                   std::optional<WallTime> expires) {
    if (key.starts_with(kModeOf)) {
        return take_service_mode(key.substr(kModeOf.size()), value, expires);
    }
    if (key != kMode && key != kBanner) {
        return {false, "has no effect: it is maintenance:mode or maintenance:banner"};
    }
    if (key == kMode && !parse_maintenance(value)) {
        return {false, kNoMode};
    }
    std::optional<Text>& text = key == kMode ? mode_ : banner_;
    const bool changed = !text || text->value != value || text->expires != expires;
    text = Text{std::string(value), expires};
    return {.changed = changed};
}

Taken KnownState::take_service_mode(std::string_view service, std::string_view value,
                                    std::optional<WallTime> expires) {
    if (!is_service_name(service)) {
        return {false, "has no effect: it ends in no name of a service"};
    }
    if (!parse_maintenance(value)) {
        return {false, kNoMode};
    }
    auto known = service_modes_.find(service);
    if (known == service_modes_.end()) {
        if (service_modes_.size() >= kServicesMax) {
            return {false, "has no effect: there are too many of its kind"};
        }
        known = service_modes_.emplace(service, Text{}).first;
    } else if (known->second.value == value && known->second.expires == expires) {
        return {};
    }
    known->second = Text{std::string(value), expires};
    return {.changed = true};
}

// True: something was known of it.
bool KnownState::drop(std::string_view key) {
    if (key.starts_with(BanWriter::kPrefix)) {
        return bans_.erase(key.substr(BanWriter::kPrefix.size()));
    }
    if (key.starts_with(RevocationWriter::kPrefix)) {
        return revocations_.erase(key.substr(RevocationWriter::kPrefix.size()));
    }
    if (key == kMode) {
        return std::exchange(mode_, std::nullopt).has_value();
    }
    if (key.starts_with(kKnob)) {
        const auto at = knobs_.find(key.substr(kKnob.size()));
        if (at == knobs_.end()) {
            return false;
        }
        knobs_.erase(at);
        knobs_changed_ = true;
        return true;
    }
    if (key.starts_with(kModeOf)) {
        const auto known = service_modes_.find(key.substr(kModeOf.size()));
        if (known == service_modes_.end()) {
            return false;
        }
        service_modes_.erase(known);
        return true;
    }
    return key == kBanner && std::exchange(banner_, std::nullopt).has_value();
}

void KnownState::gone(std::string_view key) {
    if (const auto complaint = complaints_.find(key); complaint != complaints_.end()) {
        complaints_.erase(complaint);
    }
    if (drop(key)) {
        note_change();
    }
}

void KnownState::no_text(std::string_view key) {
    if (listing_) {
        named_.insert(hash_(key));
    }
    if (drop(key)) {
        note_change();
    }
    complain(key, {}, "has no effect: it is no text; delete it, and write it with SET");
}

void KnownState::listing_began() {
    listing_ = true;
    named_.clear();
}

void KnownState::listing_ended() {
    if (!std::exchange(listing_, false)) {
        return;
    }
    std::vector<std::string> unnamed;
    for_each([&](const KnownEntry& entry) {
        if (!named_.contains(hash_(entry.key))) {
            unnamed.push_back(entry.key);
        }
    });
    std::erase_if(complaints_,
                  [&](const auto& complaint) { return !named_.contains(hash_(complaint.first)); });
    boost::unordered_flat_set<std::uint64_t>().swap(named_);
    for (const std::string& key : unnamed) {
        gone(key);
    }
}

void KnownState::backend_changed(bool available, const char* why) {
    available_ = available;
    if (listener_.backend_changed) {
        listener_.backend_changed(available, why);
    }
}

void KnownState::refuses(std::string_view what) {
    if (listener_.refused) {
        listener_.refused(what);
    }
}

std::vector<KnownEntry> KnownState::everything() {
    std::vector<KnownEntry> entries;
    for_each([&](const KnownEntry& entry) {
        if (end_of(entry.expires) > clock_.wall) {
            entries.push_back(entry);
        }
    });
    return entries;
}

void KnownState::for_each(const std::function<void(const KnownEntry& entry)>& visit) const {
    bans_.for_each(visit);
    revocations_.for_each(visit);
    if (mode_) {
        visit({std::string(kMode), mode_->value, mode_->expires});
    }
    for (const auto& [service, mode] : service_modes_) {
        visit({std::string(kModeOf) + service, mode.value, mode.expires});
    }
    if (banner_) {
        visit({std::string(kBanner), banner_->value, banner_->expires});
    }
    for (const auto& [name, text] : knobs_) {
        visit({std::string(kKnob) + name, text.value, text.expires});
    }
}

void KnownState::note_change() {
    if (!std::exchange(changed_, true) && listener_.changed) {
        listener_.changed();
    }
}

void KnownState::complain(std::string_view key, std::string_view value, const char* why) {
    const std::uint64_t hash = hash_(value);
    const auto before = complaints_.find(key);
    if (before != complaints_.end() ? before->second == hash
                                    : complaints_.size() >= kComplaintsMax) {
        return;
    }
    complaints_.insert_or_assign(std::string(key), hash);
    if (listener_.complained) {
        listener_.complained(key, why);
    }
}

WallTime Known::maintenance_end(WallTime now) const {
    const bool said = mode_ != Maintenance::off && now < mode_end_;
    if (schedule_ == nullptr) {
        return mode_end_;
    }
    const MaintenanceSchedule::InForce planned = schedule_->at(now);
    if (!said || planned.mode > mode_) {
        return planned.until;
    }
    return planned.mode == mode_ ? std::max(mode_end_, planned.until) : mode_end_;
}

Known::OfService Known::maintenance_of(std::string_view service, WallTime now) const {
    OfService found{.service = service};
    if (services_ != nullptr) {
        const auto said = services_->find(service);
        if (said != services_->end() && now < said->second.until) {
            found.mode = said->second.mode;
            found.until = said->second.until;
        }
    }
    if (schedule_ != nullptr && !schedule_->services().empty()) {
        const MaintenanceSchedule::InForce planned = schedule_->at(now, service);
        if (planned.mode > found.mode) {
            found.mode = planned.mode;
            found.until = planned.until;
        } else if (planned.mode == found.mode && planned.mode != Maintenance::off) {
            found.until = std::max(found.until, planned.until);
        }
    }
    return found;
}

std::vector<Known::OfService> Known::services_in_maintenance(WallTime now) const {
    std::vector<OfService> found;
    const auto look_at = [&](std::string_view service) {
        const OfService one = maintenance_of(service, now);
        if (one.mode != Maintenance::off) {
            found.push_back(one);
        }
    };
    if (services_ != nullptr) {
        for (const auto& [service, said] : *services_) {
            look_at(service);
        }
    }
    if (schedule_ != nullptr) {
        std::ranges::for_each(schedule_->services(), look_at);
    }
    std::ranges::sort(found, {}, &OfService::service);
    const auto [first, last] = std::ranges::unique(found, {}, &OfService::service);
    found.erase(first, last);
    return found;
}

void KnownState::plan(std::shared_ptr<const MaintenanceSchedule> schedule) {
    schedule_ = std::move(schedule);
    note_change();
}

bool KnownState::publish_if_changed() {
    if (!std::exchange(changed_, false)) {
        return false;
    }
    auto next = std::make_shared<Known>(0);
    next->bans = bans_.commit();
    next->revocations = revocations_.commit();
    next->version = current_->version + 1;
    if (mode_) {
        next->mode_ = parse_maintenance(mode_->value).value_or(Maintenance::off);
        next->mode_end_ = end_of(mode_->expires);
    }
    if (!service_modes_.empty()) {
        auto services = std::make_shared<std::map<std::string, Known::Said, std::less<>>>();
        for (const auto& [service, mode] : service_modes_) {
            services->emplace(service,
                              Known::Said{parse_maintenance(mode.value).value_or(Maintenance::off),
                                          end_of(mode.expires)});
        }
        next->services_ = std::move(services);
    }
    if (banner_) {
        next->banner_ = banner_text(banner_->value);
        next->banner_end_ = end_of(banner_->expires);
    }
    next->schedule_ = schedule_;
    next->knobs_ = current_->knobs_;
    if (std::exchange(knobs_changed_, false)) {
        next->knobs_ = knobs_.empty() ? nullptr : std::make_shared<const KnobTexts>(knobs_);
    }
    current_ = std::move(next);
    if (listener_.published) {
        listener_.published(current_);
    }
    return true;
}

std::vector<KnownEntry> KnownState::list_revocations(WallTime now, std::size_t most) const {
    std::vector<KnownEntry> out;
    revocations_.for_each([&](const KnownEntry& entry) {
        if (out.size() < most && (!entry.expires || *entry.expires > now)) {
            out.push_back(entry);
        }
    });
    std::ranges::sort(out, {}, &KnownEntry::key);
    return out;
}

WallTime KnownState::knobs_end() const {
    WallTime earliest = WallTime::max();
    for (const auto& [name, text] : knobs_) {
        earliest = std::min(earliest, end_of(text.expires));
    }
    return earliest;
}

WallTime KnownState::next_expiry() const {
    // Bans end by their own clock; with a knob a setting goes back, and nobody waits for that.
    if (const WallTime knobs = knobs_end(); knobs != WallTime::max()) {
        return std::min(knobs, next_expiry_of_the_rest());
    }
    return next_expiry_of_the_rest();
}

WallTime KnownState::next_expiry_of_the_rest() const {
    WallTime earliest = std::min({bans_.earliest_end(), revocations_.earliest_end(),
                                  end_of(mode_ ? mode_->expires : std::nullopt),
                                  end_of(banner_ ? banner_->expires : std::nullopt)});
    for (const auto& [service, mode] : service_modes_) {
        earliest = std::min(earliest, end_of(mode.expires));
    }
    if (earliest == WallTime::max() || dropped_ == WallTime::min()) {
        return earliest;
    }
    const std::size_t known = current_->bans.size() + current_->revocations.size();
    return std::max(earliest,
                    dropped_ + kDropEvery + std::chrono::seconds(known / kDroppedASecond));
}

void KnownState::drop_expired(WallTime now) {
    dropped_ = now;
    if (std::erase_if(knobs_,
                      [&](const auto& knob) { return end_of(knob.second.expires) <= now; })) {
        knobs_changed_ = true;
        note_change();
    }
    for (std::optional<Text>* text : {&mode_, &banner_}) {
        if (*text && (*text)->is_over(now)) {
            text->reset();
            note_change();
        }
    }
    if (std::erase_if(service_modes_,
                      [now](const auto& each) { return each.second.is_over(now); }) > 0) {
        note_change();
    }
    if (std::min(bans_.earliest_end(), revocations_.earliest_end()) <= now) {
        bans_.drop_expired(now);
        revocations_.drop_expired(now);
        // Until workers have the new version, the old one's memory is not given back.
        note_change();
    }
}

}  // namespace gw::state
