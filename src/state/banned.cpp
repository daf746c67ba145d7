#include "state/banned.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace gw::state {
namespace {

constexpr std::string_view kAddress = "ip:";
constexpr std::string_view kUser = "user:";
constexpr std::string_view kTenant = "tenant:";

// A block as the key of a map: family, length, and the bytes of the address behind whose first
// `bits` there are zeros.
class BlockKey {
  public:
    explicit BlockKey(const IpAddress& address) : size_(address.is_v4() ? 4 : 16) {
        bytes_[0] = static_cast<char>(size_);
        std::memcpy(bytes_.data() + 2, address.bytes().data(), size_);
        shorten(8 * static_cast<unsigned>(size_));
    }
    explicit BlockKey(const Cidr& block) : BlockKey(block.base) { shorten(block.bits); }

    void shorten(unsigned bits) {
        bytes_[1] = static_cast<char>(bits);
        for (std::size_t i = bits / 8; i < size_; ++i) {
            const unsigned kept = i == bits / 8 ? bits % 8 : 0;
            bytes_[2 + i] =
                static_cast<char>(static_cast<unsigned char>(bytes_[2 + i]) & (0xFF00U >> kept));
        }
    }
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), 2 + size_}; }

    static Cidr block_of(std::string_view key) {
        const auto bits = static_cast<unsigned char>(key[1]);
        if (key[0] == 4) {
            std::array<std::uint8_t, 4> bytes{};
            std::memcpy(bytes.data(), key.data() + 2, bytes.size());
            return {IpAddress::v4(bytes), bits};
        }
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), key.data() + 2, bytes.size());
        return {IpAddress::v6(bytes), bits};
    }

  private:
    std::size_t size_;
    std::array<char, 18> bytes_{};
};

// What maps keep: how it was written, the size of the reason and the reason, and the value as it
// came, so that a request finds the reason without reading JSON.
enum Writing : char { kByHand = 'h', kByGateway = 'g' };
constexpr std::size_t kWritingSize = 3;

std::string pack(std::string_view value) {
    const BanNote note = read_ban(value);
    std::size_t size = std::min(note.reason.size(), kReasonMax);
    // Not in the middle of a character of UTF-8.
    while (size < note.reason.size() && size > 0 &&
           (static_cast<unsigned char>(note.reason[size]) & 0xC0) == 0x80) {
        --size;
    }
    std::string packed{note.by_hand ? kByHand : kByGateway, static_cast<char>(size & 0xFF),
                       static_cast<char>(size >> 8)};
    packed.append(note.reason, 0, size);
    packed += value;
    return packed;
}

std::size_t reason_size(std::string_view packed) {
    return static_cast<unsigned char>(packed[1]) |
           static_cast<std::size_t>(static_cast<unsigned char>(packed[2])) << 8;
}

std::string_view value_of(std::string_view packed) {
    return packed.substr(kWritingSize + reason_size(packed));
}

std::optional<BanView> view_of(const std::optional<ReplicaValue>& found) {
    if (!found) {
        return std::nullopt;
    }
    return BanView{.reason = found->value.substr(kWritingSize, reason_size(found->value)),
                   .until = found->expires,
                   .by_hand = found->value.front() == kByHand};
}

WallTime end_of(std::optional<WallTime> expires) {
    return expires.value_or(WallTime::max());
}

std::string key_of(std::string_view kind, std::string_view name) {
    std::string key(BanWriter::kPrefix);
    key += kind;
    key += name;
    return key;
}

}  // namespace

std::optional<BanView> Bans::by_any_form(const IpAddress& address, WallTime now) const {
    const IpAddress form = banned_form(address);
    auto ban = by_prefix(form, now);
    if (!ban && form != address) {
        ban = by_prefix(address, now);  // a block around 64:ff9b::/96
    }
    return ban;
}

std::optional<BanView> Bans::by_prefix(const IpAddress& address, WallTime now) const {
    const Lengths& lengths = address.is_v4() ? v4_ : v6_;
    BlockKey key(address);
    for (std::size_t i = 0; i < lengths.count; ++i) {
        key.shorten(lengths.bits[i]);
        if (auto ban = view_of(addresses_.find(key.view(), now))) {
            return ban;
        }
    }
    return std::nullopt;
}

std::optional<BanView> Bans::by_user(std::string_view sub, WallTime now) const {
    return view_of(users_.find(sub, now));
}

std::optional<BanView> Bans::by_tenant(std::string_view id, WallTime now) const {
    return view_of(tenants_.find(id, now));
}

BanWriter::BanWriter(std::uint64_t seed) : addresses_(seed), users_(seed), tenants_(seed) {}

Taken BanWriter::set(std::string_view rest, std::string_view value,
                     std::optional<WallTime> expires) {
    for (const auto& [kind, names] : {std::pair{kUser, &users_}, std::pair{kTenant, &tenants_}}) {
        if (rest.starts_with(kind) && rest.size() > kind.size()) {
            return {names->set(rest.substr(kind.size()), pack(value), expires) !=
                    ReplicaWriter::Set::same};
        }
    }
    if (!rest.starts_with(kAddress)) {
        return {false, "names no ban: banned:ip:, banned:user: or banned:tenant: and whom"};
    }
    const std::string_view text = rest.substr(kAddress.size());
    const auto block = parse_banned_block(text);
    if (!block) {
        return {false,
                "bans nobody: this is neither an address nor a block such as 203.0.113.0/24"};
    }
    return {set_block(*block, text, value, expires)};
}

bool BanWriter::erase(std::string_view rest) {
    if (rest.starts_with(kUser)) {
        return users_.erase(rest.substr(kUser.size()));
    }
    if (rest.starts_with(kTenant)) {
        return tenants_.erase(rest.substr(kTenant.size()));
    }
    if (!rest.starts_with(kAddress)) {
        return false;
    }
    const std::string_view text = rest.substr(kAddress.size());
    const auto block = parse_banned_block(text);
    return block && erase_block(*block, text);
}

bool BanWriter::set_block(const Cidr& block, std::string_view text, std::string_view value,
                          std::optional<WallTime> expires) {
    const BlockKey key(block);
    auto spelled = spelled_.find(key.view());
    const std::string one = to_text(block);
    if (spelled == spelled_.end() && text == one) {
        return keep(block, pack(value), expires);
    }
    if (spelled == spelled_.end()) {
        spelled = spelled_.emplace(key.view(), Spellings{}).first;
        if (const auto before = addresses_.known(key.view())) {
            spelled->second.emplace(
                one, Spelling{std::string(value_of(before->value)), before->expires});
        }
    }
    spelled->second.insert_or_assign(std::string(text), Spelling{std::string(value), expires});
    return keep_longest(block, spelled->second);
}

bool BanWriter::erase_block(const Cidr& block, std::string_view text) {
    const BlockKey key(block);
    const auto spelled = spelled_.find(key.view());
    const std::string one = to_text(block);
    if (spelled == spelled_.end()) {
        return text == one && forget(block);
    }
    Spellings& spellings = spelled->second;
    const auto found = spellings.find(text);
    if (found == spellings.end()) {
        return false;
    }
    spellings.erase(found);
    if (spellings.empty()) {
        spelled_.erase(spelled);
        return forget(block);
    }
    const bool changed = keep_longest(block, spellings);
    if (spellings.size() == 1 && spellings.begin()->first == one) {
        spelled_.erase(spelled);
    }
    return changed;
}

bool BanWriter::keep_longest(const Cidr& block, const Spellings& spellings) {
    const auto& [text, longest] = *std::ranges::max_element(
        spellings, {}, [](const auto& spelling) { return end_of(spelling.second.expires); });
    return keep(block, pack(longest.value), longest.expires);
}

bool BanWriter::keep(const Cidr& block, std::string_view packed, std::optional<WallTime> expires) {
    const auto set = addresses_.set(BlockKey(block).view(), packed, expires);
    if (set == ReplicaWriter::Set::added) {
        ++(block.base.is_v4() ? v4_counts_[block.bits] : v6_counts_[block.bits]);
    }
    return set != ReplicaWriter::Set::same;
}

bool BanWriter::forget(const Cidr& block) {
    if (!addresses_.erase(BlockKey(block).view())) {
        return false;
    }
    --(block.base.is_v4() ? v4_counts_[block.bits] : v6_counts_[block.bits]);
    return true;
}

Bans BanWriter::commit() {
    Bans bans(0);
    bans.addresses_ = addresses_.commit();
    bans.users_ = users_.commit();
    bans.tenants_ = tenants_.commit();
    const auto present = [](const auto& counts, Bans::Lengths& lengths) {
        for (std::size_t bits = counts.size(); bits-- > 0;) {
            if (counts[bits] > 0) {
                lengths.bits[lengths.count++] = static_cast<std::uint8_t>(bits);
            }
        }
    };
    present(v4_counts_, bans.v4_);
    present(v6_counts_, bans.v6_);
    return bans;
}

void BanWriter::for_each(const Visit& visit) const {
    addresses_.for_each([&](std::string_view key, const ReplicaValue& ban) {
        if (const auto spelled = spelled_.find(key); spelled != spelled_.end()) {
            for (const auto& [text, spelling] : spelled->second) {
                visit({key_of(kAddress, text), spelling.value, spelling.expires});
            }
            return;
        }
        visit({key_of(kAddress, to_text(BlockKey::block_of(key))), std::string(value_of(ban.value)),
               ban.expires});
    });
    for (const auto& [kind, names] : {std::pair{kUser, &users_}, std::pair{kTenant, &tenants_}}) {
        names->for_each([&visit, kind](std::string_view name, const ReplicaValue& ban) {
            visit({key_of(kind, name), std::string(value_of(ban.value)), ban.expires});
        });
    }
}

void BanWriter::drop_expired(WallTime now) {
    for (auto& [key, spellings] : spelled_) {
        std::erase_if(spellings, [now](const auto& spelling) {
            return end_of(spelling.second.expires) <= now;
        });
    }
    std::erase_if(spelled_, [](const auto& spelled) { return spelled.second.empty(); });
    users_.drop_expired(now);
    tenants_.drop_expired(now);
    if (addresses_.drop_expired(now) > 0) {
        count_lengths();
    }
}

void BanWriter::count_lengths() {
    v4_counts_ = {};
    v6_counts_ = {};
    addresses_.for_each([this](std::string_view key, const ReplicaValue&) {
        const Cidr block = BlockKey::block_of(key);
        ++(block.base.is_v4() ? v4_counts_[block.bits] : v6_counts_[block.bits]);
    });
}

WallTime BanWriter::earliest_end() const {
    return std::min({addresses_.earliest_end(), users_.earliest_end(), tenants_.earliest_end()});
}

std::vector<std::string> BanWriter::other_spellings(const Cidr& block) const {
    std::vector<std::string> keys;
    const auto spelled = spelled_.find(BlockKey(block).view());
    if (spelled == spelled_.end()) {
        return keys;
    }
    const std::string one = to_text(block);
    for (const auto& [text, spelling] : spelled->second) {
        if (text != one) {
            keys.push_back(key_of(kAddress, text));
        }
    }
    return keys;
}

BanList BanWriter::list(WallTime now, std::size_t most) const {
    BanList list;
    for_each([&](const KnownEntry& entry) {
        if (entry.expires && *entry.expires <= now) {
            return;
        }
        BanRecord record{entry.key, read_ban(entry.value)};
        record.note.until = entry.expires;
        ++list.total;
        list.by_hand += record.note.by_hand ? 1 : 0;
        if (!entry.expires) {
            ++list.endless;
            record.warning = "has no end: it holds until somebody deletes it";
        }
        if (list.bans.size() < most) {
            list.bans.push_back(std::move(record));
        }
    });
    return list;
}

}  // namespace gw::state
