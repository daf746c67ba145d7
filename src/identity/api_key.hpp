// Keys of machines (X-API-Key): whoever shows one is who the configuration says. Only hashes are
// kept; keys are long and random, so that a plain hash cannot be searched back.
#pragma once

#include <algorithm>
#include <array>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/field.hpp"
#include "identity/identity.hpp"
#include "identity/token_fault.hpp"

namespace gw::identity {

// SHA-256 (FIPS 180-4) of a key.
struct ApiKeyHash {
    std::array<char, 32> bytes{};

    static constexpr std::string_view kPattern = "^sha256:[0-9a-fA-F]{64}$";
    static std::expected<ApiKeyHash, config::Flaw> parse(std::string_view text);
    static ApiKeyHash of(std::string_view key);
    [[nodiscard]] std::string to_string() const;

    bool operator==(const ApiKeyHash&) const = default;
};

// Goes into a header field.
inline std::optional<config::Flaw> check_plain_text(std::string_view text) {
    const bool good = !text.empty() && text.size() <= 256 &&
                      std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(text),
                                             "write visible characters without spaces"});
}

// A moment in UTC, "2027-01-31T00:00:00Z", or none.
struct ApiKeyEnd {
    std::optional<WallTime> at;
    std::string text;

    static constexpr std::string_view kPattern =
        "^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$";
    static std::expected<ApiKeyEnd, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const { return text; }

    bool operator==(const ApiKeyEnd&) const = default;
};

struct ApiKeyOptions {
    ApiKeyHash hash;
    std::string tenant;
    std::vector<std::string> venues;
    std::string role;
    std::vector<std::string> permissions;
    std::string tier{};
    ApiKeyEnd expires;
};

// Fit to name a key: it becomes the user that services see, `api-key:<name>`.
inline std::optional<config::Flaw> check_api_key_name(std::string_view name) {
    const bool good =
        !name.empty() && name.size() <= 64 &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(name),
                                             "name it by lower-case letters, digits and '-'"});
}

template <class Visitor>
void fields(Visitor& field, ApiKeyOptions& o) {
    using namespace config;
    field(
        "hash", o.hash, Required{},
        "SHA-256 of the key, as `api-gateway api-key` prints it: `sha256:<64 hexadecimal digits>`");
    field("tenant", o.tenant, Required{}, Check{check_plain_text, "^[!-~]{1,256}$"}, "whose it is");
    field("venues", o.venues, "venues that it may name");
    field("role", o.role, Check{check_plain_text, "^[!-~]{1,256}$"}, "role of whoever shows it");
    field("permissions", o.permissions, "what whoever shows it may do");
    field("tier", o.tier,
          "tier of `limits` whose numbers count for it, before its tenant's; empty: its tenant's");
    field("expires", o.expires, "when it ends, in UTC: `2027-01-31T00:00:00Z`; empty: never");
}

// The names of those that have ended: they are refused, and whoever reads the configuration may
// think them good.
std::vector<std::string_view> ended_keys(const std::map<std::string, ApiKeyOptions>& keys,
                                         WallTime now);

// The user of an API key is this and its name.
inline constexpr std::string_view kApiKeyUser = "api-key:";

// Immutable once made; any thread.
class ApiKeys {
  public:
    static constexpr std::size_t kKeyBytesMax = 256;

    ApiKeys() = default;
    explicit ApiKeys(const std::map<std::string, ApiKeyOptions>& options);

    // Costs one SHA-256. Errors: api_key, expired.
    [[nodiscard]] std::expected<std::shared_ptr<const Identity>, TokenFault> find(
        std::string_view key, WallTime now) const;
    // The caller whose user is `api-key:<name>`; null: there is no key of that name. Looks at all.
    [[nodiscard]] const Identity* named(std::string_view name) const;
    // Does the key that this caller once showed still say the same of who shows it? It may have got
    // another end.
    [[nodiscard]] bool still_give(const Identity& caller, WallTime now) const;
    // The next moment at which one of them ends; max(): none does. Looks at all.
    [[nodiscard]] WallTime next_end(WallTime now) const;
    // Is it one of these, ended or not? Costs the same.
    [[nodiscard]] bool knows(std::string_view key) const;
    [[nodiscard]] bool empty() const { return keys_.empty(); }
    // Looks at all.
    [[nodiscard]] bool any_of_tenant(std::string_view tenant) const;

  private:
    // A hash is as good as random already, and its bytes are not the sender's to choose.
    struct Hash {
        std::size_t operator()(const ApiKeyHash& hash) const;
    };
    std::unordered_map<ApiKeyHash, std::shared_ptr<const Identity>, Hash> keys_;
};

// A new key of 256 random bits.
std::string new_api_key();

}  // namespace gw::identity
