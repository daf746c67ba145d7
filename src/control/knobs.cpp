#include "control/knobs.hpp"

#include <algorithm>

#include "observe/timestamp.hpp"

namespace gw::control {
namespace {

WallTime end_of(const Knobs::Knob& knob) {
    return knob.value.note.until.value_or(WallTime::max());
}

std::string rfc3339(WallTime time) {
    observe::Timestamp timestamp;
    return std::string(timestamp.text(time));
}

std::string until_text(const Knobs::Knob& knob) {
    return knob.value.note.until ? rfc3339(*knob.value.note.until)
           : knob.until_reload   ? "the next reload"
                                 : "somebody lifts it";
}

}  // namespace

void Knobs::adopt(const std::shared_ptr<const state::KnobTexts>& texts) {
    if (texts == texts_) {
        return;
    }
    texts_ = texts;
    read("lifted");
}

void Knobs::reloaded() {
    std::erase_if(here_, [](const auto& knob) { return knob.second.until_reload; });
    read("reloaded");
}

void Knobs::read(std::string_view why) {
    Set found;
    const state::KnobTexts none;
    for (const auto& [name, text] : texts_ != nullptr ? *texts_ : none) {
        auto value = read_knob(name, text.value);
        std::optional<config::Flaw> flaw =
            value ? ports_.check(name, value->setting) : std::move(value.error());
        if (flaw) {
            complain(name, text, *flaw);
            continue;
        }
        complained_.erase(name);
        // The key's life counts, and what its writer has said of it if that is over sooner.
        if (text.expires) {
            value->note.until =
                std::min(value->note.until.value_or(WallTime::max()), *text.expires);
        }
        found.emplace(name, Knob{.value = *std::move(value), .everywhere = true});
    }
    std::erase_if(complained_, [&](const auto& entry) {
        return texts_ == nullptr || !texts_->contains(entry.first);
    });
    everywhere_ = std::move(found);
    std::erase_if(here_, [&](const auto& knob) {
        return ports_.check(knob.first, knob.second.value.setting).has_value();
    });
    settle(why);
}

void Knobs::set_here(const std::string& name, KnobValue value, bool until_reload) {
    here_.insert_or_assign(
        name, Knob{.value = std::move(value), .everywhere = false, .until_reload = until_reload});
    settle("replaced");
}

bool Knobs::lift_here(const std::string& name) {
    const bool lifted = here_.erase(name) > 0;
    settle("lifted");
    return lifted;
}

void Knobs::settle(std::string_view why) {
    const WallTime now = loop_.clock().wall;
    const auto is_over = [&](const auto& knob) { return end_of(knob.second) <= now; };
    // The store's clock may be a little ahead of ours.
    constexpr std::chrono::seconds kAhead{1};
    const auto was_over = [&](const Knob& knob) {
        return end_of(knob) != WallTime::max() && end_of(knob) - kAhead <= now;
    };
    std::erase_if(here_, is_over);
    const Set before = std::exchange(in_force_, {});
    for (const auto& [name, knob] : everywhere_) {
        if (end_of(knob) > now) {
            in_force_.emplace(name, knob);
        }
    }
    WallTime next = WallTime::max();
    for (const auto& [name, knob] : here_) {
        in_force_.insert_or_assign(name, knob);
    }
    for (const auto& [name, knob] : in_force_) {
        next = std::min(next, end_of(knob));
    }
    for (const auto& [name, knob] : in_force_) {
        const auto at = before.find(name);
        if (at == before.end() || at->second != knob) {
            tell_set(name, knob);
        }
    }
    act(before);
    // Not before: it may have been a log level that leaves this out.
    for (const auto& [name, knob] : before) {
        if (!in_force_.contains(name)) {
            tell_lapsed(name, knob, was_over(knob) ? "expired" : why);
        }
    }
    // Far ends are looked at again in between: the wall clock may be set.
    constexpr auto kLookAgain = std::chrono::hours(1);
    loop_.timers().arm(timer_, next == WallTime::max()
                                   ? kNever
                                   : loop_.now() + std::clamp<Instant::duration>(
                                                       next - now, Millis(10), kLookAgain));
}

void Knobs::act(const Set& before) {
    const auto limits_of = [](const Set& set) {
        std::map<std::string, limits::PolicyOverride> out;
        for (const auto& [name, knob] : set) {
            if (const auto* over = std::get_if<limits::PolicyOverride>(&knob.value.setting)) {
                out.emplace(name.substr(kLimitKnob.size()), *over);
            }
        }
        return out;
    };
    if (auto limits = limits_of(in_force_); limits != limits_of(before)) {
        ports_.limits(limits);
    }
    const auto tell_breaker = [&](const std::string& name, const Knob* knob) {
        const auto* state =
            knob != nullptr ? std::get_if<upstream::BreakerState>(&knob->value.setting) : nullptr;
        ports_.breaker(name.substr(kBreakerKnob.size()),
                       state != nullptr ? std::optional(*state) : std::nullopt,
                       knob != nullptr ? end_of(*knob) : WallTime::max());
    };
    for (const auto& [name, knob] : in_force_) {
        const auto at = before.find(name);
        if (name.starts_with(kBreakerKnob) && (at == before.end() || at->second != knob)) {
            tell_breaker(name, &knob);
        }
    }
    for (const auto& [name, knob] : before) {
        if (name.starts_with(kBreakerKnob) && !in_force_.contains(name)) {
            tell_breaker(name, nullptr);
        }
    }
    const auto level_of = [](const Set& set) {
        const auto at = set.find(kLogLevelKnob);
        return at == set.end() ? std::optional<observe::LogLevel>()
                               : std::get<observe::LogLevel>(at->second.value.setting);
    };
    if (level_of(in_force_) != level_of(before)) {
        ports_.log_level(level_of(in_force_));
    }
}

void Knobs::tell_set(const std::string& name, const Knob& knob) {
    const std::string value = setting_text(knob.value.setting);
    const std::string until = until_text(knob);
    log_.warn("knob set", {{"knob", name},
                           {"value", value},
                           {"by", knob.value.note.by.empty() ? "by hand" : knob.value.note.by},
                           {"reason", knob.value.note.reason},
                           {"until", until},
                           {"everywhere", knob.everywhere}});
    record(name, knob, "set", value + ", until " + until + "; " + knob.value.note.reason);
}

void Knobs::tell_lapsed(const std::string& name, const Knob& knob, std::string_view why) {
    const std::string value = setting_text(knob.value.setting);
    log_.warn("knob lapsed", {{"knob", name},
                              {"value", value},
                              {"why", why},
                              {"by", knob.value.note.by.empty() ? "by hand" : knob.value.note.by},
                              {"everywhere", knob.everywhere}});
    record(name, knob, "lapsed", value + ", " + std::string(why));
}

void Knobs::record(const std::string& name, const Knob& knob, std::string_view decision,
                   const std::string& detail) {
    ports_.keep({.time = loop_.clock().wall,
                 .kind = "knob",
                 .user = knob.value.note.by,
                 .tenant = {},
                 .address = {},
                 .resource = "knob " + name,
                 .decision = decision,
                 .status = 0,
                 .detail = detail,
                 .request_id = {}});
}

void Knobs::complain(std::string_view name, const state::KnobText& text, const config::Flaw& flaw) {
    const auto at = complained_.find(name);
    if (at != complained_.end() && at->second == text) {
        return;
    }
    complained_.insert_or_assign(std::string(name), text);
    log_.warn("a key of the state is not understood",
              {{"key", std::string(state::KnownState::kKnob) + std::string(name)},
               {"reason", "it " + flaw.what + "; " + flaw.remedy}});
}

const Knobs::Knob* Knobs::find(std::string_view name) const {
    const auto at = in_force_.find(name);
    return at == in_force_.end() ? nullptr : &at->second;
}

boost::json::object Knobs::json_of(std::string_view name, const Knob& knob) const {
    const KnobNote& note = knob.value.note;
    boost::json::object out{{"knob", name},           {"value", setting_text(knob.value.setting)},
                            {"by", note.by},          {"reason", note.reason},
                            {"since", nullptr},       {"until", nullptr},
                            {"secondsLeft", nullptr}, {"everywhere", knob.everywhere}};
    if (note.since) {
        out["since"] = rfc3339(*note.since);
    }
    if (note.until) {
        out["until"] = rfc3339(*note.until);
        out["secondsLeft"] = std::max<std::int64_t>(
            0, std::chrono::ceil<std::chrono::seconds>(*note.until - loop_.clock().wall).count());
    } else if (!knob.until_reload) {
        out["warning"] = "it has no end";
    }
    return out;
}

boost::json::array Knobs::json() const {
    boost::json::array out;
    for (const auto& [name, knob] : in_force_) {
        out.push_back(json_of(name, knob));
    }
    return out;
}

}  // namespace gw::control
