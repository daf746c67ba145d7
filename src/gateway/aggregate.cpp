#include "gateway/aggregate.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "gateway/aggregate_options.hpp"
#include "gateway/answer_parts.hpp"
#include "gateway/arrival.hpp"
#include "gateway/client_watch.hpp"
#include "gateway/detached_stream.hpp"
#include "gateway/forward.hpp"
#include "gateway/held_body.hpp"
#include "gateway/own_response.hpp"
#include "gateway/private_paths.hpp"
#include "gateway/service_maintenance.hpp"
#include "gateway/shard.hpp"
#include "gateway/stages.hpp"
#include "gateway/template_values.hpp"
#include "observe/json_line.hpp"

namespace gw::gateway {
namespace {

// Fields of the client's request that speak of its body, or that would make a service answer with
// something else than the whole of what is asked for, in plain JSON.
bool is_for_one_answer(const http::Field& field) {
    return field.known == http::Known::accept_encoding ||
           field.known == http::Known::content_type ||
           field.known == http::Known::content_encoding ||
           field.known == http::Known::idempotency_key || equal_ignore_case(field.name, "accept") ||
           field.known == http::Known::range || starts_with_ignore_case(field.name, "if-") ||
           starts_with_ignore_case(field.name, "content-");
}

// A GET for a part, and its answer as far as it is wanted.
class PartStream final : public DetachedStream {
  public:
    PartStream(const http::Stream& like, std::string query, std::uint64_t most)
        : DetachedStream(like, http::Method::get, "GET"), query_(std::move(query)), most_(most) {
        http::RequestHead& head = own_head();
        head.query = query_;
        head.has_query = !query_.empty();
        head.framing = http::Framing::none;
        head.content_length = 0;
        head.headers.erase_if(is_for_one_answer);
        [[maybe_unused]] const bool added = head.headers.add("Accept", "application/json");
    }

    net::Task<Result<void>> send(http::ResponseHead& head, std::string_view bytes, bool,
                                 const http::Headers*) override {
        set_responded();
        status = head.status;
        json = body_kind(head.headers.value(http::Known::content_type)) == BodyKind::json &&
               !has_coding(head.headers);
        if (head.framing == http::Framing::length && head.content_length > most_) {
            too_large = true;
        }
        co_return take(bytes);
    }
    net::Task<Result<void>> send_body(std::string_view bytes, bool, const http::Headers*) override {
        co_return take(bytes);
    }
    // Its time is over.
    void time_out() {
        timed_out = true;
        cut();
    }

    int status = 0;
    bool json = false;
    bool too_large = false;
    bool timed_out = false;
    std::string body;

  private:
    Result<void> take(std::string_view bytes) {
        too_large = too_large || bytes.size() > most_ - std::min<std::uint64_t>(most_, body.size());
        if (too_large) {
            return fail(Errc::cancelled, Fault::self, "the part is too large");
        }
        // What is no answer for the whole is read to its end and forgotten.
        if (status >= 200 && status < 300) {
            body += bytes;
        }
        return alive();
    }

    const std::string query_;
    const std::uint64_t most_;
};

// The request for a part, while it is on its way.
struct Asked {
    Asked(const Exchange& from, std::string query, std::uint64_t most)
        : stream(from.stream, std::move(query), most),
          memory(from.shard.memory()),
          x(stream, from.shard, *memory, from.generation) {}

    struct End : net::Timer {
        explicit End(PartStream& of)
            : Timer([](Timer& t) { static_cast<End&>(t).stream.time_out(); }), stream(of) {}
        PartStream& stream;
    };

    PartStream stream;
    http::Borrowed<ExchangeMemory> memory;
    Exchange x;
    End end{stream};
};

// What a client is told of a required part that failed.
const char* detail_of(Code code) {
    switch (code) {
        case Code::bad_request:
        case Code::validation_failed:
            return "a service does not take what the request asks for";
        case Code::forbidden:
            return "the caller may not have that";
        case Code::not_found:
            return "there is no such resource";
        case Code::maintenance:
            return "this part of the platform is under maintenance";
        case Code::circuit_open:
            return "a service is not asked at the moment; try again";
        default:
            return kind_detail(code);
    }
}

// Lives as long as its run(), which is called once.
class Whole final : ClientWatch::Waiting {
  public:
    explicit Whole(Exchange& x) : x_(x), options_(*x.aggregate), watch_(x), pause_(x.shard.loop()) {
        watch_.also(this);
        parts_.resize(options_.list.size());
    }
    Whole(const Whole&) = delete;
    Whole& operator=(const Whole&) = delete;
    ~Whole() { watch_.also(nullptr); }

    net::Task<void> run();

  private:
    struct Part {
        enum class State : std::uint8_t { waits, asked, done };
        State state = State::waits;
        std::unique_ptr<Asked> asked;
        std::string body;
        std::optional<PointedJson> pointed;
        std::optional<Code> error;
        std::int64_t retry_after_s = 0;
        int status = 0;
        Instant began{};
        Instant ended{};
    };

    void give_up() override {
        cancel_all();
        pause_.wake();
    }
    void cancel_all();
    void begin_what_can();
    void begin(std::size_t index);
    void end(std::size_t index, std::optional<Code> error);
    net::Task<void> ask(std::size_t index);
    [[nodiscard]] std::optional<Code> outcome_of(std::size_t index, const Result<void>& done);
    [[nodiscard]] std::optional<Code> read_body(std::size_t index);
    [[nodiscard]] bool is_done() const;
    // The path of a part with its query; nothing: see error.
    std::optional<std::string> path_of(std::size_t index, Code& error);
    [[nodiscard]] std::string_view parts_text() const;
    [[nodiscard]] std::size_t service_of(std::size_t index) const {
        return x_.route->part_services[index];
    }

    Exchange& x_;
    const AggregateOptions& options_;
    ClientWatch watch_;
    net::Pause pause_;
    net::Scope scope_;
    std::vector<Part> parts_;
    std::optional<std::size_t> broken_;  // the first required part that failed
    bool over_ = false;
};

net::Task<void> Whole::run() {
    net::Loop& loop = x_.shard.loop();
    begin_what_can();
    while (!is_done() && !broken_ && !x_.client_gone) {
        // Each part ends by itself, at the deadline at the latest, and wakes us.
        co_await pause_.until(loop.now() + std::chrono::hours{1});
        begin_what_can();
    }
    over_ = true;
    cancel_all();
    co_await scope_.all_done();
    x_.parts = parts_text();
    if (x_.client_gone) {
        co_await respond_to(x_, fail(Errc::cancelled, Fault::client, "the client is gone").error());
        co_return;
    }
    if (x_.shard.ending() &&
        std::ranges::any_of(parts_, [](const Part& part) { return part.error.has_value(); })) {
        co_await respond_to(x_, fail(Errc::cancelled, Fault::self, kProcessEnds).error());
        co_return;
    }
    if (broken_) {
        const Part& part = parts_[*broken_];
        x_.retry_after_s = part.retry_after_s;
        x_.outcome.decided_by = "aggregate";
        co_await respond(x_, refuse(*part.error, detail_of(*part.error)));
        x_.outcome.why = "a required part failed";
        co_return;
    }
    std::array<AnswerPart, AggregateOptions::kPartsMax> given;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        given[i] = {.name = options_.list[i].name,
                    .json = trim_ows(parts_[i].body),
                    .error = parts_[i].error};
    }
    std::string& whole = x_.memory.body;
    whole.clear();
    write_whole(whole, {given.data(), parts_.size()});
    x_.own.body = whole;
    co_await respond(x_, answer());
}

void Whole::cancel_all() {
    for (Part& part : parts_) {
        if (part.asked != nullptr) {
            part.asked->stream.cut();
        }
    }
}

bool Whole::is_done() const {
    return std::ranges::all_of(parts_,
                               [](const Part& part) { return part.state == Part::State::done; });
}

void Whole::begin_what_can() {
    // One that fails at once may be what another one waits for.
    for (bool again = true; std::exchange(again, false);) {
        for (std::size_t i = 0; i < parts_.size() && !broken_; ++i) {
            const auto ready = [&](std::size_t needed) {
                return parts_[needed].state == Part::State::done;
            };
            if (parts_[i].state == Part::State::waits &&
                std::ranges::all_of(options_.list[i].needs, ready)) {
                begin(i);
                again = again || parts_[i].state == Part::State::done;
            }
        }
    }
}

std::optional<std::string> Whole::path_of(std::size_t index, Code& error) {
    const AggregateOptions::Part& part = options_.list[index];
    std::array<std::string, TextTemplate::kPiecesMax> found;
    std::size_t count = 0;
    std::optional<Code> missing;
    std::string path;
    const bool whole = part.options.path.write_url(path, [&](const TextTemplate::Piece& piece) {
        if (piece.of != TextTemplate::Of::part) {
            return template_value(x_, piece);
        }
        const auto named =
            std::ranges::find(options_.list, piece.text, &AggregateOptions::Part::name);
        const Part& other = parts_[static_cast<std::size_t>(named - options_.list.begin())];
        const auto value = other.pointed ? other.pointed->find(piece.pointer) : std::nullopt;
        if (!value || value->empty()) {
            missing = other.error ? *other.error : Code::not_found;
            return TextTemplate::Value{.text = "x"};
        }
        found[count] = *value;
        return TextTemplate::Value{.text = found[count++]};
    });
    if (missing) {
        error = *missing;
        return std::nullopt;
    }
    if (!whole || !has_canonical_path(path)) {
        error = part.needs.empty() ? Code::bad_request : Code::bad_gateway;
        return std::nullopt;
    }
    return path;
}

void Whole::begin(std::size_t index) {
    const AggregateOptions::Part& option = options_.list[index];
    Part& part = parts_[index];
    net::Loop& loop = x_.shard.loop();
    part.began = loop.now();
    Code error{};
    const std::optional<std::string> path = path_of(index, error);
    WallTime until{};
    if (!path) {
        end(index, error);
        return;
    }
    if (is_closed(x_, service_of(index), until)) {
        part.retry_after_s = seconds_closed(x_, until);
        end(index, Code::maintenance);
        return;
    }
    const std::size_t mark = std::min(path->find('?'), path->size());
    std::string query = path->substr(std::min(mark + 1, path->size()));
    if (option.options.query && x_.head().has_query && !x_.query().empty()) {
        query += query.empty() ? "" : "&";
        query += x_.query();
    }
    part.asked = std::make_unique<Asked>(x_, std::move(query), option.options.bytes_max);
    Exchange& x = part.asked->x;
    identify(x);
    x.part = true;
    x.request_id = x_.request_id;
    x.correlation_id = x_.correlation_id;
    x.trace = x_.trace;
    x.traced = nullptr;
    x.identity = x_.identity;
    x.route = x_.route;
    x.service_index = service_of(index);
    x.path = x_.path;
    x.rest = x_.rest;
    x.upstream_path = x.memory.arena.copy(path->substr(0, mark));
    x.memory.parameters = x_.memory.parameters;
    x.deadline = option.options.timeout == Millis::zero()
                     ? x_.deadline
                     : std::min(x_.deadline, loop.now() + option.options.timeout);
    x.stages_passed = kStageCount;  // they have, for the request that it is a part of
    if (leads_to_private_path(x, option.options.path)) {
        end(index, Code::not_found);
        return;
    }
    part.state = Part::State::asked;
    scope_.spawn(ask(index));
}

net::Task<void> Whole::ask(std::size_t index) {
    // What the service is waited for ends at the deadline by itself, and is told as its fault: this
    // is for the rest.
    constexpr Millis kRest{50};
    Part& part = parts_[index];
    Asked& asked = *part.asked;
    x_.shard.loop().timers().arm(asked.end, asked.x.deadline + kRest);
    const Result<void> done = co_await forward(asked.x);
    asked.end.disarm();
    end(index, outcome_of(index, done));
    pause_.wake();
}

std::optional<Code> Whole::outcome_of(std::size_t index, const Result<void>& done) {
    Part& part = parts_[index];
    const Asked& asked = *part.asked;
    part.status = asked.stream.status;
    if (asked.x.withheld) {
        return asked.x.withheld->code();
    }
    if (asked.stream.timed_out) {
        return Code::upstream_timeout;
    }
    if (asked.stream.too_large) {
        return Code::bad_gateway;
    }
    if (!done) {
        Code code{};
        part.retry_after_s = asked.x.retry_after_s;
        return refusal_for(done.error(), code) ? code : Code::bad_gateway;
    }
    if (part.status < 200 || part.status > 299) {
        return code_of_part(part.status);
    }
    return read_body(index);
}

std::optional<Code> Whole::read_body(std::size_t index) {
    Part& part = parts_[index];
    PartStream& stream = part.asked->stream;
    if (part.status == 204) {
        part.body = "null";
        return std::nullopt;
    }
    if (!stream.json) {
        return Code::bad_gateway;
    }
    part.body = std::move(stream.body);
    if (options_.list[index].needed) {
        part.pointed = PointedJson::parse(part.body);
    }
    const bool good = options_.list[index].needed ? part.pointed.has_value() : is_json(part.body);
    return good ? std::nullopt : std::optional(Code::bad_gateway);
}

void Whole::end(std::size_t index, std::optional<Code> error) {
    Part& part = parts_[index];
    part.state = Part::State::done;
    part.error = error;
    part.ended = x_.shard.loop().now();
    part.asked.reset();
    if (over_ || x_.client_gone) {
        return;  // it was cancelled: nothing came of it
    }
    const bool required = options_.list[index].options.required;
    using observe::AnswerPart;
    const AnswerPart what = !error     ? AnswerPart::given
                            : required ? AnswerPart::failed
                                       : AnswerPart::missing;
    x_.generation.service_series[service_of(index)]->parts[static_cast<std::size_t>(what)].add();
    if (error && required) {
        broken_ = index;
    }
}

// "event=200/12.345 venue=upstream_timeout/1000.000"; a part that was never asked is "-".
std::string_view Whole::parts_text() const {
    std::string text;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
        const Part& part = parts_[i];
        text += text.empty() ? "" : " ";
        text += options_.list[i].name + "=";
        if (part.state != Part::State::done || part.began == Instant{}) {
            text += '-';
            continue;
        }
        text += part.error ? std::string(kind_of(*part.error).code) : std::to_string(part.status);
        std::array<char, 32> millis;
        text += '/';
        text.append(millis.data(), observe::write_millis(millis.data(), part.ended - part.began));
    }
    return x_.memory.arena.copy(text);
}

}  // namespace

net::Task<void> answer_in_parts(Exchange& x) {
    Whole whole(x);
    co_await whole.run();
}

}  // namespace gw::gateway
