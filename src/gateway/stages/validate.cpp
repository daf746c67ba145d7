// Holds a request's body, query, path and chosen headers against what an API description says of
// them. How: gateway/validation.hpp, schema/. The body goes on as it came.
#include "base/text.hpp"
#include "gateway/held_body.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "gateway/validate_options.hpp"
#include "gateway/validation.hpp"

namespace gw::gateway {
namespace {

using schema::JsonDocument;

constexpr const char* kUnfit = "the request does not fit the description of the API";

// In the mode `log`, what would be refused goes on.
Verdict refused(Exchange& x, const ValidateOptions& o, Code code, const char* why) {
    const bool block = o.mode == ValidateMode::block;
    x.shard.metrics().invalid_requests[block ? 0 : 1].add();
    if (block) {
        return refuse(code, why);
    }
    x.shard.log_warn("request would be refused",
                     {{"requestId", x.request_id}, {"route", x.route->path}, {"why", why}});
    return go_on();
}

Verdict refuse_unlisted(Exchange& x, const ValidateOptions& o) {
    const std::string methods = o.contract->methods_of(x.path);
    if (methods.empty()) {
        return refused(x, o, Code::not_found, "the API has no such operation");
    }
    if (o.mode == ValidateMode::block) {
        x.allow = x.memory.arena.copy(methods);
    }
    return refused(x, o, Code::method_not_allowed, "the API takes other methods for this path");
}

const char* defect_text(JsonDocument::Defect defect) {
    switch (defect) {
        case JsonDocument::Defect::duplicate:
            return "the body names a member twice";
        case JsonDocument::Defect::too_deep:
            return "the body is nested too deeply";
        case JsonDocument::Defect::too_many:
            return "the body holds too many values";
        default:
            return "the body is no JSON";
    }
}

// Every fault, in a problem document.
Verdict tell_faults(Exchange& x, const Validation& validation) {
    std::string faults;
    validation.write_faults(faults);
    x.memory.text.clear();
    write_problem(x.memory.text, {.code = Code::validation_failed,
                                  .detail = kUnfit,
                                  .instance = x.head().path,
                                  .correlation_id = x.correlation_id,
                                  .time = x.shard.loop().clock().wall,
                                  .errors = faults,
                                  .more_errors = validation.more()});
    x.own = {.status = kind_of(Code::validation_failed).status,
             .content_type = "application/problem+json",
             .body = x.memory.text};
    x.outcome.why = kUnfit;
    return answer();
}

// The operation that is asked for, and what of its body is to be looked at.
struct Looked {
    Validation::Asked asked;
    std::optional<Verdict> verdict;  // nothing more is to be seen
};

Looked look(Exchange& x, const ValidateOptions& o) {
    Looked looked;
    const http::RequestHead& head = x.head();
    Validation::Asked& asked = looked.asked;
    if (o.openapi.empty()) {
        asked.operation = &o.contract->operations().front();
    } else {
        // What answers GET answers HEAD (RFC 9110, 9.3.2).
        asked.operation = o.contract->find(head.method_text, x.path, asked.path);
        if (asked.operation == nullptr && head.method == http::Method::head) {
            asked.operation = o.contract->find("GET", x.path, asked.path);
        }
    }
    // A schema for bodies says nothing of requests that need none.
    if (o.openapi.empty() && has_no_body(head) && head.method != http::Method::post &&
        head.method != http::Method::put && head.method != http::Method::patch) {
        looked.verdict = go_on();
        return looked;
    }
    if (asked.operation == nullptr) {
        looked.verdict = o.unlisted == Unlisted::pass ? go_on() : refuse_unlisted(x, o);
        return looked;
    }
    if (has_no_body(head) || asked.operation->content.empty()) {
        return looked;
    }
    const schema::MediaType* const media =
        media_type(*asked.operation, head.headers.value(http::Known::content_type));
    if (media == nullptr) {
        looked.verdict = refused(x, o, Code::unsupported_media_type,
                                 "the body is of a type that this operation does not take");
    } else if (media->schema != nullptr && has_coding(head.headers)) {
        looked.verdict = refused(x, o, Code::unsupported_media_type,
                                 "a body in a content coding cannot be validated");
    } else if (media->schema != nullptr && head.framing == http::Framing::length &&
               head.content_length > o.body_bytes_max) {
        looked.verdict =
            refused(x, o, Code::payload_too_large, "the body is too large to be validated");
    } else {
        asked.media = media->schema != nullptr ? media : nullptr;
    }
    return looked;
}

Verdict judged(Exchange& x, const ValidateOptions& o, const Validation::Asked& asked) {
    if (asked.media != nullptr && (!x.held->last || x.held->bytes.size() > o.body_bytes_max)) {
        return refused(x, o, Code::payload_too_large, "the body is too large to be validated");
    }
    Validation& validation = x.shard.validation();
    const Validation::Verdict found = validation.judge(x, *o.contract, asked);
    if (found.good) {
        return go_on();
    }
    if (found.json != JsonDocument::Defect::none) {
        return refused(x, o, Code::bad_request, defect_text(found.json));
    }
    if (validation.faults().empty()) {
        return refused(x, o, Code::validation_failed, "the request costs too much to be validated");
    }
    const schema::Fault& first = validation.faults().front().what;
    const bool block = o.mode == ValidateMode::block;
    x.shard.metrics().invalid_requests[block ? 0 : 1].add();
    if (block) {
        return tell_faults(x, validation);
    }
    x.shard.log_warn("request would be refused",
                     {{"requestId", x.request_id},
                      {"route", x.route->path},
                      {"why", kUnfit},
                      {"in", name_of(validation.faults().front().in)},
                      {"pointer", std::string_view(first.pointer).substr(0, 256)},
                      {"keyword", first.keyword},
                      {"faults", static_cast<std::int64_t>(validation.faults().size())}});
    return go_on();
}

Verdict decide(Exchange& x, const ValidateOptions& o) {
    if (o.mode == ValidateMode::off) {
        return go_on();
    }
    const Looked looked = look(x, o);
    if (looked.verdict) {
        return *looked.verdict;
    }
    if (looked.asked.media != nullptr && !hold_what_is_here(x)) {
        return wait();
    }
    return judged(x, o, looked.asked);
}

net::Task<Verdict> hold_and_judge(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const ValidateOptions&>(*options);
    if (const Result<void> held = co_await hold_body(x, o.body_bytes_max); !held) {
        co_return go_on();  // a body that breaks off goes no further, see held_body.hpp
    }
    co_return judged(x, o, look(x, o).asked);
}

void read_contract(config::Reader& reader, ValidateOptions& o) {
    if (o.mode == ValidateMode::off && o.openapi.empty() && o.body.empty()) {
        return;
    }
    if (o.openapi.empty() == o.body.empty()) {
        return reader.blame("openapi", "validate names no description, or two",
                            "set `openapi` to a description of the API, or `body` to a schema");
    }
    std::vector<config::Mistake> mistakes;
    o.contract = o.body.empty()
                     ? schema::Contract::of_api(reader.path_of(o.openapi), o.operation, mistakes)
                     : schema::Contract::of_body(reader.path_of(o.body), mistakes);
    if (o.contract != nullptr) {
        reader.depends_on(o.contract->source().text());
    }
    if (!o.operation.empty() && o.openapi.empty()) {
        reader.blame("operation", "validate.operation is set without openapi",
                     "name the description that has this operation");
    }
    reader.blame_all(std::move(mistakes));
}

constexpr Stage row() {
    Stage stage = gateway::stage<ValidateOptions, decide>("validate");
    stage.wait = hold_and_judge;
    stage.read = [](config::Reader& reader) -> OptionsPtr {
        auto options = std::make_shared<ValidateOptions>();
        config::read(reader, *options);
        read_contract(reader, *options);
        return options;
    };
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage validate = row();
}

const ValidateOptions* validate_of(const StageOptionsList& options) {
    return static_cast<const ValidateOptions*>(find_options(options, stages::validate));
}

}  // namespace gw::gateway
