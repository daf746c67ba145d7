#include "gateway/security_headers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;

constexpr std::string_view kReferrer = "Referrer-Policy";

// From the most open to the strictest.
constexpr std::array<std::string_view, 8> kReferrerPolicies{"unsafe-url",
                                                            "no-referrer-when-downgrade",
                                                            "origin-when-cross-origin",
                                                            "origin",
                                                            "strict-origin-when-cross-origin",
                                                            "strict-origin",
                                                            "same-origin",
                                                            "no-referrer"};
constexpr std::array<std::string_view, 3> kOthers{"SAMEORIGIN", "DENY", "nosniff"};

// Among values of the same field; 0: not known, weaker than any that is.
int strictness_of(std::string_view name, std::string_view value) {
    const auto at = [](const auto& list, std::string_view text) {
        const auto found = std::ranges::find_if(
            list, [&](std::string_view known) { return equal_ignore_case(known, text); });
        return found == list.end() ? 0 : static_cast<int>(found - list.begin()) + 1;
    };
    if (name != kReferrer) {
        return at(kOthers, value);
    }
    // A list has what older browsers know first: the last that is known counts.
    int last = 0;
    while (!value.empty()) {
        const std::string_view one = value.substr(0, value.find(','));
        value.remove_prefix(std::min(one.size() + 1, value.size()));
        if (const int known = at(kReferrerPolicies, trim_ows(one)); known > 0) {
            last = known;
        }
    }
    return last;
}

// Of several fields of one name the one that browsers obey: for policies of referrers the last that
// they know. Of the others there should be one; they count as the strictest.
struct Obeyed {
    const http::Field* field = nullptr;
    int strictness = 0;
    std::size_t count = 0;
};

Obeyed obeyed_of(const http::Headers& headers, std::string_view name) {
    Obeyed out;
    for (const http::Field& field : headers) {
        if (!equal_ignore_case(field.name, name)) {
            continue;
        }
        const int strictness = strictness_of(name, field.value);
        if (out.field == nullptr ||
            (name == kReferrer ? strictness > 0 : strictness > out.strictness)) {
            out.field = &field;
            out.strictness = strictness;
        }
        ++out.count;
    }
    return out;
}

// What Strict-Transport-Security asks of browsers (RFC 6797, 6.1).
struct Hsts {
    std::uint64_t max_age = 0;
    bool subdomains = false;
    bool preload = false;
};

// Nothing: browsers would not obey it.
std::optional<Hsts> parse_hsts(std::string_view text) {
    Hsts out;
    bool timed = false;
    while (!text.empty()) {
        const std::string_view directive = trim_ows(text.substr(0, text.find(';')));
        text.remove_prefix(std::min(text.find(';'), text.size() - 1) + 1);
        const std::size_t equals = std::min(directive.find('='), directive.size());
        const std::string_view name = trim_ows(directive.substr(0, equals));
        if (equal_ignore_case(name, "max-age")) {
            std::string_view value =
                trim_ows(directive.substr(std::min(equals + 1, directive.size())));
            if (value.size() > 1 && value.starts_with('"') && value.ends_with('"')) {
                value = value.substr(1, value.size() - 2);
            }
            const auto seconds = parse_decimal(value);
            if (!seconds || std::exchange(timed, true)) {
                return std::nullopt;
            }
            out.max_age = *seconds;
        }
        out.subdomains = out.subdomains || equal_ignore_case(name, "includeSubDomains");
        out.preload = out.preload || equal_ignore_case(name, "preload");
    }
    return timed ? std::optional(out) : std::nullopt;
}

bool is_html(const http::Headers& headers) {
    return starts_with_ignore_case(headers.value(http::Known::content_type), "text/html");
}

}  // namespace

std::optional<Flaw> check_header_value(std::string_view value) {
    return std::ranges::all_of(value, is_text_char)
               ? std::nullopt
               : std::optional(Flaw{"has a control character", "write it in one line"});
}

std::optional<Flaw> check_frame_options(std::string_view value) {
    return value.empty() || value == "DENY" || value == "SAMEORIGIN"
               ? std::nullopt
               : std::optional(Flaw{"is " + config::quote(value), "use DENY or SAMEORIGIN"});
}

std::optional<Flaw> check_content_type_options(std::string_view value) {
    return value.empty() || value == "nosniff"
               ? std::nullopt
               : std::optional(Flaw{"is " + config::quote(value), "use nosniff"});
}

std::optional<Flaw> check_referrer_policy(std::string_view value) {
    return value.empty() || std::ranges::count(kReferrerPolicies, value) > 0
               ? std::nullopt
               : std::optional(Flaw{"is " + config::quote(value),
                                    "use no-referrer, same-origin, strict-origin or another of "
                                    "the known policies"});
}

bool keeps_hsts(std::string_view ours, http::Headers& headers) {
    const auto is_it = [](const http::Field& field) {
        return field.known == http::Known::other &&
               equal_ignore_case(field.name, "Strict-Transport-Security");
    };
    const http::Field* const given = std::ranges::find_if(headers, is_it);
    if (given == headers.end()) [[likely]] {
        return false;
    }
    const std::optional<Hsts> theirs = parse_hsts(given->value);
    const Hsts least = parse_hsts(ours).value_or(Hsts{});
    const bool stays = theirs && theirs->max_age >= least.max_age &&
                       (theirs->subdomains || !least.subdomains) &&
                       (theirs->preload || !least.preload);
    bool first = stays;
    headers.erase_if(
        [&](const http::Field& field) { return is_it(field) && !std::exchange(first, false); });
    return stays;
}

SecurityHeaders::SecurityHeaders(const SecurityHeaderOptions& o) {
    // Rows show what the text holds: it must not move.
    lines_->reserve(512 + o.content_type_options.size() + o.frame_options.size() +
                    o.referrer_policy.size() + o.content_security_policy.size() +
                    o.permissions_policy.size() + o.cross_origin_resource_policy.size() +
                    o.cross_origin_opener_policy.size());
    add_row("X-Content-Type-Options", o.content_type_options, Kind::ranked);
    add_row("X-Frame-Options", o.frame_options, Kind::ranked);
    add_row(kReferrer, o.referrer_policy, Kind::ranked);
    add_row("Permissions-Policy", o.permissions_policy, Kind::if_absent);
    add_row("Cross-Origin-Resource-Policy", o.cross_origin_resource_policy, Kind::if_absent);
    add_row("Cross-Origin-Opener-Policy", o.cross_origin_opener_policy, Kind::if_absent);
    // Last: where it is left out, the others are still one text.
    add_row("Content-Security-Policy", o.content_security_policy, Kind::both,
            o.content_security_policy_html_only);
}

void SecurityHeaders::add_row(std::string_view name, const std::string& value, Kind kind,
                              bool html_only) {
    if (value.empty()) {
        return;
    }
    std::string& lines = *lines_;
    const std::size_t begin = lines.size();
    lines.append(name).append(": ").append(value).append("\r\n");
    ensure(lines.size() <= lines.capacity(), "the text has not moved");
    const std::string_view line = std::string_view(lines).substr(begin);
    rows_.push_back({.field = {.name = line.substr(0, name.size()),
                               .value = line.substr(name.size() + 2, value.size()),
                               .known = http::Known::other,
                               .whole_line = true},
                     .kind = kind,
                     .strictness = strictness_of(name, value),
                     .html_only = html_only});
    some_html_only_ = some_html_only_ || html_only;
    name_sizes_ |= std::uint64_t{1} << name.size();
}

bool SecurityHeaders::may_be_given(const http::Headers& headers) const {
    return std::ranges::any_of(headers, [&](const http::Field& field) {
        return field.known == http::Known::other && field.name.size() < 64 &&
               (name_sizes_ >> field.name.size() & 1) != 0;
    });
}

bool SecurityHeaders::add_to(http::Headers& headers) const {
    const bool leaves_out = some_html_only_ && !is_html(headers);
    if (!may_be_given(headers)) [[likely]] {
        return std::ranges::all_of(rows_, [&](const Row& row) {
            return (row.html_only && leaves_out) || headers.add(row.field);
        });
    }
    return std::ranges::all_of(rows_, [&](const Row& row) {
        if (row.html_only && leaves_out) {
            return true;
        }
        const auto same = [&](const http::Field& field) {
            return equal_ignore_case(field.name, row.field.name);
        };
        if (row.kind == Kind::if_absent) {
            return std::ranges::any_of(headers, same) || headers.add(row.field);
        }
        if (row.kind == Kind::ranked) {
            const Obeyed given = obeyed_of(headers, row.field.name);
            const bool stays = given.field != nullptr && given.strictness >= row.strictness;
            if (given.count > (stays ? 1U : 0U)) {
                headers.erase_if([&](const http::Field& field) {
                    return same(field) && !(stays && &field == given.field);
                });
            }
            if (stays) {
                return true;
            }
        }
        return headers.add(row.field);
    });
}

}  // namespace gw::gateway
