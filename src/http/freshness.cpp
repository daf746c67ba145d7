#include "http/freshness.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "http/date.hpp"

namespace gw::http {
namespace {

using std::chrono::seconds;

constexpr seconds kHeuristicMax{86'400};

// RFC 9110, 15.1: those that may be kept although the service does not say so.
constexpr bool kept_by_default(int status) {
    constexpr std::array kThese{200, 203, 204, 300, 301, 308, 404, 405, 410, 414};
    return std::ranges::find(kThese, status) != kThese.end();
}

// Those for which an operator's time is meant: what is not there yet may be there soon.
constexpr bool takes_ttl(int status) {
    return status == 200 || status == 203 || status == 301 || status == 308;
}

std::optional<WallTime> date_field(const Headers& headers, std::string_view name, WallTime now) {
    const Field* const field = find_field(headers, name);
    return field != nullptr ? parse_date(field->value, now) : std::nullopt;
}

constexpr seconds kOldest = kDeltaSecondsMax;

seconds age_of(std::string_view text) {
    if (text.empty() || !std::ranges::all_of(text, is_digit)) {
        return kOldest;
    }
    const auto most = static_cast<std::uint64_t>(kOldest.count());
    return seconds{static_cast<std::int64_t>(std::min(parse_decimal(text).value_or(most), most))};
}

// Of a list the first member counts (RFC 9111, 5.1). One that is no number, or that somebody has
// added to another's, says nothing that could be relied on: as old as can be.
seconds age_field(const Headers& headers) {
    std::size_t count = 0;
    seconds age{0};
    for (const Field& field : headers) {
        if (equal_ignore_case(field.name, "age")) {
            CommaList members(field.value);
            std::string_view first;
            std::string_view second;
            const bool repeated =
                members.next(first) && members.next(second) && age_of(first) == age_of(second);
            age = ++count == 1 && !repeated ? age_of(first) : kOldest;
        }
    }
    return age;
}

seconds initial_age(const Headers& headers, WallTime date, Instant::duration took, WallTime now) {
    const auto apparent = std::chrono::duration_cast<seconds>(now - date);
    return std::max(
        {seconds{0}, apparent, age_field(headers) + std::chrono::duration_cast<seconds>(took)});
}

// What the service says itself; nothing if it says nothing.
std::optional<seconds> stated_lifetime(const CacheControl& cc, const Headers& headers,
                                       const CacheRules& rules, WallTime date, WallTime now) {
    if (cc.surrogate_max_age) {
        return cc.surrogate_max_age;
    }
    if (cc.s_maxage && !rules.of_one) {
        return cc.s_maxage;
    }
    if (cc.max_age) {
        return cc.max_age;
    }
    std::size_t count = 0;
    for (const Field& field : headers) {
        count += equal_ignore_case(field.name, "expires") ? 1 : 0;
    }
    if (count == 0) {
        return std::nullopt;
    }
    // One that cannot be read, or says two things, has passed (RFC 9111, 5.3).
    const auto expires = count == 1 ? date_field(headers, "expires", now) : std::nullopt;
    return expires ? std::max(seconds{0}, std::chrono::duration_cast<seconds>(*expires - date))
                   : seconds{0};
}

// RFC 9111, 3.5: others may only get it if the service says so, or, where it says nothing, the
// operator for callers that are known.
bool others_may_have_it(const Asked& asked, const CacheControl& cc, bool stated,
                        const CacheRules& rules) {
    return !asked.credentials || rules.of_one || cc.for_all || cc.s_maxage || cc.must_revalidate ||
           (!stated && asked.known_caller && rules.ttl > seconds{0});
}

// A failure (5xx) is not kept even where it says so: it would outlast itself, unseen by breakers.
bool may_be_kept(const Asked& asked, const ResponseHead& answer, const CacheControl& cc,
                 const CacheRules& rules) {
    const Headers& headers = answer.headers;
    // must-understand: who knows the status does not mind no-store (RFC 9111, 5.2.2.3).
    const bool no_store = cc.no_store && !(cc.must_understand && kept_by_default(answer.status));
    const bool unknown = cc.must_understand && reason_phrase(answer.status).empty();
    return asked.method == Method::get && !asked.no_store && !no_store && !unknown &&
           answer.status >= 200 && answer.status < 500 && answer.status != 206 &&
           answer.status != 304 && (!cc.for_one || rules.of_one) &&
           (rules.set_cookie || !headers.has(Known::set_cookie));
}

// Also by so much that no answer would ever fit another request, and each look would cost much.
bool varies_by_all(const Headers& headers) {
    constexpr std::size_t kNamesMax = 32;
    std::size_t names = 0;
    return std::ranges::any_of(headers, [&](const Field& field) {
        CommaList list(field.known == Known::vary ? field.value : std::string_view{});
        for (std::string_view name; list.next(name);) {
            if (name == "*" || ++names > kNamesMax) {
                return true;
            }
        }
        return false;
    });
}

std::optional<seconds> silent_lifetime(const Asked& asked, const ResponseHead& answer,
                                       const CacheControl& cc, const CacheRules& rules,
                                       WallTime date, WallTime now) {
    if (cc.no_cache || asked.cookies || answer.headers.has(Known::pragma)) {
        return std::nullopt;
    }
    if (rules.ttl > seconds{0} && takes_ttl(answer.status)) {
        return rules.ttl;
    }
    if (rules.heuristic && (kept_by_default(answer.status) || cc.for_all)) {
        if (const auto changed = date_field(answer.headers, "last-modified", now);
            changed && *changed < date) {
            return std::min(kHeuristicMax,
                            std::chrono::duration_cast<seconds>((date - *changed) / 10));
        }
    }
    return std::nullopt;
}

bool has_validator(const Headers& headers) {
    return find_field(headers, "etag") != nullptr ||
           find_field(headers, "last-modified") != nullptr;
}

}  // namespace

std::optional<Freshness> freshness_of(const Asked& asked, const ResponseHead& answer,
                                      const CacheRules& rules, Instant::duration took,
                                      WallTime now) {
    const Headers& headers = answer.headers;
    const CacheControl cc = cache_control_of_answer(headers);
    if (!may_be_kept(asked, answer, cc, rules) || varies_by_all(headers)) {
        return std::nullopt;
    }
    const WallTime date = date_field(headers, "date", now).value_or(now);
    const std::optional<seconds> stated = stated_lifetime(cc, headers, rules, date, now);
    if (!others_may_have_it(asked, cc, stated.has_value() || cc.no_cache, rules)) {
        return std::nullopt;
    }
    // A silent service may have answered the cookies: not even to be validated, or given stale.
    if (asked.cookies && !stated && !cc.no_cache && !cc.for_all) {
        return std::nullopt;
    }
    const std::optional<seconds> lifetime =
        stated ? stated : silent_lifetime(asked, answer, cc, rules, date, now);
    if (!lifetime && !(has_validator(headers) && kept_by_default(answer.status))) {
        return std::nullopt;
    }
    Freshness out;
    out.lifetime = lifetime.value_or(seconds{0});
    out.initial_age = initial_age(headers, date, took, now);
    out.always_validate = cc.no_cache;
    out.never_stale = cc.must_revalidate || cc.no_cache ||
                      (!rules.of_one && (cc.proxy_revalidate || cc.s_maxage.has_value()));
    out.stale_while_revalidate = cc.stale_while_revalidate.value_or(rules.stale_while_revalidate);
    out.stale_if_error = cc.stale_if_error.value_or(rules.stale_if_error);
    const bool useful =
        (out.lifetime > out.initial_age && !out.always_validate) || has_validator(headers) ||
        (!out.never_stale &&
         (out.stale_while_revalidate > seconds{0} || out.stale_if_error > seconds{0}));
    return useful ? std::optional(out) : std::nullopt;
}

Reuse reuse_of(const Freshness& kept, std::chrono::seconds age, const CacheControl& request) {
    if (kept.always_validate || request.no_cache) {
        return Reuse::validate;
    }
    if (request.max_age && age >= *request.max_age && !request.max_stale_any &&
        !request.max_stale) {
        return Reuse::validate;
    }
    const seconds left = kept.lifetime - age;
    if (left > seconds{0}) {
        return request.min_fresh && left < *request.min_fresh ? Reuse::validate : Reuse::fresh;
    }
    if (kept.never_stale || request.min_fresh) {
        return Reuse::validate;
    }
    if (request.max_stale_any || (request.max_stale && -left <= *request.max_stale)) {
        return Reuse::fresh;
    }
    return -left < kept.stale_while_revalidate ? Reuse::refresh : Reuse::validate;
}

bool good_on_error(const Freshness& kept, std::chrono::seconds age) {
    return !kept.never_stale && age - kept.lifetime < kept.stale_if_error;
}

}  // namespace gw::http
