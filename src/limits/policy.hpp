// What operators write about rate limits, and what requests are counted by.
//
// A policy says how many requests of one key are admitted; its key says of whom: the parts that
// must be equal for two requests to be counted together. Parts that a request lacks count as
// absent, which is a value of its own.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "config/field.hpp"
#include "limits/window.hpp"

namespace gw::limits {

// A part of a key, as it is written: "user", "parameter:eventId".
struct KeyPart {
    enum class Of : std::uint8_t {
        caller,  // the user, else the API key, else the address
        user,
        tenant,
        api_key,
        address,  // of IPv6 the /64: a client has all of its /64
        route,
        parameter,  // of the path, by its name in the route's template
    };
    Of of = Of::caller;
    std::string parameter;

    static constexpr std::size_t kNameMax = 32;
    static constexpr std::string_view kPattern =
        "^(caller|user|tenant|api_key|address|route|parameter:[A-Za-z0-9_-]{1,32})$";
    static std::expected<KeyPart, config::Flaw> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    bool operator==(const KeyPart&) const = default;
};

enum class Mode : std::uint8_t { exact, leased, local };
constexpr std::array<std::pair<std::string_view, Mode>, 3> names_of(Mode) {
    return {{{"exact", Mode::exact}, {"leased", Mode::leased}, {"local", Mode::local}}};
}

enum class Counted : std::uint8_t { all, failures };
constexpr std::array<std::pair<std::string_view, Counted>, 2> names_of(Counted) {
    return {{{"all", Counted::all}, {"failures", Counted::failures}}};
}

struct TierOptions {
    std::uint32_t requests = 0;
    std::vector<std::string> tenants;
};

struct PolicyOptions {
    std::uint32_t requests = 100;
    Millis window{60'000};
    Millis block{0};
    std::vector<KeyPart> key{KeyPart{}};
    std::map<std::string, TierOptions> tiers;
    Mode mode = Mode::leased;
    Counted counted = Counted::all;
    bool enabled = true;
    bool dry_run = false;
};

struct LimitsOptions {
    static PolicyOptions purchase_defaults();

    bool enabled = true;
    std::uint32_t memory_mb = 64;
    std::uint32_t gateways = 1;
    struct General : PolicyOptions {};
    General general;
    struct Tickets : PolicyOptions {
        Tickets() : PolicyOptions(purchase_defaults()) {}
    };
    Tickets tickets;
    std::map<std::string, PolicyOptions> policies;

    template <class Visit>
    void each_policy(Visit visit) const {
        visit(std::string("general"), static_cast<const PolicyOptions&>(general));
        visit(std::string("tickets"), static_cast<const PolicyOptions&>(tickets));
        for (const auto& [name, policy] : policies) {
            visit(name, policy);
        }
    }
    // Null: there is none of that name.
    [[nodiscard]] PolicyOptions* find(std::string_view name);
    [[nodiscard]] const PolicyOptions* find(std::string_view name) const;
};

// Names of policies and tiers are labels of metrics and parts of keys.
std::optional<config::Flaw> check_policy_name(std::string_view name);
std::optional<config::Flaw> check_tenant(std::string_view tenant);
inline constexpr std::size_t kPolicyNameMax = 32;
inline constexpr std::size_t kKeyPartsMax = 6;

template <class Visitor>
void fields(Visitor& field, TierOptions& o) {
    using namespace config;
    field("requests", o.requests, Required{}, Range{1, Quota::kLimitMax},
          "requests of one key admitted in any window, for these tenants");
    field("tenants", o.tenants, Check{check_tenant, ""}, "the tenants of this tier, by their ids");
}

// Variables: of requests, window and block; empty ones are none.
template <class Visitor>
void policy_fields(Visitor& field, PolicyOptions& o, const std::array<config::Env, 3>& variables) {
    using namespace config;
    field("requests", o.requests, variables[0], Range{1, Quota::kLimitMax},
          "requests of one key admitted in any window");
    field("window_ms", o.window, variables[1],
          Range{Quota::kWindowMin.count(), Quota::kWindowMax.count()},
          "length of the window, wherever it begins");
    field("block_ms", o.block, variables[2], Range{0, Quota::kBlockMax.count()},
          "how long a key that asked for more is refused altogether; 0: until there is room");
    field("key", o.key,
          "what is counted together, up to 6 of `caller` (the user, else the API key, else the "
          "address), `user`, `tenant`, `api_key`, `address` (of IPv6 the /64), `route`, "
          "`parameter:<name>` (of the path)");
    field("tiers", o.tiers, Check{check_policy_name, "^[a-z][a-z0-9-]{0,31}$"},
          "other numbers of requests for some tenants");
    field("mode", o.mode,
          "how gateways count together: `exact` asks the store for each request, `leased` takes "
          "permits ahead (at most 1 % over the limit), `local` counts in each gateway alone");
    field("count", o.counted,
          "`all` requests, or only `failures`: what is answered with a status below 400 does not "
          "count");
    field("enabled", o.enabled, "false: nothing is counted by it, and nothing refused");
    field("dry_run", o.dry_run, "count and report, and refuse nothing");
}

template <class Visitor>
void fields(Visitor& field, PolicyOptions& o) {
    policy_fields(field, o, {});
}
template <class Visitor>
void fields(Visitor& field, LimitsOptions::General& o) {
    policy_fields(field, o,
                  {config::Env{"RATE_LIMIT_MAX"}, config::Env{"RATE_LIMIT_WINDOW_MS"}, {}});
}
template <class Visitor>
void fields(Visitor& field, LimitsOptions::Tickets& o) {
    policy_fields(field, o,
                  {config::Env{"RATE_LIMIT_TICKET_MAX"}, config::Env{"RATE_LIMIT_TICKET_WINDOW"},
                   config::Env{"RATE_LIMIT_TICKET_BLOCK"}});
}
template <class Visitor>
void fields(Visitor& field, LimitsOptions& o) {
    using namespace config;
    field("enabled", o.enabled, Env{"RATE_LIMIT_ENABLED"}, "limit rates at all");
    field("memory_mb", o.memory_mb, Range{1, 4'096}, AtStart{},
          "memory for counting, about 15,000 keys a MiB; when it is full, the oldest go first");
    field("gateways", o.gateways, Range{1, 1'000},
          "gateways that share a limit, where the store has not said how many there are");
    field("general", o.general, "the policy `general`");
    field("tickets", o.tickets, "the policy `tickets`: buying them");
    field("policies", o.policies, Check{check_policy_name, "^[a-z][a-z0-9-]{0,31}$"},
          "further policies by name");
}

// A policy as requests use it. Immutable; any thread.
class Policy {
  public:
    Policy(std::string name, const PolicyOptions& options);

    [[nodiscard]] const std::string& name() const { return name_; }
    // `"general"`, and what stands behind the limit in RateLimit-Policy: `;w=60`.
    [[nodiscard]] const std::string& quoted_name() const { return quoted_name_; }
    [[nodiscard]] const std::string& window_text() const { return window_text_; }
    // Of that tenant; "" for none. tier: the one that an API key names, which goes before its
    // tenant's; "" or one that this policy has not: the tenant's.
    [[nodiscard]] const Quota& quota(std::string_view tenant, std::string_view tier = {}) const;
    // All that there are: that of everybody, those of tiers, and these again for each tenant.
    template <class Visit>
    void each_quota(Visit visit) const {
        visit(quota_);
        for (const auto& [tier, quota] : tiers_) {
            visit(quota);
        }
        for (const auto& [tenant, quota] : tenants_) {
            visit(quota);
        }
    }
    [[nodiscard]] const std::vector<KeyPart>& key() const { return key_; }
    [[nodiscard]] Millis window() const { return quota_.window(); }
    [[nodiscard]] Millis block() const { return quota_.block(); }
    [[nodiscard]] Mode mode() const { return mode_; }
    [[nodiscard]] bool failures_only() const { return counted_ == Counted::failures; }
    [[nodiscard]] bool dry_run() const { return dry_run_; }
    [[nodiscard]] bool enabled() const { return enabled_; }

  private:
    std::string name_;
    std::string quoted_name_;
    std::string window_text_;
    Quota quota_;
    std::map<std::string, Quota, std::less<>> tiers_;
    std::map<std::string, Quota, std::less<>> tenants_;
    std::vector<KeyPart> key_;
    Mode mode_;
    Counted counted_;
    bool enabled_;
    bool dry_run_;
};

// "general", "tickets" and the others; what contradicts in them is told by `blame`.
std::vector<config::Flaw> flaws_of(const PolicyOptions& options);

// What a request brings to a key. Empty texts are absent.
struct KeyValues {
    std::string_view user;
    std::string_view tenant;
    std::string_view api_key;  // its id, or its hash; never the key
    std::string_view route;
    IpAddress address;
    std::span<const std::pair<std::string_view, std::string_view>> parameters;
};

// A key as text, without allocating: "tickets:u=8f14e45f|t=acme". Values of letters, digits and
// "-._~@+" up to 40 characters stand as they are. Any other is "#" and 192 bits of its SHA-256 in
// base64url: no other value has the same text, however it is chosen, and all gateways write the
// same.
class KeyText {
  public:
    KeyText(const Policy& policy, const KeyValues& values);
    [[nodiscard]] std::string_view view() const { return {bytes_.data(), size_}; }

    static constexpr std::size_t kValueMax = 40;

  private:
    void append(std::string_view text);
    void append_value(std::string_view value);
    void append_address(const IpAddress& address);
    void append_part(const KeyPart& part, const KeyValues& values);

    // The policy's name, and of each part a separator, a name, "=" and a value.
    static constexpr std::size_t kMax =
        kPolicyNameMax + kKeyPartsMax * (KeyPart::kNameMax + kValueMax + 6);
    std::array<char, kMax> bytes_;
    std::size_t size_ = 0;
};

}  // namespace gw::limits
