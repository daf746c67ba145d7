// Looks for SQL, script, paths and commands where a client may put text: in the path, the query,
// and small form and JSON bodies, each value decoded once.
#include "security/injection.hpp"

#include "base/text.hpp"
#include "gateway/held_body.hpp"
#include "gateway/security_event.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "security/request_values.hpp"

namespace gw::gateway {
namespace {

enum class Mode : std::uint8_t { off, log, block };
constexpr std::array<std::pair<std::string_view, Mode>, 3> names_of(Mode) {
    return {{{"off", Mode::off}, {"log", Mode::log}, {"block", Mode::block}}};
}

struct InjectionOptions : StageOptions {
    Mode mode = Mode::log;
    std::vector<std::string> headers;
    std::uint64_t body_bytes_max = 16'384;
};

template <class Visitor>
void fields(Visitor& field, InjectionOptions& o) {
    field("mode", o.mode, "what becomes of a request in which one is found");
    field("headers", o.headers, "header fields that are looked at too, by name");
    field("body_bytes_max", o.body_bytes_max, config::Range{0, 1'048'576},
          "form and JSON bodies up to this size are held and looked at; 0: none. A body without "
          "`Content-Type`, or of `text/plain`, is JSON if it begins with `{` or `[`");
}

class Finder final : public security::ValueVisitor {
  public:
    bool value(security::ValuePlace, std::string_view, std::string_view decoded) override {
        found = security::find_injection(decoded);
        return !found;
    }
    // More values than anybody sends are there to hide one.
    void walked(security::Walk walk) {
        if (walk == security::Walk::limited && !found) {
            found = {security::InjectionKind::sql, "too_many_values"};
        }
    }
    std::optional<security::Injection> found;
};

Verdict judged(Exchange& x, const Finder& finder, const InjectionOptions& o) {
    if (!finder.found) {
        return go_on();
    }
    const bool path = finder.found->kind == security::InjectionKind::path;
    const bool block = o.mode == Mode::block;
    report_violation(x, path ? observe::Violation::path_traversal : observe::Violation::injection,
                     finder.found->rule, block ? "blocked" : "logged", block ? 400 : 0);
    return block ? refuse(Code::bad_request, "the request holds what looks like an attack")
                 : go_on();
}

Verdict look_at_body(Exchange& x, const InjectionOptions& o) {
    Finder finder;
    security::RequestValues& values = x.shard.request_values();
    if (body_kind(x.head()) == BodyKind::form) {
        finder.walked(values.form(x.held->bytes, finder));
        return judged(x, finder, o);
    }
    // What is no JSON is the service's to refuse, or to understand.
    const security::Walk walk = values.json(x.held->bytes, finder);
    if (walk == security::Walk::malformed || walk == security::Walk::limited) {
        finder.walked(values.strings(x.held->bytes, finder));
    }
    return judged(x, finder, o);
}

enum class Begins : std::uint8_t { as_json, otherwise, not_yet };
Begins begins(std::string_view body) {
    const std::size_t first = body.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return Begins::not_yet;
    }
    return body[first] == '{' || body[first] == '[' ? Begins::as_json : Begins::otherwise;
}

// Of a body that says nothing of its type, or that it is text, and is not all here.
bool is_something_else(const Exchange& x) {
    return body_kind(x.head()) == BodyKind::other && begins(x.held->bytes) == Begins::otherwise;
}

void look_at_headers(Exchange& x, Finder& finder, const InjectionOptions& o) {
    security::RequestValues& values = x.shard.request_values();
    for (const http::Field& field : x.head().headers) {
        for (const std::string& name : o.headers) {
            if (!finder.found && equal_ignore_case(field.name, name)) {
                finder.walked(values.header(field.name, field.value, finder));
            }
        }
    }
}

Verdict decide(Exchange& x, const InjectionOptions& o) {
    if (o.mode == Mode::off) {
        return go_on();
    }
    Finder finder;
    security::RequestValues& values = x.shard.request_values();
    if (!security::is_plain_path(x.path)) {
        finder.walked(values.path(x.path, finder));
    }
    if (!finder.found && !x.query().empty()) {
        finder.walked(values.query(x.query(), finder));
    }
    if (!o.headers.empty()) {
        look_at_headers(x, finder, o);
    }
    const Verdict verdict = judged(x, finder, o);
    if (o.mode == Mode::block && verdict.goes_on() &&
        has_unreadable_body(x.head(), o.body_bytes_max)) [[unlikely]] {
        return refuse(Code::unsupported_media_type,
                      "the body has to be UTF-8 without Content-Encoding here");
    }
    const bool untyped = has_untyped_body(x.head(), o.body_bytes_max);
    if (!verdict.goes_on() || !(untyped || has_readable_body(x.head(), o.body_bytes_max))) {
        return verdict;
    }
    // What may be a stream, or a body that the service may not want, is not held up only to be told
    // of.
    if (o.mode != Mode::block &&
        (x.head().framing == http::Framing::chunked || (untyped && x.head().expect_continue))) {
        return verdict;
    }
    if (hold_what_is_here(x)) {
        return look_at_body(x, o);
    }
    return is_something_else(x) ? verdict : wait();
}

net::Task<Verdict> wait_for_body(Exchange& x, const StageOptions* options) {
    const auto& o = static_cast<const InjectionOptions&>(*options);
    // A body that breaks off goes no further, see held_body.hpp.
    Result<void> held;
    while (held && !x.held->last && x.held->bytes.size() <= o.body_bytes_max &&
           body_kind(x.head()) == BodyKind::other && begins(x.held->bytes) == Begins::not_yet) {
        held = co_await hold_body(x, x.held->bytes.size());
    }
    if (held && is_something_else(x)) {
        co_return go_on();  // it may be a stream, which nobody has to wait for
    }
    if (held) {
        held = co_await hold_body(x, o.body_bytes_max);
    }
    co_return held&& x.held->last ? look_at_body(x, o) : go_on();
}

constexpr Stage row() {
    Stage stage = stage_of_every_route<InjectionOptions, decide>("injection");
    stage.wait = wait_for_body;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage injection = row();
}

}  // namespace gw::gateway
