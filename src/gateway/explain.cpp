#include "gateway/explain.hpp"

#include <algorithm>

#include "gateway/aggregate_options.hpp"
#include "gateway/arrival.hpp"
#include "gateway/cache_options.hpp"
#include "gateway/forwarded_head.hpp"
#include "gateway/idempotency_options.hpp"
#include "gateway/mirror_options.hpp"
#include "gateway/rate_limit_options.hpp"
#include "gateway/service_maintenance.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {
namespace {

using Is = StageFinding::Is;

// A request that nobody has sent.
class SupposedStream final : public http::Stream {
  public:
    SupposedStream(const ExplainRequest& request, const http::H1Limits& limits, Instant now)
        : peer_{request.peer, 0}, secure_(request.secure), began_(now) {
        const http::H1Parse parse = http::parse_request(request.text, limits, head_);
        if (parse.state == http::H1Parse::State::refused) {
            refusal_ = parse.refusal;
        } else if (parse.state == http::H1Parse::State::incomplete) {
            refusal_ = http::H1Refusal{400, "it is no whole request"};
        }
    }

    [[nodiscard]] const http::RequestHead& head() const override { return head_; }
    [[nodiscard]] const http::H1Refusal* defect() const override {
        return refusal_ ? &*refusal_ : nullptr;
    }
    [[nodiscard]] const net::Address& peer() const override { return peer_; }
    [[nodiscard]] http::Protocol protocol() const override { return http::Protocol::http11; }
    [[nodiscard]] bool secure() const override { return secure_; }
    [[nodiscard]] Instant began() const override { return began_; }
    http::BodyPart body_at_hand() override { return {{}, true}; }
    net::Task<Result<http::BodyPart>> read_body() override { co_return http::BodyPart{{}, true}; }
    void limit_body(std::uint64_t) override {}
    [[nodiscard]] const http::Headers* trailers() const override { return nullptr; }
    net::Task<Result<void>> send(http::ResponseHead&, std::string_view, bool,
                                 const http::Headers*) override {
        co_return Result<void>{};
    }
    net::Task<Result<void>> send_body(std::string_view, bool, const http::Headers*) override {
        co_return Result<void>{};
    }
    net::Task<Result<void>> send_interim(http::ResponseHead&) override { co_return Result<void>{}; }
    void cut() override {}
    void abort() override {}
    void close_after() override {}
    void cancel_read() override {}
    void watch_peer(net::Stream::Watcher*) override {}
    [[nodiscard]] bool responded() const override { return false; }
    [[nodiscard]] std::uint64_t bytes_in() const override { return 0; }
    [[nodiscard]] std::uint64_t bytes_out() const override { return 0; }

  private:
    http::RequestHead head_;
    std::optional<http::H1Refusal> refusal_;
    net::Address peer_;
    bool secure_;
    Instant began_;
};

StageFinding refusal(std::string_view stage, Code code, std::string_view why) {
    const RefusalKind& kind = kind_of(code);
    return {std::string(stage), Is::refuses, kind.status, std::string(kind.code), std::string(why)};
}

std::string ban_text(std::string_view whom, const state::BanView& ban) {
    std::string text = std::string(whom) + " is banned";
    if (!ban.reason.empty()) {
        text += ": " + std::string(ban.reason);
    }
    return text;
}

// What a stage's own words leave out: clients must not learn it, operators ask for it.
std::string more_of(const Exchange& x, std::string_view stage,
                    const observe::MetricBlock& counted) {
    const state::Known& known = x.shard.access().known();
    const WallTime now = x.shard.loop().clock().wall;
    if (stage == "banned") {
        const auto ban = known.bans.by_address(x.client, now);
        return ban ? ban_text("the address " + std::string(x.client_text), *ban) : "";
    }
    if (stage == "authenticate") {
        for (std::size_t i = 0; i < observe::kTokenErrors.size(); ++i) {
            if (counted.token_errors[i].value() > 0) {
                return "cause: " + std::string(observe::kTokenErrors[i]);
            }
        }
        if (x.identity != nullptr) {
            if (const auto user = known.bans.by_user(x.identity->subject, now)) {
                return ban_text("the user " + x.identity->subject, *user);
            }
            if (const auto tenant = known.bans.by_tenant(x.identity->tenant, now)) {
                return ban_text("the tenant " + x.identity->tenant, *tenant);
            }
        }
    }
    if (stage == "authorize" && x.identity != nullptr) {
        std::string held;
        for (const std::string& permission : x.identity->permissions) {
            held += (held.empty() ? "" : " ") + permission;
        }
        return "the caller has role " + (x.identity->role.empty() ? "none" : x.identity->role) +
               ", permissions " + (held.empty() ? "none" : held);
    }
    return "";
}

std::string with(std::string text, const std::string& more) {
    return more.empty() ? text : text.empty() ? more : text + " (" + more + ")";
}

// Of a stage that goes on, where that is of interest.
std::string passed_by(const Exchange& x, std::string_view stage) {
    if (stage == "route") {
        return "route " + x.route->name + ", " + x.route->path;
    }
    if (stage == "authenticate") {
        return x.identity == nullptr
                   ? "the path is public, and nobody is known"
                   : "user " + x.identity->subject + " of tenant " + x.identity->tenant;
    }
    return "";
}

// Whoever is asked for a part may fail, or not be asked at all, so that no status can be told.
StageFinding put_together(std::string_view stage, const AggregateOptions& options) {
    StageFinding found{std::string(stage), Is::answers, 0, "", ""};
    for (const AggregateOptions::Part& part : options.list) {
        found.why += (found.why.empty() ? "put together of " : ", ") + part.name + " from " +
                     part.options.service;
    }
    return found;
}

std::vector<PartToAsk> parts_to_ask(const Exchange& x, const AggregateOptions& options) {
    std::vector<PartToAsk> parts;
    for (std::size_t i = 0; i < options.list.size(); ++i) {
        const AggregateOptions::Part& part = options.list[i];
        WallTime until{};
        parts.push_back({.name = part.name,
                         .service = part.options.service,
                         .required = part.options.required,
                         .closed = is_closed(x, x.route->part_services[i], until),
                         .needs = part.needs});
    }
    return parts;
}

StageFinding copied(const Exchange& x, std::string_view stage, const MirrorOptions& options) {
    return {std::string(stage), Is::goes_on, 0, "",
            may_be_copied(x, options) ? std::to_string(options.percent) +
                                            " % of such requests are copied to " + options.service
                                      : "no copy is made of such a request"};
}

// The stages that would change something elsewhere, or ask somebody, are told of instead.
std::optional<StageFinding> supposed(Exchange& x, std::size_t index, const ExplainParts& parts) {
    const std::string_view name = kStages[index]->name;
    const StageOptions* const options =
        x.route != nullptr ? x.route->options[index].get() : nullptr;
    if (name == "cache" && options != nullptr) {
        x.cache.emplace(parts.answers, static_cast<const CacheOptions&>(*options), nullptr);
        StageFinding found{std::string(name), Is::goes_on, 0, "",
                           "nothing to do with what is kept"};
        if (x.cache->begin(x)) {
            switch (x.cache->look_up(x)) {
                case CacheWork::Found::serve:
                case CacheWork::Found::serve_and_refresh:
                    found = {std::string(name), Is::answers, 200, "", "a kept answer is given"};
                    break;
                case CacheWork::Found::refused:
                    found = refusal(name, Code::upstream_timeout,
                                    "nothing is kept that would do (only-if-cached)");
                    break;
                case CacheWork::Found::nothing:
                    found.why = "nothing is kept: the service is asked";
                    break;
            }
        }
        x.cache.reset();
        return found;
    }
    if (name == "validate" && options != nullptr) {
        return StageFinding{std::string(name), Is::waits, 0, "",
                            "body and parameters are held against the description of the API"};
    }
    if (name == "idempotency" && options != nullptr) {
        const bool given = x.head().headers.has(http::Known::idempotency_key);
        const http::Method method = x.head().method;
        const bool changes = method != http::Method::get && method != http::Method::head &&
                             method != http::Method::options;
        if (changes && !given && static_cast<const IdempotencyOptions&>(*options).required) {
            return refusal(name, Code::validation_failed, "the Idempotency-Key field is missing");
        }
        return StageFinding{std::string(name), given ? Is::waits : Is::goes_on, 0, "",
                            given ? "the key is claimed in the store; an answer that is kept under "
                                    "it is given instead"
                                  : "no Idempotency-Key"};
    }
    if (name == "aggregate" && options != nullptr) {
        return put_together(name, static_cast<const AggregateOptions&>(*options));
    }
    if (name == "mirror" && options != nullptr) {
        return copied(x, name, static_cast<const MirrorOptions&>(*options));
    }
    return std::nullopt;
}

std::string waits_for(std::string_view stage) {
    return stage == "webhook_signature" ? "the body is held until its signature was looked at"
                                        : "the body is looked at first";
}

// False: the request ends here.
bool ask_stage(Exchange& x, std::size_t index, const ExplainParts& parts,
               const observe::MetricBlock& counted, Explanation& out) {
    const Stage& stage = *kStages[index];
    const StageOptions* options = nullptr;
    if (stage.read != nullptr) {
        options = x.route != nullptr ? x.route->options[index].get() : nullptr;
        if (options == nullptr) {
            out.stages.push_back(
                {std::string(stage.name), Is::skipped, 0, "", "the route has no section for it"});
            return true;
        }
    }
    if (stage.name == "aggregate") {
        out.parts = parts_to_ask(x, static_cast<const AggregateOptions&>(*options));
    }
    if (auto found = supposed(x, index, parts)) {
        out.stages.push_back(*std::move(found));
        return out.stages.back().is != Is::refuses && out.stages.back().is != Is::answers;
    }
    if (stage.name == "rate_limit" && x.generation.site->rate_limited) {
        for (const limits::Policy* const policy : x.route->policies) {
            out.limits.push_back({policy, &rate_limit_quota(x, *policy),
                                  std::string(rate_limit_key(x, *policy).view())});
        }
    }
    struct None : StageOptions {};
    const None none;
    const Verdict verdict = stage.decide(x, options != nullptr ? *options : none);
    const std::string name(stage.name);
    switch (verdict.kind()) {
        case Verdict::Kind::go_on:
            out.stages.push_back({name, Is::goes_on, 0, "", passed_by(x, name)});
            return true;
        case Verdict::Kind::wait:
            out.stages.push_back({name, Is::waits, 0, "", waits_for(name)});
            return true;
        case Verdict::Kind::answer:
            out.stages.push_back({name, Is::answers, x.own.status, "",
                                  x.location.empty() ? "" : "to " + std::string(x.location)});
            return false;
        case Verdict::Kind::refuse:
            break;
    }
    out.stages.push_back(refusal(name, verdict.code(), ""));
    out.stages.back().why = with(std::string(verdict.detail()), more_of(x, name, counted));
    return false;
}

// What is not for operators' eyes: it lets its holder act as somebody.
bool is_secret(const http::Field& field) {
    return field.known == http::Known::authorization || field.known == http::Known::x_api_key ||
           field.known == http::Known::cookie || field.name == "X-Internal-Signature";
}

void tell_upstream(Exchange& x, Explanation& out, const observe::MetricBlock& counted) {
    const ServiceEntry& service = x.generation.site->services[x.service_index];
    out.service = service.name;
    out.upstream_path = std::string(x.upstream_path);
    if (x.head().has_query) {
        out.upstream_path += "?" + std::string(x.head().query);
    }
    out.timeout = x.route->timeout;
    x.service = x.generation.services[x.service_index];
    if (build_request_head(x, http::Framing::none, 0)) {
        for (const http::Field& field : x.memory.request.headers) {
            out.sent.emplace_back(field.name, is_secret(field) ? "…" : field.value);
        }
    }
    counted.dangerous_headers.each([&](const observe::NamedCounter& header) {
        if (header.count.value() > 0) {
            out.dropped.emplace_back(header.name);
        }
    });
}

}  // namespace

std::string_view name_of(StageFinding::Is is) {
    switch (is) {
        case Is::goes_on:
            return "goes on";
        case Is::skipped:
            return "does not run";
        case Is::refuses:
            return "refuses";
        case Is::answers:
            return "answers";
        case Is::waits:
            return "waits";
    }
    return "";
}

Explanation explain(const ExplainParts& parts, const ExplainRequest& request) {
    Explanation out;
    const auto counted = std::make_unique<observe::MetricBlock>();
    observe::AccessLog lines(parts.sink);  // of which none is written
    Shard shard(parts.loop, parts.h1, *counted, lines);
    shard.only_suppose();
    shard.break_by(parts.breakers);
    shard.adopt(parts.site);
    shard.access().adopt_keys(parts.keys);
    shard.access().adopt_known(parts.known);
    shard.adopt_health(parts.health);
    shard.adopt_pressure(parts.pressure);
    SupposedStream stream(request, parts.site->limits.message, parts.loop.now());
    const http::Borrowed<ExchangeMemory> memory(shard.memory());
    Exchange x(stream, shard, *memory);
    identify(x);
    out.client = std::string(x.client_text);
    out.host = std::string(x.head().authority);
    bool on = true;
    if (const http::H1Refusal* const defect = stream.defect()) {
        out.stages.push_back(refusal("protocol", code_for_status(defect->status), defect->detail));
        on = false;
    }
    for (std::size_t i = 0; on && i < kStageCount; ++i) {
        on = ask_stage(x, i, parts, *counted, out);
        x.stages_passed = i + 1;
    }
    out.path = std::string(x.path);
    if (x.route != nullptr) {
        out.route = x.route->path;
    }
    if (x.identity != nullptr) {
        out.user = x.identity->subject;
        out.tenant = x.identity->tenant;
        out.role = x.identity->role;
    }
    if (on && x.service_index != kNoService) {
        tell_upstream(x, out, *counted);
    }
    return out;
}

}  // namespace gw::gateway
