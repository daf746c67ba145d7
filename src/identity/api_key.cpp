#include "identity/api_key.hpp"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include <cstring>
#include <tuple>

#include "base/encoding.hpp"
#include "base/ensure.hpp"

namespace gw::identity {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::string_view kKeyPrefix = "tt_";

// The number at text[at, at + digits), or nothing.
std::optional<int> number_at(std::string_view text, std::size_t at, std::size_t digits) {
    int value = 0;
    for (const char c : text.substr(at, digits)) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

std::optional<WallTime> parse_moment(std::string_view text) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
    if (text.size() != kForm.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] != '0' && text[i] != kForm[i]) {
            return std::nullopt;
        }
    }
    const auto year = number_at(text, 0, 4);
    const auto month = number_at(text, 5, 2);
    const auto day = number_at(text, 8, 2);
    const auto hour = number_at(text, 11, 2);
    const auto minute = number_at(text, 14, 2);
    const auto second = number_at(text, 17, 2);
    if (!year || !month || !day || !hour || !minute || !second) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(*year),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok() || *year < 1970 || *year > 2200 || *hour > 23 || *minute > 59 || *second > 59) {
        return std::nullopt;
    }
    return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           std::chrono::seconds(*second);
}

}  // namespace

std::expected<ApiKeyHash, config::Flaw> ApiKeyHash::parse(std::string_view text) {
    const auto bytes =
        text.starts_with(kHashPrefix) ? from_hex(text.substr(kHashPrefix.size())) : std::nullopt;
    ApiKeyHash hash;
    if (!bytes || bytes->size() != hash.bytes.size()) {
        // Not shown: somebody may have put the key itself here.
        return std::unexpected(config::Flaw{
            "is no hash of a key",
            "let `api-gateway api-key` make a key, and write what it prints as its hash"});
    }
    std::memcpy(hash.bytes.data(), bytes->data(), bytes->size());
    return hash;
}

ApiKeyHash ApiKeyHash::of(std::string_view key) {
    ApiKeyHash hash;
    ::SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(),
             reinterpret_cast<unsigned char*>(hash.bytes.data()));
    return hash;
}

std::string ApiKeyHash::to_string() const {
    return std::string(kHashPrefix) + to_hex({bytes.data(), bytes.size()});
}

std::expected<ApiKeyEnd, config::Flaw> ApiKeyEnd::parse(std::string_view text) {
    if (text.empty()) {
        return ApiKeyEnd{};
    }
    const auto at = parse_moment(text);
    if (!at) {
        return std::unexpected(config::Flaw{"is " + config::quote(text),
                                            "write a moment in UTC: 2027-01-31T00:00:00Z"});
    }
    return ApiKeyEnd{at, std::string(text)};
}

std::size_t ApiKeys::Hash::operator()(const ApiKeyHash& hash) const {
    std::size_t value = 0;
    std::memcpy(&value, hash.bytes.data(), sizeof value);
    return value;
}

ApiKeys::ApiKeys(const std::map<std::string, ApiKeyOptions>& options) {
    for (const auto& [name, key] : options) {
        auto identity = std::make_shared<Identity>();
        identity->by_api_key = true;
        identity->key_hash.assign(key.hash.bytes.data(), key.hash.bytes.size());
        identity->subject = std::string(kApiKeyUser) + name;
        identity->tenant = key.tenant;
        identity->role = key.role;
        identity->permissions = key.permissions;
        identity->venues = key.venues;
        identity->limit_tier = key.tier;
        // Issued whenever it is shown: revocations of a tenant's tokens leave its keys alone; a
        // ban of the user `api-key:<name>` or of the tenant does not.
        identity->issued_at = WallTime::max();
        identity->expires_at = key.expires.at.value_or(WallTime::max());
        identity->holdings = holdings_of(*identity);
        tell_services(*identity);
        keys_.emplace(key.hash, std::move(identity));
    }
}

std::expected<std::shared_ptr<const Identity>, TokenFault> ApiKeys::find(std::string_view key,
                                                                         WallTime now) const {
    if (keys_.empty() || key.size() > kKeyBytesMax) {
        return std::unexpected(TokenFault::api_key);
    }
    const auto found = keys_.find(ApiKeyHash::of(key));
    if (found == keys_.end()) {
        return std::unexpected(TokenFault::api_key);
    }
    if (now >= found->second->expires_at) {
        return std::unexpected(TokenFault::expired);
    }
    return found->second;
}

const Identity* ApiKeys::named(std::string_view name) const {
    const std::string subject = std::string(kApiKeyUser) + std::string(name);
    const auto found = std::ranges::find_if(
        keys_, [&](const auto& key) { return key.second->subject == subject; });
    return found != keys_.end() ? found->second.get() : nullptr;
}

bool ApiKeys::still_give(const Identity& caller, WallTime now) const {
    ApiKeyHash hash;
    ensure(caller.key_hash.size() == hash.bytes.size(), "the caller came by a key");
    std::memcpy(hash.bytes.data(), caller.key_hash.data(), hash.bytes.size());
    const auto found = keys_.find(hash);
    const auto what = [](const Identity& of) {
        return std::tie(of.subject, of.tenant, of.role, of.permissions, of.venues, of.limit_tier);
    };
    return found != keys_.end() && now < found->second->expires_at &&
           what(*found->second) == what(caller);
}

WallTime ApiKeys::next_end(WallTime now) const {
    WallTime next = WallTime::max();
    for (const auto& [hash, identity] : keys_) {
        if (identity->expires_at > now) {
            next = std::min(next, identity->expires_at);
        }
    }
    return next;
}

bool ApiKeys::knows(std::string_view key) const {
    return !keys_.empty() && key.size() <= kKeyBytesMax && keys_.contains(ApiKeyHash::of(key));
}

bool ApiKeys::any_of_tenant(std::string_view tenant) const {
    return std::ranges::any_of(keys_,
                               [&](const auto& key) { return key.second->tenant == tenant; });
}

std::vector<std::string_view> ended_keys(const std::map<std::string, ApiKeyOptions>& keys,
                                         WallTime now) {
    std::vector<std::string_view> names;
    for (const auto& [name, key] : keys) {
        if (key.expires.at && now >= *key.expires.at) {
            names.push_back(name);
        }
    }
    return names;
}

std::string new_api_key() {
    std::array<unsigned char, 32> random{};
    ensure(::RAND_bytes(random.data(), random.size()) == 1, "the system has no randomness");
    return std::string(kKeyPrefix) +
           base64url_encode({reinterpret_cast<const char*>(random.data()), random.size()});
}

}  // namespace gw::identity
