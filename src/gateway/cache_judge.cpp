// What a service's answer means for what is kept.
#include <algorithm>
#include <charconv>

#include "base/text.hpp"
#include "gateway/cache_work.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/held_claim.hpp"
#include "gateway/resource_tenant.hpp"
#include "gateway/shard.hpp"
#include "http/uri.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

using http::Field;
using http::Headers;
using http::Known;
using http::Method;

// Another resource of the same origin that an answer names, as a path and perhaps a query; "" if it
// names none (RFC 9111, 4.4). base: the path that was asked for, which it may be relative to (RFC
// 3986, 5.2).
std::string target_named(std::string_view location, std::string_view scheme, std::string_view host,
                         std::string_view base) {
    if (const std::size_t mark = location.find("://"); mark != std::string_view::npos) {
        if (!equal_ignore_case(location.substr(0, mark), scheme)) {
            return {};
        }
        location.remove_prefix(mark + 3);
        const std::size_t slash = std::min(location.find('/'), location.size());
        if (!equal_ignore_case(location.substr(0, slash), host)) {
            return {};
        }
        location.remove_prefix(slash);
    }
    location = location.substr(0, location.find('#'));
    const std::size_t mark = std::min(location.find('?'), location.size());
    std::string path(location.substr(0, mark));
    // "//other/…" and "mailto:…" are elsewhere.
    if (path.starts_with("//") || path.find(':') < path.find('/')) {
        return {};
    }
    if (path.empty()) {
        path = base;
    } else if (path.front() != '/') {
        path.insert(0, base.substr(0, base.rfind('/') + 1));
    }
    std::string normal;
    http::PathRefusal refusal;
    switch (http::normalise_path(path, normal, refusal)) {
        case http::PathOutcome::refused:
            return {};
        case http::PathOutcome::rewritten:
            path = normal;
            break;
        case http::PathOutcome::unchanged:
            break;
    }
    return path.append(location.substr(mark));
}

}  // namespace

// A write that succeeded: what is kept under its URI, and under those that the answer names, may
// not be true any more (RFC 9111, 4.4).
void CacheWork::outdate(Exchange& x, const http::ResponseHead& head) {
    if (head.status < 200 || head.status >= 400) {
        return;
    }
    outdate_target(x, x.path, x.query());
    for (const std::string_view name : {"location", "content-location"}) {
        const Field* const field = http::find_field(head.headers, name);
        const std::string_view target =
            field != nullptr
                ? x.memory.arena.copy(target_named(field->value, scheme_, host_, x.path))
                : std::string_view{};
        if (!target.empty()) {
            const std::size_t mark = std::min(target.find('?'), target.size());
            outdate_target(x, target.substr(0, mark),
                           target.substr(std::min(mark + 1, target.size())));
        }
    }
}

// What is kept there may be of another service: that of the route that reads it, or a version of
// it.
void CacheWork::outdate_target(Exchange& x, std::string_view path, std::string_view query) {
    forget(uri_of(x, x.service_index, options_, path, query));
    const Route* const reads = x.generation.site->routes.find(path, host_, Method::get).route;
    const CacheOptions* const keeps = reads != nullptr ? cache_of(reads->options) : nullptr;
    if (keeps == nullptr) {
        return;
    }
    const auto outdate_of = [&](std::size_t service) {
        if (service != kNoService && (service != x.service_index || keeps != &options_)) {
            forget(uri_of(x, service, *keeps, path, query));
        }
    };
    outdate_of(reads->service_index);
    std::ranges::for_each(reads->canaries, outdate_of);
}

// RFC 9111, 3.2: what a 304 says takes the place of what was kept under the same names.
void CacheWork::freshen(Exchange& x, const http::ResponseHead& head) {
    http::ResponseHead merged;
    merged.status = stored_->status;
    const auto describes_body = [](const Field& field) {
        return field.known == Known::content_length || field.known == Known::content_encoding ||
               equal_ignore_case(field.name, "content-range") ||
               equal_ignore_case(field.name, "content-md5") ||
               equal_ignore_case(field.name, "etag");
    };
    const auto listed = http::ConnectionNames::of(head.headers);
    const auto renews = [&](const Field& field) {
        return goes_to_client(listed, field) && !describes_body(field);
    };
    Headers kept;
    [[maybe_unused]] bool room = stored_->copy_to(kept);
    for (const Field& field : kept) {
        // An answer without a Date is of the time when it came (RFC 9110, 6.6.1), whatever it
        // renews.
        const bool renewed = field.known == Known::date ||
                             std::ranges::any_of(head.headers, [&](const Field& other) {
                                 return equal_ignore_case(other.name, field.name) && renews(other);
                             });
        room = room && (renewed || merged.headers.add(field));
    }
    for (const Field& field : head.headers) {
        room = room && (!renews(field) || merged.headers.add(as_for_client(x, field)));
    }
    if (http::find_field(head.headers, "surrogate-control") == nullptr &&
        !stored_->surrogate.empty()) {
        room = room && merged.headers.add("Surrogate-Control", stored_->surrogate);
    }
    if (!room) {
        return;
    }
    std::shared_ptr<StoredAnswer> answer = record(x, merged, asked(x));
    if (answer == nullptr) {
        if (!is_for_others(x, merged)) {
            take_out_stored();
        }
        return;
    }
    answer->tags = answer->tags.empty() ? stored_->tags : answer->tags;
    answer->body = stored_->body;
    const StoredPtr old = std::exchange(stored_, answer);
    if (fill_ == 0) {
        fill_ =
            cache_.lead(key(), x.generation.site->generation, x.shard.loop().now(), nullptr).fill;
    }
    if (fill_ != 0) {
        kept_ = keep(std::move(answer), old);
    }
}

// RFC 9111, 4.3.5: the same answer, as far as one can tell, is fresh again; instead of another one
// it is not given any more. Only 200 says what a GET would be given.
void CacheWork::freshen_by_head(Exchange& x, const http::ResponseHead& head) {
    if (head.status != 200) {
        return;
    }
    const http::Validators kept = stored_->validators();
    const auto differs = [&](std::string_view name, std::string_view value) {
        const Field* const field = http::find_field(head.headers, name);
        return field != nullptr && field->value != value;
    };
    char digits[20];
    const std::string_view length(
        digits,
        static_cast<std::size_t>(
            std::to_chars(digits, digits + sizeof digits, stored_->body->size()).ptr - digits));
    if (head.status != stored_->status || differs("etag", kept.etag) ||
        differs("last-modified", kept.last_modified) || differs("content-length", length)) {
        take_out_stored();
        return;
    }
    freshen(x, head);
}

bool CacheWork::judge(Exchange& x, const http::ResponseHead& head) {
    met_failure_ = head.status >= 500;
    if (serves_) {
        return false;
    }
    if (!reads_) {
        return false;
    }
    if (stored_ == nullptr) {
        return false;
    }
    if (!other_tenant_named(x, head.headers).empty()) {
        // The stage that keeps tenants apart has its say, and what is kept is not the caller's now.
        if (is_final(head.status)) {
            take_out_stored();
        }
        return false;
    }
    if (x.head().method == Method::head) {
        freshen_by_head(x, head);
        return false;
    }
    if (head.status == 304 && asks_whether_it_holds()) {
        x.generation.service_series[x.service_index]->answered(
            304, x.shard.loop().now() - *x.upstream_began);
        freshen(x, head);
        serves_ = true;
        detail_ = "; fwd-status=304";
        return true;
    }
    return head.status >= 500 && rescue(x);
}

bool CacheWork::rescue(Exchange& x) {
    now_ = x.shard.loop().now();
    if (stored_ == nullptr || serves_ || request_.no_cache ||
        !http::good_on_error(stored_->freshness, stored_->age(now_))) {
        return false;
    }
    serves_ = true;
    detail_ = "; detail=stale-if-error";
    kept_ = false;
    return true;
}

}  // namespace gw::gateway
