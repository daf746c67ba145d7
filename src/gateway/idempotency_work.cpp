#include "gateway/idempotency_work.hpp"

#include <algorithm>
#include <array>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/held_claim.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/shard.hpp"
#include "identity/identity.hpp"
#include "net/tls_session.hpp"
#include "security/request_signature.hpp"

namespace gw::gateway {
namespace {

// One behind the other, each with its end; "" where there is none.
std::string lines_of(const http::Headers& headers, std::initializer_list<http::Known> names) {
    std::string lines;
    for (const http::Field& field : headers) {
        if (std::ranges::find(names, field.known) != names.end()) {
            lines.append(field.name).append(":").append(field.value).append("\n");
        }
    }
    return lines;
}

}  // namespace

IdempotencyWork::IdempotencyWork(Exchange& x, IdempotencyStore& store,
                                 const IdempotencyOptions& options)
    : store_(store),
      options_(options),
      claimed_until_(x.shard.loop().now() + claim_time(x.route->timeout)) {
    const http::RequestHead& head = x.head();
    const std::string_view tenant = x.identity ? x.identity->tenant : std::string_view{};
    // Where nobody says who calls, one address does not meet another's keys.
    std::string_view caller = x.identity ? x.identity->subject : x.client_text;
    if (x.generation.site->client_certificates) [[unlikely]] {
        if (const net::TlsPeer* const peer = x.stream.client_certificate()) {
            caller = x.memory.arena.join(caller, " ", peer->fingerprint);
        }
    }
    // What we cannot verify may still tell the service who calls. Cookies also change by
    // themselves: another one makes it another request, which is refused, and never a first one.
    std::string cookies;
    if (x.identity == nullptr) {
        const std::string shown =
            lines_of(head.headers, {http::Known::authorization, http::Known::x_api_key});
        caller = shown.empty() ? caller : x.memory.arena.join(caller, " ", shown);
        cookies = lines_of(head.headers, {http::Known::cookie});
    }
    place_ = {
        .key = "idempotency:" +
               security::digest_of({x.identity ? "user" : "address", tenant, caller, x.route->name,
                                    head.headers.value(http::Known::idempotency_key)}),
        .tenant = std::string(tenant)};
    const std::string_view type = head.headers.value(http::Known::content_type);
    const std::string_view body = x.held ? x.held->bytes : std::string_view{};
    request_ =
        cookies.empty()
            ? security::digest_of({head.method_text, x.path, x.query(), type, body})
            : security::digest_of({head.method_text, x.path, x.query(), type, body, cookies});
    std::array<char, 16> nonce;
    x.shard.random().hex(nonce.data(), nonce.size() / 2);
    claim_ = write_running(request_, {nonce.data(), nonce.size()});
}

IdempotencyWork::~IdempotencyWork() {
    if (mine_) {
        store_.release(std::move(place_), std::move(claim_));
    }
}

Verdict IdempotencyWork::claimed(Exchange& x, const IdempotencyStore::Claimed& found) {
    using Is = IdempotencyRecord::Is;
    if (found.mine) {
        mine_ = true;
        return go_on();
    }
    std::optional<IdempotencyRecord> record = read_idempotency(found.value);
    if (!record) {
        return refuse(Code::conflict, "what is known of this Idempotency-Key cannot be read");
    }
    if (record->request != request_) {
        return refuse(Code::validation_failed,
                      "this Idempotency-Key came with another request before");
    }
    switch (record->is) {
        case Is::running:
            x.retry_after_s = 1;
            return refuse(Code::conflict, "a request with this Idempotency-Key is being served");
        case Is::too_large:
            return refuse(Code::conflict, "this Idempotency-Key was used; its answer is not kept");
        case Is::withheld:
            return refuse(Code::not_found, "there is no such resource");
        case Is::answered:
            break;
    }
    replay_ = std::move(record->answer);
    return answer();
}

void IdempotencyWork::take_head(const Exchange& x, const http::ResponseHead& head) {
    // Beside our own fields it has to fit a message.
    constexpr std::size_t kFieldsKept = http::Headers::kFieldsMax - 40;
    if (!mine_ || !is_final(head.status)) {
        return;
    }
    if (head.headers.size() >= kFieldsKept || (head.framing == http::Framing::length &&
                                               head.content_length > options_.answer_bytes_max)) {
        settle(write_too_large(request_));
        return;
    }
    takes_ = true;
    answer_.status = head.status;
    for (const http::Field& field : head.headers) {
        if (field.known != http::Known::content_length &&
            !equal_ignore_case(field.name, x.version_field)) {
            answer_.add(field.name, field.value, field.known);
        }
    }
    if (!x.version_field.empty()) {
        answer_.add(x.version_field, answering_version(x), http::Known::other);
    }
}

void IdempotencyWork::withheld(int status) {
    if (mine_ && is_final(status)) {
        settle(write_withheld(request_));
    }
}

void IdempotencyWork::take_body(const http::BodyPart& part) {
    if (!takes_) {
        return;
    }
    if (body_.size() + part.bytes.size() > options_.answer_bytes_max) {
        settle(write_too_large(request_));
        return;
    }
    body_ += part.bytes;
    if (part.last) {
        answer_.body = std::make_shared<const std::string>(std::move(body_));
        settle(write_answered(request_, answer_));
    }
}

void IdempotencyWork::renew(Instant now, Millis service) {
    const Instant until = now + claim_time(service);
    if (mine_ && until - claimed_until_ >= kRenewalMin) {
        claimed_until_ = until;
        store_.renew(place_, claim_, claim_time(service));
    }
}

void IdempotencyWork::settle(std::string value) {
    mine_ = takes_ = false;
    body_ = {};
    store_.keep(std::move(place_), std::move(claim_), std::move(value),
                std::chrono::seconds(options_.ttl_s));
}

Verdict prepare_replay(Exchange& x) {
    const StoredAnswer& stored = *x.idempotency->replays();
    http::ResponseHead& head = x.memory.response;
    head.headers.clear();
    head.status = stored.status;
    head.reason = http::reason_phrase(head.status);
    const bool bodyless = stored.status == 204 || stored.status == 304;
    head.framing = bodyless ? http::Framing::none : http::Framing::length;
    head.content_length = bodyless ? 0 : stored.body->size();
    ensure(stored.copy_to(head.headers), "what was kept has room");
    x.own.body = bodyless ? std::string_view{} : std::string_view(*stored.body);
    // Those who look at answers see this one as if it had come just now.
    if (const Verdict verdict = judge(x, head); !verdict.goes_on()) {
        return verdict;
    }
    if (!change_answer(x, head)) {
        return refuse(Code::bad_gateway, kind_detail(Code::bad_gateway));
    }
    ensure(head.headers.add("Idempotent-Replayed", "true"), "room was kept for our own fields");
    add_own_fields(x, head);
    x.outcome.status = head.status;
    on_response(x);
    return go_on();
}

}  // namespace gw::gateway
