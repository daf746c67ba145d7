#include "gateway/cache_work.hpp"

#include <algorithm>
#include <utility>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "gateway/event_stream.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/held_claim.hpp"
#include "gateway/shard.hpp"
#include "gateway/unseen_variance.hpp"
#include "identity/identity.hpp"
#include "net/tls_session.hpp"

namespace gw::gateway {
namespace {

using http::Field;
using http::Headers;
using http::Known;
using http::Method;

constexpr std::string_view kHit = "hit";
constexpr std::string_view kSeparator = "\n";  // in no URI and in no field's value
constexpr std::string_view kHoldings = "\n ";  // no user's name begins with a space

std::string_view lower_copy(Arena& arena, std::string_view text) {
    char* const at = arena.take(text.size());
    std::ranges::transform(text, at, lower);
    return {at, text.size()};
}

std::string_view scheme_of(const Exchange& x) {
    const bool secure =
        x.stream.secure() ||
        (x.peer_trusted && x.head().headers.value(Known::x_forwarded_proto) == "https");
    return secure ? "https" : "http";
}

// Parameters as careful and careless services read them: who writes a name in another way must not
// plant his answer under its absence.

std::string_view next_parameter(std::string_view& left) {
    const std::string_view one = left.substr(0, left.find('&'));
    left.remove_prefix(std::min(one.size() + 1, left.size()));
    return one;
}

std::string decoded_name(std::string_view parameter) {
    std::string name(parameter.substr(0, parameter.find('=')));
    std::ranges::replace(name, '+', ' ');
    return percent_decode_leniently(name);
}

// Some leave spaces out, end a name at a NUL, decode it twice, or make a bracket that is never
// closed part of it.
bool is_read_alike(std::string_view name) {
    return std::ranges::none_of(
               name, [](char c) { return (c >= '\0' && c <= ' ') || c == '\x7F' || c == '%'; }) &&
           (name.find('[') == std::string_view::npos || name.find(']') != std::string_view::npos);
}

bool is_read_alike_by_all(std::string_view query) {
    if (query.find(';') != std::string_view::npos) {
        return false;
    }
    for (std::string_view left = query; !left.empty();) {
        if (!is_read_alike(decoded_name(next_parameter(left)))) {
            return false;
        }
    }
    return true;
}

// Whatever its case, with a dot for the `_` that some make of it, and without the brackets that
// make it one of a list.
bool same_parameter(std::string_view a, std::string_view b) {
    const auto folded = [](char c) { return c == '.' ? '_' : lower(c); };
    return std::ranges::equal(a.substr(0, a.find('[')), b.substr(0, b.find('[')), {}, folded,
                              folded);
}

// Those that the route names, in its order. All, where it is not clear what is which.
std::string_view chosen(Arena& arena, std::string_view query,
                        const std::vector<std::string>& names) {
    if (!is_read_alike_by_all(query)) {
        return query;
    }
    std::string kept;
    for (const std::string& name : names) {
        for (std::string_view left = query; !left.empty();) {
            const std::string_view one = next_parameter(left);
            if (same_parameter(decoded_name(one), name)) {
                kept.append("&").append(one);
            }
        }
    }
    return arena.copy(kept);
}

void append_to_list(std::string& list, std::string_view value) {
    list.append(list.empty() ? "" : ",").append(value);
}

// Between services and us.
bool is_for_us(const Field& field) {
    return field.known == Known::other && (equal_ignore_case(field.name, "cache-tag") ||
                                           equal_ignore_case(field.name, "surrogate-control"));
}

bool has_credentials(const Exchange& x) {
    const Headers& headers = x.head().headers;
    return headers.has(Known::authorization) || headers.has(Known::x_api_key);
}

// Not so of other refusals: each may be of what that client has sent.
bool is_of_the_resource(int status) {
    return status < 400 || status == 403 || status == 404 || status == 410 || status == 451;
}

}  // namespace

CacheWork::~CacheWork() {
    if (fill_ != 0) {
        cache_.end(key(), fill_, false, now_);
    }
    if (!body_.empty()) {
        cache_.give_room(body_.size());
    }
    let_others_fetch();
}

void CacheWork::let_others_fetch() {
    if (std::exchange(fetches_for_all_, false)) {
        shared_->release(shared_place());
    }
}

// Ends the filling.
bool CacheWork::keep(StoredPtr answer, const StoredPtr& replaced) {
    const bool kept = cache_.store(key(), std::exchange(fill_, 0), answer, replaced);
    if (kept && shares()) {
        fetches_for_all_ = false;
        shared_->keep(shared_place(), std::move(answer), began_);
    }
    let_others_fetch();
    return kept;
}

std::string CacheWork::take_collected() {
    cache_.give_room(body_.size());
    return std::exchange(body_, {});
}

void CacheWork::take_out_stored() {
    cache_.take_out(key(), stored_);
    if (shares()) {
        shared_->take_out(shared_place(), stored_);
    }
}

void CacheWork::forget(std::string_view uri) {
    cache_.forget(uri);
    if (shared_ != nullptr) {
        shared_->forget(std::string(site_), std::string(uri));
    }
}

bool CacheWork::asks_shared(const Exchange& x) const {
    return shares() && fill_ != 0 && !passes_ && !request_.no_cache &&
           shared_->open(x.shard.loop().now());
}

bool CacheWork::adopt(Exchange& x, std::shared_ptr<StoredAnswer> answer) {
    const std::string_view tenant = x.identity != nullptr ? x.identity->tenant : std::string_view{};
    if (answer->tenant != tenant || answer->path != x.path || !answer->fits(x.head().headers)) {
        return false;
    }
    return cache_.store(key(), std::exchange(fill_, 0), std::move(answer), stored_);
}

std::string_view CacheWork::uri_of(Exchange& x, std::size_t service, const CacheOptions& options,
                                   std::string_view path, std::string_view query) const {
    Arena& arena = x.memory.arena;
    return arena.join(x.generation.site->services[service].name, kSeparator, scheme_, kSeparator,
                      host_, kSeparator, path, kSeparator,
                      options.query.empty() ? query : chosen(arena, query, options.query));
}

void CacheWork::let_go(Exchange& x) {
    if (fill_ != 0) {
        give_up(x, false);
    }
}

bool CacheWork::begin(Exchange& x) {
    const http::RequestHead& head = x.head();
    reads_ = head.method == Method::get || head.method == Method::head;
    if (reads_ && (head.framing != http::Framing::none || head.headers.has(Known::upgrade))) {
        return false;
    }
    if (head.method == Method::options || head.method == Method::trace ||
        head.method == Method::connect) {
        return false;
    }
    site_ = x.generation.site->answers_hash;
    host_ = lower_copy(x.memory.arena, head.authority);
    scheme_ = scheme_of(x);
    uri_ = uri_of(x, x.service_index, options_, x.path, x.query());
    if (x.identity != nullptr) {
        // A role sees what another may not, whoever asks; so do the venues and permissions that a
        // token gives beside it.
        const identity::Identity& caller = *x.identity;
        const std::string_view mark = caller.holdings.empty() ? std::string_view{} : kHoldings;
        who_ = options_.share == Share::user
                   ? x.memory.arena.join(caller.tenant, kSeparator, caller.role, mark,
                                         caller.holdings, kSeparator, caller.subject)
                   : x.memory.arena.join(caller.tenant, kSeparator, caller.role, mark,
                                         caller.holdings);
    }
    // What a service shows to whoever has a certificate is kept for that one.
    if (x.generation.site->client_certificates) [[unlikely]] {
        if (const net::TlsPeer* const peer = x.stream.client_certificate()) {
            who_ = x.memory.arena.join(who_, kSeparator, peer->fingerprint);
        }
    }
    if (reads_) {
        request_ = http::cache_control_of_request(head.headers);
        const Field* const range = head.headers.find(Known::range);
        range_ = range != nullptr && head.method == Method::get ? range->value : "";
        plain_ = range == nullptr && !http::is_for_the_origin(head.headers);
    } else {
        status_ = "fwd=method";
    }
    return true;
}

CacheWork::Found CacheWork::look_up(Exchange& x) {
    now_ = x.shard.loop().now();
    if (!reads_) {
        return Found::nothing;
    }
    asks_ = false;
    stored_ = plain_ ? cache_.find(key(), x.head().headers) : nullptr;
    status_ = plain_ ? "fwd=miss" : "fwd=bypass";
    if (!range_.empty() && look_for_part(x)) {
        return Found::serve;
    }
    if (stored_ != nullptr) {
        const http::Reuse reuse = http::reuse_of(stored_->freshness, stored_->age(now_), request_);
        if (reuse != http::Reuse::validate) {
            serves_ = true;
            status_ = kHit;
            return reuse == http::Reuse::fresh ? Found::serve : Found::serve_and_refresh;
        }
        const http::Freshness& kept = stored_->freshness;
        status_ = !kept.always_validate && stored_->age(now_) < kept.lifetime ? "fwd=request"
                                                                              : "fwd=stale";
        asks_ = x.head().method == Method::get;
    }
    return request_.only_if_cached ? Found::refused : Found::nothing;
}

// A part is given of what is kept whole and fresh; else the origin is asked for it.
bool CacheWork::look_for_part(Exchange& x) {
    if (http::is_for_the_origin(x.head().headers)) {
        return false;
    }
    StoredPtr whole = cache_.find(key(), x.head().headers);
    if (whole == nullptr || whole->status != 200 ||
        http::reuse_of(whole->freshness, whole->age(now_), request_) != http::Reuse::fresh) {
        return false;
    }
    part_ = http::single_range(range_, whole->body->size());
    if (!part_) {
        return false;
    }
    stored_ = std::move(whole);
    serves_ = true;
    status_ = kHit;
    return true;
}

CacheWork::Role CacheWork::take_role(Exchange& x, const std::shared_ptr<FillWait>& wait) {
    began_ = now_;
    if (!reads_ || !plain_ || x.head().method != Method::get || request_.no_store) {
        return Role::passes;
    }
    // Who waits for another has to have some time left for the service.
    const AnswerCache::Lead lead =
        cache_.lead(key(), x.generation.site->generation, now_, request_.no_cache ? nullptr : wait,
                    std::min(AnswerCache::kOverdue, x.route->timeout * 3 / 4));
    fill_ = lead.fill;
    passes_ = lead.passes;
    overdue_ = lead.overdue;
    if (fill_ != 0) {
        return Role::fills;
    }
    // Who wants it from the service itself is not served by a question asked before.
    return lead.passes || request_.no_cache ? Role::passes : Role::waits;
}

bool CacheWork::take_over(Exchange& from, Exchange& x) {
    const CacheWork& other = *from.cache;
    Arena& arena = x.memory.arena;
    host_ = arena.copy(other.host_);
    scheme_ = other.scheme_;
    site_ = x.generation.site->answers_hash;
    uri_ = arena.copy(other.uri_);
    who_ = arena.copy(other.who_);
    reads_ = true;
    asks_ = true;
    stored_ = other.stored_;
    now_ = x.shard.loop().now();
    began_ = now_;
    // One is enough for all who are given the old one meanwhile, however slow the service is.
    fill_ = cache_
                .lead(key(), x.generation.site->generation, now_, nullptr,
                      std::max(AnswerCache::kOverdue, from.route->timeout))
                .fill;
    return fill_ != 0;
}

void CacheWork::amend_request(Headers& out) const {
    if (reads_) {
        out.erase_if([](const Field& field) {
            return field.known == Known::other &&
                   equal_ignore_case(field.name, "surrogate-capability");
        });
        [[maybe_unused]] const bool told =
            out.add("Surrogate-Capability", "api-gateway=\"Surrogate/1.0\"");
    }
    // What will not be kept need not come whole.
    if (!judges_conditions()) {
        return;
    }
    out.erase_if(http::is_condition);
    if (!asks_whether_it_holds()) {
        return;
    }
    const http::Validators kept = stored_->validators();
    // Without room the answer comes whole.
    [[maybe_unused]] const bool added =
        (kept.etag.empty() || out.add("If-None-Match", kept.etag)) &&
        (kept.last_modified.empty() || out.add("If-Modified-Since", kept.last_modified));
}

http::Asked CacheWork::asked(const Exchange& x) const {
    return {.method = Method::get,
            .credentials = has_credentials(x),
            .known_caller = x.identity != nullptr,
            .cookies = x.head().headers.has(Known::cookie),
            .no_store = request_.no_store};
}

// What is kept of a head; the body comes later.
std::shared_ptr<StoredAnswer> CacheWork::record(Exchange& x, const http::ResponseHead& head,
                                                const http::Asked& asked) const {
    // Beside our own fields it has to fit a message, and its head a buffer.
    constexpr std::size_t kFieldsKept = Headers::kFieldsMax - 40;
    constexpr std::size_t kHeadBytesKept = 8'192;
    // A recording of events is no stream of them, and who waits for its end waits for long.
    if (head.headers.size() > kFieldsKept || is_event_stream(head.headers)) {
        return nullptr;
    }
    http::CacheRules rules = options_.rules();
    // Those whom nobody knows share a place: what is one's own among them is not kept.
    rules.of_one = rules.of_one && x.identity != nullptr;
    const auto freshness = http::freshness_of(asked, head, rules, x.shard.loop().now() - began_,
                                              x.shard.loop().clock().wall);
    if (!freshness || varies_by_ours(x, head.headers, options_.share)) {
        return nullptr;
    }
    auto answer = std::make_shared<StoredAnswer>();
    answer->status = head.status;
    answer->freshness = *freshness;
    answer->came = x.shard.loop().now();
    answer->select_by(head.headers, x.head().headers);
    answer->path = x.path;
    if (x.identity != nullptr) {
        answer->tenant = x.identity->tenant;
    }
    for (const Field& field : head.headers) {
        if (equal_ignore_case(field.name, "cache-tag")) {
            append_to_list(answer->tags, field.value);
        } else if (equal_ignore_case(field.name, "surrogate-control")) {
            append_to_list(answer->surrogate, field.value);
        } else if (field.known != Known::content_length && !equal_ignore_case(field.name, "age")) {
            answer->add(field.name, field.value, field.known);
        }
    }
    if (!head.headers.has(Known::date)) {
        answer->add("Date", x.shard.date(), Known::date);
    }
    return answer->lines.size() <= kHeadBytesKept ? answer : nullptr;
}

bool CacheWork::is_for_others(Exchange& x, const http::ResponseHead& head) const {
    const bool known = x.identity != nullptr;  // then all who share the place are
    return record(x, head, {.credentials = known, .known_caller = known}) != nullptr;
}

// RFC 9111, 4.3.3. A 304 to the client's own condition is none, and a failure says nothing of what
// is there.
void CacheWork::displace_stored(Exchange& x, const http::ResponseHead& head, bool never_fits) {
    if (stored_ != nullptr && plain_ && x.head().method == Method::get && head.status != 304 &&
        is_final(head.status) && is_of_the_resource(head.status) &&
        (never_fits || !is_for_others(x, head))) {
        take_out_stored();
    }
}

std::uint64_t CacheWork::body_max(const StoredAnswer& answer) const {
    const std::uint64_t beside = answer.bytes() + uri_.size() + who_.size();
    const std::uint64_t most = cache_.answer_max();
    return std::min(options_.body_bytes_max, most - std::min(most, beside));
}

void CacheWork::take_head(Exchange& x, http::ResponseHead& out) {
    if (!reads_) {
        outdate(x, out);
    }
    const bool judges = has_all_ && judges_conditions() && !x.behind && !x.part;
    unchanged_ = false;
    if (fill_ != 0) {
        filling_ = record(x, out, asked(x));
        body_max_ = filling_ != nullptr ? body_max(*filling_) : 0;
        keeps_ = filling_ != nullptr &&
                 (out.framing == http::Framing::chunked || out.framing == http::Framing::none ||
                  (out.framing == http::Framing::length && out.content_length <= body_max_));
        kept_ = keeps_;
        if (!keeps_) {
            displace_stored(x, out, filling_ != nullptr);
            // A failure, or an answer to the client's own condition, says nothing of the next one.
            give_up(x, out.status < 500 && out.status != 304);
        }
    } else if (reads_) {
        displace_stored(x, out, false);
    }
    out.headers.erase_if(is_for_us);
    if (keeps_ && judges && out.status == 200 &&
        http::not_modified(x.head().headers, filling_->validators(), x.shard.loop().clock().wall)) {
        unchanged_ = true;
        detail_ = "; fwd-status=200";
        leave_out_body(out);
    }
}

void CacheWork::give_up(Exchange& x, bool not_kept) {
    cache_.end(key(), fill_, not_kept, x.shard.loop().now());
    fill_ = 0;
    let_others_fetch();
    keeps_ = false;
    filling_.reset();
    [[maybe_unused]] const std::string freed = take_collected();
}

void CacheWork::take_body(Exchange& x, const http::BodyPart& part) {
    if (!keeps_) {
        return;
    }
    if (body_.size() + part.bytes.size() > body_max_ || !cache_.take_room(part.bytes.size())) {
        if (stored_ != nullptr) {
            take_out_stored();
        }
        give_up(x, true);
        return;
    }
    body_ += part.bytes;
    if (part.last) {
        keeps_ = false;
        filling_->body = std::make_shared<const std::string>(take_collected());
        kept_ = keep(std::move(filling_), stored_);
    }
}

std::string_view CacheWork::status(Exchange& x) const {
    if (status_ == kHit) {
        return "api-gateway; hit";
    }
    return x.memory.arena.join("api-gateway; ", status_, detail_, kept_ ? "; stored" : "");
}

}  // namespace gw::gateway
