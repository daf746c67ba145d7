#include "control/key_room.hpp"

namespace gw::control {

bool KeyRoom::has_room(const std::string& tenant, std::size_t bytes, Instant now) {
    constexpr std::size_t kOfWhatIsFree = 3;
    forget_ended(now);
    const auto share = shares_.find(tenant);
    const std::size_t taken = share != shares_.end() ? share->second.keys : 0;
    const std::size_t after = keys_ + bytes;
    return after <= most_ && taken + bytes <= kOfWhatIsFree * (most_ - after);
}

void KeyRoom::take(const std::string& key, const std::string& tenant, Size size, Instant until) {
    give_back(key);
    const auto share = shares_.try_emplace(tenant).first;
    const auto at =
        entries_.emplace(key, Entry{.share = share, .size = {.key = size.key}, .until = until})
            .first;
    ends_.emplace(until, at->first);
    share->second.keys += size.key;
    keys_ += size.key;
    set_answer(at, size.answer);
}

void KeyRoom::hold(const std::string& key, Instant until) {
    if (const auto at = entries_.find(key); at != entries_.end()) {
        ends_.erase({at->second.until, at->first});
        at->second.until = until;
        ends_.emplace(until, at->first);
    }
}

void KeyRoom::give_back(const std::string& key) {
    if (const auto at = entries_.find(key); at != entries_.end()) {
        forget(at);
    }
}

std::optional<std::string> KeyRoom::next_to_drop() {
    if (keys_ + answers_ <= most_ || most_answers_.empty()) {
        return std::nullopt;
    }
    const Share& share = shares_.find(std::string(most_answers_.rbegin()->second))->second;
    const auto at = entries_.find(std::string(share.by_size.rbegin()->second));
    set_answer(at, 0);
    return at->first;
}

void KeyRoom::forget_ended(Instant now) {
    while (!ends_.empty() && ends_.begin()->first <= now) {
        forget(entries_.find(std::string(ends_.begin()->second)));
    }
}

void KeyRoom::forget(Entries::iterator at) {
    set_answer(at, 0);
    const Entry& entry = at->second;
    entry.share->second.keys -= entry.size.key;
    keys_ -= entry.size.key;
    if (entry.share->second.keys == 0) {
        shares_.erase(entry.share);
    }
    ends_.erase({entry.until, at->first});
    entries_.erase(at);
}

void KeyRoom::set_answer(Entries::iterator at, std::size_t bytes) {
    Entry& entry = at->second;
    Share& share = entry.share->second;
    const std::string_view tenant = entry.share->first;
    if (share.answers > 0) {
        most_answers_.erase({share.answers, tenant});
    }
    if (entry.size.answer > 0) {
        share.by_size.erase({entry.size.answer, at->first});
    }
    share.answers += bytes - entry.size.answer;
    answers_ += bytes - entry.size.answer;
    entry.size.answer = bytes;
    if (bytes > 0) {
        share.by_size.emplace(bytes, at->first);
    }
    if (share.answers > 0) {
        most_answers_.emplace(share.answers, tenant);
    }
}

}  // namespace gw::control
