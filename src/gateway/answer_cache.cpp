#include "gateway/answer_cache.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "http/uri.hpp"
#include "identity/verifier.hpp"

namespace gw::gateway {
namespace {

bool hit_by(const Purge& purge, const StoredAnswer& answer) {
    switch (purge.of) {
        case Purge::Of::all:
            return true;
        case Purge::Of::tenant:
            return answer.tenant == purge.what;
        case Purge::Of::tag:
            return list_contains(answer.tags, purge.what);
        case Purge::Of::path:
            break;
    }
    constexpr std::string_view kBelow = "/**";
    std::string_view what = purge.what;
    if (!what.ends_with(kBelow)) {
        return answer.path == what;
    }
    what.remove_suffix(kBelow.size());
    return answer.path.starts_with(what) &&
           (answer.path.size() == what.size() || answer.path[what.size()] == '/');
}

bool same_selection(const StoredAnswer& a, const StoredAnswer& b) {
    return std::ranges::equal(a.vary, b.vary, [](const auto& one, const auto& other) {
        return equal_ignore_case(one.name, other.name) && one.value == other.value;
    });
}

// As the router writes paths, whether or not `text` has its escapes. Nothing: no path is so, and
// who asks for it would believe it gone.
std::optional<std::string> purged_path(std::string_view text) {
    constexpr std::string_view kBelow = "/**";
    const bool below = text.ends_with(kBelow);
    text.remove_suffix(below ? kBelow.size() : 0);
    if (text.find_first_of("?#*") != std::string_view::npos || (!below && text.empty())) {
        return std::nullopt;
    }
    std::string path;
    for (const char c : text) {
        const bool plain = c > ' ' && c < '\x7F';
        path += plain ? std::string(1, c) : percent_encode({&c, 1});
    }
    std::string normal;
    http::PathRefusal refusal;
    if (!path.empty()) {
        switch (http::normalise_path(path, normal, refusal)) {
            case http::PathOutcome::refused:
                return std::nullopt;
            case http::PathOutcome::rewritten:
                path = normal;
                break;
            case http::PathOutcome::unchanged:
                break;
        }
    }
    return path + std::string(below ? kBelow : "");
}

}  // namespace

std::optional<Purge> parse_purge(std::string_view text) {
    if (text == "all") {
        return Purge{};
    }
    const std::size_t colon = text.find(':');
    const std::string_view of = text.substr(0, colon);
    const std::string what(text.substr(std::min(colon, text.size() - 1) + 1));
    if (colon == std::string_view::npos || what.empty()) {
        return std::nullopt;
    }
    if (of == "path" && what.starts_with('/')) {
        auto path = purged_path(what);
        return path ? std::optional(Purge{Purge::Of::path, *std::move(path)}) : std::nullopt;
    }
    // One member of a list: with a comma, or spaces around it, it would be none.
    if (of == "tag" && what.find(',') == std::string::npos && trim_ows(what) == what) {
        return Purge{Purge::Of::tag, what};
    }
    if (of == "tenant" && identity::is_name(what)) {
        return Purge{Purge::Of::tenant, what};
    }
    return std::nullopt;
}

void AnswerCache::set_most(std::uint64_t bytes) {
    part_bytes_max_.store(bytes / kParts, std::memory_order_relaxed);
}

AnswerCache::Slot* AnswerCache::find_slot(Part& part, Hashed uri, std::string_view who) {
    const auto place = part.places.find(uri);
    if (place == part.places.end()) {
        return nullptr;
    }
    const auto slot = place->second.find(who);
    return slot == place->second.end() ? nullptr : &slot->second;
}

StoredPtr AnswerCache::find(CacheKey key, const http::Headers& request) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    const std::scoped_lock lock(part.mutex);
    Slot* const slot = find_slot(part, uri, key.who);
    if (slot == nullptr) {
        return nullptr;
    }
    for (std::size_t i = slot->variants.size(); i-- > 0;) {
        const Nodes::iterator node = slot->variants[i];
        if (node->answer->fits(request)) {
            part.nodes.splice(part.nodes.begin(), part.nodes, node);
            return node->answer;
        }
    }
    return nullptr;
}

AnswerCache::PassMark& AnswerCache::mark_of(Part& part, CacheKey key, std::size_t& hash) {
    hash = Hash{}(key.uri) * 31 + Hash{}(key.who);
    return part.passes[hash / kParts % kPassMarks];
}

std::size_t AnswerCache::adopt_rules(std::uint64_t generation) {
    // Before the purge, which dooms what is being filled: nothing may begin behind it.
    rules_.store(generation, std::memory_order_release);
    return purge(Purge{});
}

AnswerCache::Lead AnswerCache::lead(CacheKey key, std::uint64_t generation, Instant now,
                                    const std::shared_ptr<FillWait>& wait, Millis overdue) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    const std::scoped_lock lock(part.mutex);
    if (generation < rules_.load(std::memory_order_acquire)) {
        return {.passes = true};
    }
    std::size_t hash = 0;
    const PassMark& mark = mark_of(part, key, hash);
    const bool passes = mark.hash == hash && mark.until > now;
    auto place = part.places.find(uri);
    if (place == part.places.end()) {
        place = part.places.emplace(std::string(key.uri), Place{}).first;
    }
    auto slot = place->second.find(key.who);
    if (slot == place->second.end()) {
        // Of a fill from before there was this slot nobody knows whether it is outdated.
        slot = place->second.emplace(std::string(key.who), Slot{}).first;
        slot->second.doomed = newest_fill();
    }
    Slot& found = slot->second;
    if (found.fill == 0 || found.since + overdue <= now) {
        found.fill = fills_.fetch_add(1, std::memory_order_relaxed) + 1;
        found.since = now;
        return {.fill = found.fill, .passes = passes};
    }
    if (passes) {
        return {.passes = true};
    }
    if (wait != nullptr) {
        found.waiting.push_back(wait);
    }
    return {.overdue = found.since + overdue};
}

void AnswerCache::leave(CacheKey key, const std::shared_ptr<FillWait>& wait) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    const std::scoped_lock lock(part.mutex);
    if (Slot* const slot = find_slot(part, uri, key.who)) {
        std::erase(slot->waiting, wait);
    }
}

bool AnswerCache::take_room(std::uint64_t bytes) {
    const std::uint64_t before = on_the_way_.fetch_add(bytes, std::memory_order_relaxed);
    if (before + bytes <= 2 * answer_max()) {
        return true;
    }
    give_room(bytes);
    return false;
}

// The node goes; the slot that named it no longer does.
void AnswerCache::drop(Part& part, Nodes::iterator node) {
    const std::size_t bytes = node->answer->bytes() + node->uri->size() + node->who->size();
    part.bytes -= bytes;
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    if (Slot* const slot = find_slot(part, hashed(*node->uri), *node->who)) {
        std::erase(slot->variants, node);
        tidy(part, {*node->uri, *node->who});
    }
    part.nodes.erase(node);
}

// A place that holds nothing and is filled by nobody is none.
void AnswerCache::tidy(Part& part, CacheKey key) {
    const auto place = part.places.find(key.uri);
    if (place == part.places.end()) {
        return;
    }
    const auto slot = place->second.find(key.who);
    if (slot != place->second.end() && slot->second.variants.empty() && slot->second.fill == 0) {
        place->second.erase(slot);
    }
    if (place->second.empty()) {
        part.places.erase(place);
    }
}

AnswerCache::Waiting AnswerCache::finish(Part& part, Slot& slot, CacheKey key) {
    slot.fill = 0;
    Waiting waiting = std::move(slot.waiting);
    slot.waiting.clear();
    tidy(part, key);
    return waiting;
}

void AnswerCache::wake(const Waiting& waiting) {
    for (const std::shared_ptr<FillWait>& wait : waiting) {
        wait->loop.post([wait] {
            if (wait->pause != nullptr) {
                wait->pause->wake();
            }
        });
    }
}

bool AnswerCache::store(CacheKey key, std::uint64_t fill, StoredPtr answer,
                        const StoredPtr& replaced) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    Waiting waiting;
    bool kept = false;
    {
        const std::scoped_lock lock(part.mutex);
        Slot* const slot = find_slot(part, uri, key.who);
        if (slot == nullptr) {
            return false;
        }
        // Another has taken its place: of the two the younger answer stays.
        const bool overtaken = slot->fill != fill;
        const auto is_younger = [&](const Nodes::iterator& node) {
            return node->answer->came >= answer->came && same_selection(*node->answer, *answer);
        };
        const std::uint64_t most = answer_max();
        const std::size_t bytes = answer->bytes() + key.uri.size() + key.who.size();
        kept = fill > slot->doomed && bytes <= most &&
               !(overtaken && std::ranges::any_of(slot->variants, is_younger));
        if (kept) {
            std::vector<Nodes::iterator> replaces;
            for (std::size_t i = slot->variants.size(); i-- > 0;) {
                const Nodes::iterator node = slot->variants[i];
                if (node->answer == replaced || same_selection(*node->answer, *answer) ||
                    (i == 0 && slot->variants.size() >= kVariantsMax)) {
                    replaces.push_back(node);
                }
            }
            const auto place = part.places.find(uri);
            const auto who = place->second.find(key.who);
            part.nodes.push_front({std::move(answer), &place->first, &who->first});
            slot->variants.push_back(part.nodes.begin());
            part.bytes += bytes;
            bytes_.fetch_add(bytes, std::memory_order_relaxed);
            // Not before: a slot that holds nothing and is filled by nobody is none.
            for (const Nodes::iterator node : replaces) {
                drop(part, node);
            }
            while (part.bytes > most) {
                drop(part, std::prev(part.nodes.end()));
            }
        }
        if (!overtaken) {
            waiting = finish(part, *slot, key);
        } else if (kept) {
            waiting = std::exchange(slot->waiting, {});
        }
    }
    wake(waiting);
    return kept;
}

void AnswerCache::end(CacheKey key, std::uint64_t fill, bool not_kept, Instant now) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    Waiting waiting;
    {
        const std::scoped_lock lock(part.mutex);
        if (not_kept) {
            std::size_t hash = 0;
            PassMark& mark = mark_of(part, key, hash);
            mark = {hash, now + kPassFor};
        }
        Slot* const slot = find_slot(part, uri, key.who);
        if (slot == nullptr || slot->fill != fill) {
            return;
        }
        waiting = finish(part, *slot, key);
    }
    wake(waiting);
}

void AnswerCache::take_out(CacheKey key, const StoredPtr& answer) {
    const Hashed uri = hashed(key.uri);
    Part& part = part_of(uri);
    const std::scoped_lock lock(part.mutex);
    Slot* const slot = find_slot(part, uri, key.who);
    if (slot == nullptr) {
        return;
    }
    const auto found = std::ranges::find(slot->variants, answer,
                                         [](const Nodes::iterator& node) { return node->answer; });
    if (found != slot->variants.end()) {
        drop(part, *found);
    }
}

void AnswerCache::forget(std::string_view uri) {
    const Hashed hashed_uri = hashed(uri);
    Part& part = part_of(hashed_uri);
    const std::scoped_lock lock(part.mutex);
    const auto place = part.places.find(hashed_uri);
    if (place == part.places.end()) {
        return;
    }
    std::vector<Nodes::iterator> nodes;
    for (auto& [who, slot] : place->second) {
        slot.doomed = newest_fill();
        nodes.insert(nodes.end(), slot.variants.begin(), slot.variants.end());
    }
    for (const Nodes::iterator node : nodes) {
        drop(part, node);
    }
}

std::size_t AnswerCache::purge(const Purge& purge) {
    std::size_t count = 0;
    for (Part& part : parts_) {
        const std::scoped_lock lock(part.mutex);
        for (auto& [uri, place] : part.places) {
            for (auto& [who, slot] : place) {
                slot.doomed =
                    newest_fill();  // whatever it is: it may be what is not wanted any more
            }
        }
        for (auto node = part.nodes.begin(); node != part.nodes.end();) {
            const auto next = std::next(node);
            if (hit_by(purge, *node->answer)) {
                drop(part, node);
                ++count;
            }
            node = next;
        }
    }
    return count;
}

}  // namespace gw::gateway
