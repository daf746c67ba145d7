#include "control/console.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "control/console_assets.hpp"
#include "control/line_query.hpp"

namespace gw::control {
namespace {

constexpr Millis kRetry{2'000};
// Nothing but what we serve ourselves runs, and nobody frames it.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view authorization_of(const http::Stream& stream) {
    return stream.head().headers.value(http::Known::authorization);
}

std::string event_text(std::string_view name, const boost::json::object& data) {
    std::string text = "event: ";
    text.append(name)
        .append("\ndata: ")
        .append(as_utf8(boost::json::serialize(data)))
        .append("\n\n");
    return text;
}

// Of a text that is written in JSON already.
boost::json::value unescaped(std::string_view text) {
    boost::system::error_code error;
    boost::json::value value = boost::json::parse("\"" + std::string(text) + "\"", error);
    return error ? boost::json::value("") : value;
}

// The lines are JSON, and have no line feed within.
std::string lines_text(const observe::LogTap::Taken& taken) {
    std::string text;
    for (const std::string& line : taken.lines) {
        text.append("event: line\ndata: ").append(line).append("\n\n");
    }
    if (taken.skipped > 0) {
        text += "event: skipped\ndata: " + std::to_string(taken.skipped) + "\n\n";
    }
    return text;
}

// Whoever asks for a feed in another way than serve() takes it.
net::Task<AdminAnswer> only_with_get(AdminCall) {
    AdminAnswer refused =
        AdminAnswer::refused(gateway::Code::method_not_allowed, "events are listened to with GET");
    refused.allow = "GET";
    co_return refused;
}

bool matches_etag(const http::Headers& headers, std::string_view etag) {
    return std::ranges::any_of(headers, [&](const http::Field& field) {
        return field.known == http::Known::if_none_match && field.value.contains(etag);
    });
}

// What every answer of the console has.
bool add_common(http::Headers& headers, std::string_view request_id, std::string_view date) {
    return headers.add("Date", date) && headers.add("X-Request-Id", request_id) &&
           headers.add("X-Correlation-Id", request_id) &&
           headers.add("Content-Security-Policy", kPolicy) &&
           headers.add("X-Content-Type-Options", "nosniff") &&
           headers.add("X-Frame-Options", "DENY") &&
           headers.add("Referrer-Policy", "no-referrer") &&
           headers.add("Cross-Origin-Opener-Policy", "same-origin") &&
           headers.add("Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace

constinit const std::array<Console::Feed, 2> Console::kFeeds = {{
    {.path = "/live",
     .summary = "what the console shows, second by second: server-sent events",
     .serve = &Console::serve_live},
    {.path = "/tail",
     .summary = "lines of the log as they are written: server-sent events; "
                "?user=&tenant=&address=&route=&status=&text=&only=requests|events",
     .serve = &Console::serve_tail},
}};

const Console::Feed* Console::find_feed(std::string_view path) {
    if (!path.starts_with(AdminApi::kBase)) {
        return nullptr;
    }
    const auto* const found =
        std::ranges::find(kFeeds, path.substr(AdminApi::kBase.size()), &Feed::path);
    return found != kFeeds.end() ? found : nullptr;
}

void Console::add_to(AdminApi& api) {
    for (const Feed& feed : kFeeds) {
        api.add({.method = http::Method::get,
                 .path = feed.path,
                 .summary = feed.summary,
                 .run = only_with_get});
    }
}

Console::Listener::Listener(Console& console, std::vector<Listener*>& among, http::Stream& to)
    : all(among), stream(to), authorization(authorization_of(to)), pause(console.parts_.loop) {
    all.push_back(this);
}

Console::Listener::~Listener() {
    std::erase(all, this);
}

void Console::start() {
    tick();
}

void Console::stop() {
    stopping_ = true;
    timer_.disarm();
    for (const std::vector<Listener*>* const all : {&listeners_, &readers_}) {
        for (Listener* const listener : *all) {
            listener->pause.wake();
        }
    }
}

net::Task<Console::Served> Console::serve(http::Stream& stream, std::string_view request_id) {
    const http::RequestHead& head = stream.head();
    if (stream.defect() != nullptr ||
        (head.method != http::Method::get && head.method != http::Method::head)) {
        co_return Served::no;
    }
    if (find_console_asset(head.path) != nullptr) {
        co_await serve_asset(stream, request_id);
        co_return Served::yes;
    }
    const Feed* const feed = find_feed(head.path);
    if (feed == nullptr || head.method != http::Method::get ||
        !parts_.api.caller_of(authorization_of(stream))) {
        co_return Served::no;
    }
    if (stopping_) {
        co_return Served::full;
    }
    co_return co_await (this->*feed->serve)(stream, request_id);
}

net::Task<void> Console::serve_asset(http::Stream& stream, std::string_view request_id) {
    const http::RequestHead& head = stream.head();
    const ConsoleAsset& asset = *find_console_asset(head.path);
    const bool packed =
        !asset.gzip.empty() && takes_gzip(head.headers.value(http::Known::accept_encoding));
    const bool known = matches_etag(head.headers, asset.etag);
    const std::string_view body = known ? std::string_view{} : packed ? asset.gzip : asset.plain;
    http::ResponseHead out;
    out.status = known ? 304 : 200;
    out.reason = http::reason_phrase(out.status);
    out.framing = known ? http::Framing::none : http::Framing::length;
    out.content_length = body.size();
    const std::string date(date_.at(parts_.loop.clock().wall));
    bool added =
        out.headers.add("ETag", asset.etag) && out.headers.add("Cache-Control", "no-cache") &&
        out.headers.add("Vary", "Accept-Encoding") && add_common(out.headers, request_id, date);
    if (!known) {
        added = added && out.headers.add("Content-Type", asset.content_type) &&
                (!packed || out.headers.add("Content-Encoding", "gzip"));
    }
    ensure(added, "a dozen fields fit");
    [[maybe_unused]] const Result<void> sent = co_await stream.send(out, body, true, nullptr);
}

std::string Console::hello(std::string_view authorization) {
    const std::shared_ptr<const gateway::Site> site = parts_.site();
    const AdminCaller caller = parts_.api.caller_of(authorization).value_or(AdminCaller{});
    boost::json::object data{{"tick", tick_},
                             {"role", name_of(caller.role)},
                             {"person", caller.person},
                             {"history", history_json(history_)},
                             {"events", record_.events_since(0)},
                             {"reloads", record_.reloads()},
                             {"routes", routes_json(*site)},
                             {"stages", unrouted_stages_json()},
                             {"status", parts_.status()}};
    return "retry: " + std::to_string(kRetry.count()) + "\n" + event_text("hello", data);
}

net::Task<Result<void>> Console::begin_events(http::Stream& stream, std::string_view request_id,
                                              std::string_view first) {
    http::ResponseHead out;
    out.status = 200;
    out.reason = http::reason_phrase(200);
    out.framing = http::Framing::chunked;
    const std::string date(date_.at(parts_.loop.clock().wall));
    const bool added = out.headers.add("Content-Type", "text/event-stream") &&
                       out.headers.add("Cache-Control", "no-store") &&
                       add_common(out.headers, request_id, date);
    ensure(added, "a dozen fields fit");
    co_return co_await stream.send(out, first, false, nullptr);
}

net::Task<Console::Served> Console::serve_live(http::Stream& stream, std::string_view request_id) {
    if (listeners_.size() >= kListenersMax) {
        co_return Served::full;
    }
    Listener me(*this, listeners_, stream);
    parts_.lines.count_suffering(true);
    // Before the first wait, so that nothing is missed between it and the next tick.
    const std::string first = hello(me.authorization);
    me.sending = parts_.loop.now();
    Result<void> sent = co_await begin_events(stream, request_id, first);
    while (sent && !stopping_) {
        me.sending.reset();
        if (me.next == nullptr) {
            co_await me.pause.until(parts_.loop.now() + 4 * kEvery);
            continue;
        }
        const std::shared_ptr<const std::string> text = std::exchange(me.next, nullptr);
        me.sending = parts_.loop.now();
        sent = co_await stream.send_body(*text, false, nullptr);
    }
    if (sent) {
        [[maybe_unused]] const Result<void> ended = co_await stream.send_body({}, true, nullptr);
    }
    co_return Served::yes;
}

net::Task<Console::Served> Console::serve_tail(http::Stream& stream, std::string_view request_id) {
    const std::uint64_t number = parts_.lines.open(read_filter(stream.head().query));
    if (number == 0) {
        co_return Served::full;
    }
    co_await serve_lines(stream, request_id, number);
    parts_.lines.close(number);
    co_return Served::yes;
}

net::Task<void> Console::serve_lines(http::Stream& stream, std::string_view request_id,
                                     std::uint64_t number) {
    Listener me(*this, readers_, stream);
    me.sending = parts_.loop.now();
    Result<void> sent = co_await begin_events(stream, request_id, "event: begin\ndata: {}\n\n");
    Instant said = parts_.loop.now();
    while (sent && !stopping_) {
        me.sending.reset();
        co_await me.pause.until(parts_.loop.now() + kLinesEvery);
        const observe::LogTap::Taken taken = parts_.lines.take(number);
        std::string text = lines_text(taken);
        if (text.empty() && parts_.loop.now() - said >= kEvery) {
            text = ": still here\n\n";  // finds out whether they are
        }
        if (!text.empty()) {
            said = parts_.loop.now();
            me.sending = said;
            sent = co_await stream.send_body(text, false, nullptr);
        }
    }
    if (sent) {
        [[maybe_unused]] const Result<void> ended = co_await stream.send_body({}, true, nullptr);
    }
}

void Console::tick() {
    if (stopping_) {
        return;
    }
    const Instant now = parts_.loop.now();
    timer_due_ = std::max(timer_due_ + kEvery, now + kEvery / 2);
    parts_.loop.timers().arm(timer_, timer_due_);
    const std::vector<const observe::MetricBlock*> blocks = parts_.blocks();
    observe::Totals totals = observe::read_totals(blocks);
    parts_.breakers.each([&](const upstream::Breaker& breaker) {
        if (const std::uint64_t rejects = breaker.snapshot(now).rejects; rejects != 0) {
            totals.counts["reject." + breaker.name()] = rejects;
        }
    });
    history_.add(totals, now, parts_.loop.clock().wall);
    ++tick_;
    drop_useless();
    parts_.lines.count_suffering(!listeners_.empty());
    if (tick_ % 60 == 0) {
        parts_.lines.turn_minute();
    }
    if (!listeners_.empty()) {
        tell(totals);
    }
}

// Who reads nothing, and whose token is none any more.
void Console::drop_useless() {
    for (const std::vector<Listener*>* const all : {&listeners_, &readers_}) {
        for (Listener* const listener : *all) {
            const bool stuck =
                listener->sending && parts_.loop.now() - *listener->sending > kPatience;
            if (stuck || !parts_.api.caller_of(listener->authorization)) {
                listener->stream.cut();
            }
        }
    }
}

boost::json::array Console::suffering() {
    boost::json::array out;
    for (const observe::LogTap::Sufferer& each : parts_.lines.suffering(kSufferersShown)) {
        out.push_back({{"tenant", unescaped(each.tenant)},
                       {"user", unescaped(each.user)},
                       {"address", unescaped(each.address)},
                       {"limited", each.limited},
                       {"failed", each.failed}});
    }
    return out;
}

void Console::tell(const observe::Totals& totals) {
    const Instant now = parts_.loop.now();
    const std::shared_ptr<const gateway::Site> site = parts_.site();
    boost::json::object data = step_json(history_);
    data["tick"] = tick_;
    data["connections"] = totals.connections;
    data["minute"] = minute_json(history_.all().minute.until(history_.all().now));
    data["serviceFacts"] = services_json({.history = history_,
                                          .totals = totals,
                                          .breakers = parts_.breakers,
                                          .endpoints = parts_.endpoints},
                                         now);
    data["routeMinutes"] = routes_minute_json(history_);
    data["status"] = parts_.status();
    data["events"] = record_.events_since(std::exchange(told_events_, record_.next()));
    data["reloads"] = record_.reloads();
    data["suffering"] = suffering();
    if (std::exchange(told_generation_, site->generation) != site->generation) {
        data["routes"] = routes_json(*site);
    }
    const auto text = std::make_shared<const std::string>(event_text("tick", data));
    for (Listener* const listener : listeners_) {
        // Who is behind gets the newest, sees by its number that some are missing, and asks anew.
        listener->next = text;
        if (!listener->sending) {
            listener->pause.wake();
        }
    }
}

}  // namespace gw::control
