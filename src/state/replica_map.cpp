#include "state/replica_map.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "state/replica_layer.hpp"

namespace gw::state {
namespace {

__extension__ using Wide = unsigned __int128;

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t read8(const char* at) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
}

using Layer = std::shared_ptr<const ReplicaLayer>;

std::size_t size_of(const Layer& layer) {
    return layer ? layer->size() : 0;
}

// Both in one, with what `above` says where both know a key. as_base: nothing lies below, so that
// nothing has to be hidden.
Layer merge(const ReplicaHash& hash, const Layer& above, const Layer& below, bool as_base) {
    auto merged = std::make_shared<ReplicaLayer>(hash);
    merged->reserve(above->size() + size_of(below),
                    above->record_bytes() + (below ? below->record_bytes() : 0));
    const auto keep = [&](std::uint64_t h, const ReplicaLayer::Record& record) {
        if (!record.gone || !as_base) {
            merged->put(h, record);
        }
    };
    if (below) {
        below->for_each([&](std::uint64_t h, const ReplicaLayer::Record& record) {
            if (!above->find(h, record.key)) {
                keep(h, record);
            }
        });
    }
    above->for_each(keep);
    merged->shrink();
    return merged->size() == 0 ? nullptr : Layer(std::move(merged));
}

}  // namespace

ReplicaHash::ReplicaHash(std::uint64_t seed) : secrets_{} {
    for (std::uint64_t& secret : secrets_) {
        seed += 0x9E3779B97F4A7C15;
        secret = mix(seed ^ 0xBF58476D1CE4E5B9, seed ^ 0x94D049BB133111EB) | 1;
    }
}

std::uint64_t ReplicaHash::operator()(std::string_view key) const {
    std::uint64_t hash = secrets_[0] ^ key.size();
    const char* at = key.data();
    std::size_t left = key.size();
    for (; left >= 16; left -= 16, at += 16) {
        hash = mix(read8(at) ^ secrets_[1], read8(at + 8) ^ hash);
    }
    std::array<char, 16> tail{};
    if (left > 0) {
        std::memcpy(tail.data(), at, left);
    }
    hash = mix(read8(tail.data()) ^ secrets_[1], read8(tail.data() + 8) ^ hash);
    return mix(hash ^ secrets_[2], key.size() ^ secrets_[0]);
}

std::optional<ReplicaValue> ReplicaMap::known(std::string_view key) const {
    const std::uint64_t hash = hash_(key);
    for (const Layer& layer : layers_) {
        if (!layer) {
            continue;
        }
        if (const auto record = layer->find(hash, key)) {
            return record->gone ? std::nullopt : std::optional(record->entry);
        }
    }
    return std::nullopt;
}

void ReplicaMap::for_each(const Visit& visit) const {
    for (std::size_t i = 0; i < kLayers; ++i) {
        if (!layers_[i]) {
            continue;
        }
        layers_[i]->for_each([&](std::uint64_t hash, const ReplicaLayer::Record& record) {
            const auto hides = [&](const Layer& above) {
                return above && above->find(hash, record.key);
            };
            if (!record.gone && std::none_of(layers_.begin(), layers_.begin() + i, hides)) {
                visit(record.key, record.entry);
            }
        });
    }
}

WallTime ReplicaMap::earliest_end() const {
    WallTime earliest = WallTime::max();
    for (const Layer& layer : layers_) {
        earliest = layer ? std::min(earliest, layer->earliest_end()) : earliest;
    }
    return earliest;
}

std::size_t ReplicaMap::memory_bytes() const {
    std::size_t bytes = sizeof *this;
    for (const Layer& layer : layers_) {
        bytes += layer ? layer->memory_bytes() : 0;
    }
    return bytes;
}

// A layer goes into the next when it is full, or when the next is not much larger: then a merge
// costs little, and a search has a layer less to look into.
bool ReplicaMap::is_due(std::size_t layer) const {
    constexpr std::size_t kNewestMost = 256;    // some 10 microseconds to copy
    constexpr std::size_t kMiddleMost = 16384;  // a millisecond
    constexpr std::size_t kBaseShare = 32;      // of a base of a million, 100 ms, each 31,250
    constexpr std::size_t kNotMuchLarger = 4;
    const std::size_t most =
        layer == 0 ? kNewestMost : std::max(kMiddleMost, size_of(layers_[2]) / kBaseShare);
    const std::size_t size = size_of(layers_[layer]);
    return size > most || size_of(layers_[layer + 1]) <= kNotMuchLarger * size;
}

void ReplicaMap::put_on_top(Layer changes) {
    const bool wasteful = changes->wasted_bytes() > changes->record_bytes();
    layers_[0] =
        layers_[0] || wasteful ? merge(hash_, changes, layers_[0], false) : std::move(changes);
    for (std::size_t into = 0; into + 1 < kLayers && is_due(into); ++into) {
        const bool as_base = into + 2 == kLayers;
        Layer& above = layers_[into];
        Layer& below = layers_[into + 1];
        if (below || above->wasted_bytes() > 0 || (as_base && above->has_gone())) {
            below = merge(hash_, above, below, as_base);
        } else {
            below = std::move(above);
        }
        above = nullptr;
        if (!below) {
            break;
        }
    }
}

ReplicaMap::Layer ReplicaMap::in_force(WallTime now) const {
    auto kept = std::make_shared<ReplicaLayer>(hash_);
    std::size_t bytes = 0;
    for (const Layer& layer : layers_) {
        bytes += layer ? layer->record_bytes() : 0;
    }
    kept->reserve(size_, bytes);
    for_each([&](std::string_view key, const ReplicaValue& value) {
        if (value.in_force(now)) {
            kept->put(hash_(key), {key, value, false});
        }
    });
    kept->shrink();
    return kept->size() == 0 ? nullptr : Layer(std::move(kept));
}

ReplicaWriter::ReplicaWriter(std::uint64_t seed)
    : map_(seed), changes_(std::make_unique<ReplicaLayer>(map_.hash_)) {}
ReplicaWriter::ReplicaWriter(ReplicaWriter&&) noexcept = default;
ReplicaWriter::~ReplicaWriter() = default;

std::optional<ReplicaValue> ReplicaWriter::known(std::string_view key) const {
    if (const auto record = changes_->find(map_.hash_(key), key)) {
        return record->gone ? std::nullopt : std::optional(record->entry);
    }
    return map_.known(key);
}

ReplicaWriter::Set ReplicaWriter::set(std::string_view key, std::string_view value,
                                      std::optional<WallTime> expires) {
    const auto before = known(key);
    if (before && before->value == value && before->expires.has_value() == expires.has_value() &&
        (!expires || std::chrono::abs(*expires - *before->expires) <= kSameEnd)) {
        return Set::same;
    }
    changes_->put(map_.hash_(key), {key, {value, expires}, false});
    size_ += before ? 0 : 1;
    return before ? Set::changed : Set::added;
}

bool ReplicaWriter::erase(std::string_view key) {
    if (!known(key)) {
        return false;
    }
    changes_->put(map_.hash_(key), {key, {}, true});
    --size_;
    return true;
}

void ReplicaWriter::for_each(const ReplicaMap::Visit& visit) const {
    changes_->for_each([&](std::uint64_t, const ReplicaLayer::Record& record) {
        if (!record.gone) {
            visit(record.key, record.entry);
        }
    });
    map_.for_each([&](std::string_view key, const ReplicaValue& value) {
        if (!changes_->find(map_.hash_(key), key)) {
            visit(key, value);
        }
    });
}

const ReplicaMap& ReplicaWriter::commit() {
    if (changes_->size() > 0) {
        changes_->shrink();
        map_.put_on_top(std::exchange(changes_, std::make_unique<ReplicaLayer>(map_.hash_)));
        map_.size_ = size_;
    }
    return map_;
}

std::size_t ReplicaWriter::drop_expired(WallTime now) {
    if (earliest_end() > now) {
        return 0;
    }
    commit();
    map_.layers_ = {nullptr, nullptr, map_.in_force(now)};
    const std::size_t left = size_of(map_.layers_.back());
    map_.size_ = left;
    return std::exchange(size_, left) - left;
}

WallTime ReplicaWriter::earliest_end() const {
    return std::min(map_.earliest_end(), changes_->earliest_end());
}

}  // namespace gw::state
