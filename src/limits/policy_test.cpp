#include "limits/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/reader.hpp"

namespace gw::limits {
namespace {

Policy with_key(std::vector<KeyPart> key) {
    PolicyOptions options;
    options.key = std::move(key);
    return {"general", options};
}

std::string text(const Policy& policy, const KeyValues& values) {
    return std::string(KeyText(policy, values).view());
}

IpAddress address(std::string_view of) {
    return IpAddress::parse(of).value();
}

TEST(KeyPart, ReadsWhatItWrites) {
    for (const char* part :
         {"caller", "user", "tenant", "api_key", "address", "route", "parameter:eventId"}) {
        ASSERT_TRUE(KeyPart::parse(part).has_value()) << part;
        EXPECT_EQ(KeyPart::parse(part)->to_string(), part);
    }
    for (const char* part : {"", "User", "parameter", "parameter:", "parameter:a b", "user ",
                             "parameter:0123456789012345678901234567890123"}) {
        EXPECT_FALSE(KeyPart::parse(part).has_value()) << part;
    }
}

TEST(KeyText, NamesTheCallerByTheBestThatIsKnown) {
    const Policy policy = with_key({KeyPart{}});
    KeyValues values;
    values.address = address("203.0.113.7");
    EXPECT_EQ(text(policy, values), "general:a=cb007107");
    values.api_key = "k-1";
    EXPECT_EQ(text(policy, values), "general:k=k-1");
    values.user = "8f14e45f-ceea-467f-a1b2-000000000001";
    EXPECT_EQ(text(policy, values), "general:u=8f14e45f-ceea-467f-a1b2-000000000001");
}

TEST(KeyText, TakesTheBlockOfAnIpv6Address) {
    const Policy policy = with_key({{KeyPart::Of::address, ""}});
    KeyValues values;
    values.address = address("2001:db8:1:2:3:4:5:6");
    const std::string one = text(policy, values);
    values.address = address("2001:db8:1:2:ffff::1");
    EXPECT_EQ(text(policy, values), one);
    values.address = address("2001:db8:1:3::1");
    EXPECT_NE(text(policy, values), one);
    values.address = address("::ffff:203.0.113.7");
    EXPECT_EQ(text(policy, values), "general:a=cb007107");
}

TEST(KeyText, TakesParametersInAnyCase) {
    const Policy policy = with_key({{KeyPart::Of::user, ""}, {KeyPart::Of::parameter, "eventId"}});
    const auto key_of = [&](std::string_view event) {
        const std::pair<std::string_view, std::string_view> parameter{"eventId", event};
        KeyValues all;
        all.user = "u";
        all.parameters = {&parameter, 1};
        return std::string(KeyText(policy, all).view());
    };
    EXPECT_EQ(key_of("1B9D6BCD-bbfd-4b2d-9b5d-ab8dfbbd4bed"),
              key_of("1b9d6bcd-BBFD-4b2d-9b5d-ab8dfbbd4bed"));
    EXPECT_EQ(key_of("E 1"), key_of("e 1"));
    EXPECT_NE(key_of("e1"), key_of("e2"));
}

TEST(KeyText, TellsAllValuesApart) {
    const Policy policy = with_key(
        {{KeyPart::Of::user, ""}, {KeyPart::Of::tenant, ""}, {KeyPart::Of::parameter, "eventId"}});
    const std::vector<std::string> values{"",
                                          "a",
                                          "a|t=b",
                                          "#AAAA",
                                          "a=b",
                                          "|",
                                          "{a}",
                                          std::string("a\0b", 3),
                                          "a b",
                                          "\xC3\xA4",
                                          std::string(40, 'x'),
                                          std::string(41, 'x'),
                                          std::string(5'000, 'x'),
                                          std::string(5'001, 'x')};
    std::set<std::string> seen;
    for (const std::string& user : values) {
        for (const std::string& tenant : values) {
            for (const std::string& event : values) {
                const std::pair<std::string_view, std::string_view> parameter{"eventId", event};
                KeyValues all;
                all.user = user;
                all.tenant = tenant;
                all.parameters = {&parameter, 1};
                const std::string key = text(policy, all);
                EXPECT_TRUE(seen.insert(key).second) << key;
                EXPECT_EQ(key.find_first_of(" {}\xC3"), std::string::npos) << key;
                EXPECT_EQ(key.find('\0'), std::string::npos);
            }
        }
    }
}

TEST(KeyText, HasRoomForTheLongestKey) {
    PolicyOptions options;
    options.key.clear();
    for (char c = 'a'; c < 'a' + static_cast<char>(kKeyPartsMax); ++c) {
        options.key.push_back({KeyPart::Of::parameter, std::string(KeyPart::kNameMax, c)});
    }
    const Policy policy(std::string(kPolicyNameMax, 'p'), options);
    std::vector<std::pair<std::string_view, std::string_view>> parameters;
    const std::string value(KeyText::kValueMax, 'v');
    for (const KeyPart& part : policy.key()) {
        parameters.emplace_back(part.parameter, value);
    }
    KeyValues values;
    values.parameters = parameters;
    EXPECT_GT(KeyText(policy, values).view().size(), kKeyPartsMax * KeyText::kValueMax);
}

TEST(Policy, GivesTenantsTheLimitOfTheirTier) {
    PolicyOptions options;
    options.tiers["gold"] = {1'000, {"acme", "globex"}};
    options.tiers["small"] = {10, {"initech"}};
    const Policy policy("general", options);
    EXPECT_EQ(policy.quota("acme").limit(), 1'000U);
    EXPECT_EQ(policy.quota("initech").limit(), 10U);
    EXPECT_EQ(policy.quota("other").limit(), 100U);
    EXPECT_EQ(policy.quota("").limit(), 100U);
}

TEST(Policy, GivesAKeyTheTierThatItNamesBeforeItsTenants) {
    PolicyOptions options;
    options.tiers["gold"] = {1'000, {"acme"}};
    options.tiers["machines"] = {5'000, {}};
    const Policy policy("general", options);
    EXPECT_EQ(policy.quota("acme", "machines").limit(), 5'000U);
    EXPECT_EQ(policy.quota("", "machines").limit(), 5'000U);
    EXPECT_EQ(policy.quota("acme", "of-another-policy").limit(), 1'000U);
    std::vector<std::uint32_t> all;
    policy.each_quota([&](const Quota& quota) { all.push_back(quota.limit()); });
    std::ranges::sort(all);
    EXPECT_EQ(all, (std::vector<std::uint32_t>{100, 1'000, 1'000, 5'000}));
}

TEST(Policy, NamesWhatContradicts) {
    EXPECT_TRUE(flaws_of({}).empty());
    EXPECT_TRUE(flaws_of(LimitsOptions{}.tickets).empty());
    PolicyOptions options;
    options.key = {};
    EXPECT_EQ(flaws_of(options).size(), 1U);
    options.key = {KeyPart{}, KeyPart{}};
    options.tiers["a"] = {1, {"x"}};
    options.tiers["b"] = {2, {"x"}};
    options.counted = Counted::failures;
    options.block = Millis{1};
    EXPECT_EQ(flaws_of(options).size(), 4U);
}

TEST(Policy, HasTheLimitsOfTheContract) {
    const LimitsOptions options;
    EXPECT_EQ(options.general.requests, 100U);
    EXPECT_EQ(options.general.window, Millis{60'000});
    EXPECT_EQ(options.tickets.requests, 5U);
    EXPECT_EQ(options.tickets.window, Millis{60'000});
    EXPECT_EQ(options.tickets.block, Millis{300'000});
    EXPECT_EQ(options.tickets.mode, Mode::exact);
}

TEST(Policy, RefusesNamesThatAreNoLabels) {
    EXPECT_FALSE(check_policy_name("payments-2"));
    for (const char* name : {"", "2a", "A", "a:b", "a_b", "abcdefghijklmnopqrstuvwxyzabcdefgh"}) {
        EXPECT_TRUE(check_policy_name(name)) << name;
    }
}

struct Read {
    LimitsOptions options;
    std::vector<config::Mistake> mistakes;
};

Read read(const std::string& yaml, config::Environment::Values variables = {}) {
    auto reading = std::make_shared<config::Reading>();
    reading->document = config::Document::parse("test.yaml", yaml, reading->mistakes);
    reading->environment = config::Environment(std::move(variables));
    Read out;
    config::read(config::Reader::root(reading), out.options);
    out.mistakes = reading->mistakes;
    return out;
}

TEST(Policy, IsReadFromFileAndEnvironment) {
    const Read got = read(
        "general:\n"
        "  tiers:\n"
        "    gold: {requests: 5000, tenants: [acme]}\n"
        "policies:\n"
        "  payments:\n"
        "    requests: 5\n"
        "    window_ms: 3600000\n"
        "    key: [user, \"parameter:venueId\"]\n"
        "    mode: exact\n"
        "    count: failures\n",
        {{"RATE_LIMIT_MAX", "250"}, {"RATE_LIMIT_TICKET_BLOCK", "1000"}});
    EXPECT_TRUE(got.mistakes.empty());
    EXPECT_EQ(got.options.general.requests, 250U);
    EXPECT_EQ(got.options.general.tiers.at("gold").requests, 5'000U);
    EXPECT_EQ(got.options.tickets.requests, 5U);
    EXPECT_EQ(got.options.tickets.block, Millis{1'000});
    const Policy payments("payments", got.options.policies.at("payments"));
    EXPECT_TRUE(payments.failures_only());
    EXPECT_EQ(payments.quota("").window(), Millis{3'600'000});
    KeyValues values;
    values.user = "u1";
    EXPECT_EQ(text(payments, values), "payments:u=u1|p.venueId");
}

TEST(Policy, TellsEveryMistakeInWhatIsWritten) {
    const Read got = read(
        "general: {requests: 0, window_ms: 10, key: [venue], mode: sometimes}\n"
        "policies: {Upper: {}}\n",
        {{"RATE_LIMIT_TICKET_MAX", "many"}});
    EXPECT_EQ(got.mistakes.size(), 6U);
}

// Counts what is declared.
struct Declared {
    std::set<std::string> variables;
    template <class T, class... Options>
    void operator()(std::string_view name, T& value, const Options&... options) {
        const config::Field field = config::Field::of(name, options...);
        if (!field.env.empty()) {
            variables.emplace(field.env);
        }
        if constexpr (!config::Scalar<T> && !config::kIsVector<T> && !config::kIsMap<T>) {
            fields(*this, value);
        }
    }
};

TEST(Policy, IsSetByTheVariablesOfTheContract) {
    Declared declared;
    LimitsOptions options;
    fields(declared, options);
    EXPECT_EQ(declared.variables,
              (std::set<std::string>{"RATE_LIMIT_ENABLED", "RATE_LIMIT_MAX", "RATE_LIMIT_WINDOW_MS",
                                     "RATE_LIMIT_TICKET_MAX", "RATE_LIMIT_TICKET_WINDOW",
                                     "RATE_LIMIT_TICKET_BLOCK"}));
}

}  // namespace
}  // namespace gw::limits
