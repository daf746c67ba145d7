#include "gateway/purge_log.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace gw::gateway {
namespace {

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}

}  // namespace

bool PurgeLog::note(const Purge& purge, std::int64_t at, Instant now) {
    constexpr std::string_view kBelow = "/**";
    Kind kind = Kind::all;
    std::string what = purge.what;
    switch (purge.of) {
        case Purge::Of::all:
            break;
        case Purge::Of::tag:
            kind = Kind::tag;
            what = lower_case(what);
            break;
        case Purge::Of::tenant:
            kind = Kind::tenant;
            break;
        case Purge::Of::path:
            kind = Kind::path;
            if (what.ends_with(kBelow)) {
                kind = Kind::below;
                what.resize(what.size() - kBelow.size());
            }
            break;
    }
    while (!noted_.empty() && noted_.front().when + kept_for_ <= now) {
        forget_oldest();
    }
    const auto [place, fresh] = times(kind).try_emplace(what, at);
    // Of one that we have heard of already we only learn when it was.
    const bool known = !fresh && (place->second == at || place->second == kNotKnown);
    if (!fresh && place->second == at) {
        return false;
    }
    place->second = at;
    noted_.push_back({now, kind, std::move(what), at});
    if (noted_.size() > kMost) {
        make_room();
    }
    return !known;
}

void PurgeLog::make_room() {
    const Noted& oldest = noted_.front();
    if (oldest.at != kNotKnown) {
        all_before_ = std::max(all_before_, oldest.at);
    } else if (const auto place = times(oldest.kind).find(oldest.what);
               place != times(oldest.kind).end() && place->second == kNotKnown) {
        // Else its time came to be known, and stands further behind.
        all_until_ = oldest.when + kept_for_;
    }
    forget_oldest();
}

void PurgeLog::forget_oldest() {
    const Noted& oldest = noted_.front();
    Times& known = times(oldest.kind);
    // A later one of the same name stays.
    if (const auto place = known.find(oldest.what);
        place != known.end() && place->second == oldest.at) {
        known.erase(place);
    }
    noted_.pop_front();
}

bool PurgeLog::hit(Kind kind, std::string_view what, std::int64_t began) const {
    const Times& known = times_[static_cast<std::size_t>(kind)];
    const auto place = known.find(what);
    return place != known.end() && place->second >= began;
}

bool PurgeLog::covers(const StoredAnswer& answer, std::int64_t began, Instant now) const {
    if (all_before_ >= began || now < all_until_ || hit(Kind::all, "", began) ||
        hit(Kind::tenant, answer.tenant, began) || hit(Kind::path, answer.path, began)) {
        return true;
    }
    CommaList tags(answer.tags);
    for (std::string_view tag; tags.next(tag);) {
        if (hit(Kind::tag, lower_case(tag), began)) {
            return true;
        }
    }
    const std::string_view path = answer.path;
    for (std::size_t end = 0; end <= path.size(); ++end) {
        if ((end == path.size() || path[end] == '/') &&
            hit(Kind::below, path.substr(0, end), began)) {
            return true;
        }
    }
    return false;
}

}  // namespace gw::gateway
