#include "control/admin.hpp"

#include <boost/json/serialize.hpp>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "gateway/refusal.hpp"

namespace gw::control {
namespace {

constexpr std::string_view kProblem = "application/problem+json";
constexpr std::string_view kRead = "GET, HEAD";
constexpr const char* kTooLarge = "the request body is larger than any operation takes";

// What of the formats for metrics the client wants. Several fields are one list (RFC 9110, 5.3).
observe::TextFormat format_for(const http::Headers& headers) {
    std::string accept;
    for (const http::Field& field : headers) {
        if (equal_ignore_case(field.name, "accept")) {
            accept.append(accept.empty() ? "" : ",").append(field.value);
        }
    }
    return observe::format_for(accept);
}

}  // namespace

std::expected<Admin::Answer, Admin::Refusal> Admin::answer_to(const http::RequestHead& head) {
    if (head.method != http::Method::get && head.method != http::Method::head) {
        return std::unexpected(Refusal{gateway::Code::method_not_allowed,
                                       "this port is read with GET or HEAD", std::string(kRead)});
    }
    Arena arena;
    if (head.path == "/metrics") {
        const observe::TextFormat format = format_for(head.headers);
        return Answer{.status = 200,
                      .content_type = observe::content_type_of(format),
                      .body = metrics_(format)};
    }
    if (const auto health =
            gateway::health_answer(head.path, *health_, loop_.clock().wall, arena)) {
        return Answer{.status = health->status, .body = std::string(health->body)};
    }
    return std::unexpected(Refusal{gateway::Code::not_found,
                                   "there is /, /metrics, /health, /health/live, /health/ready, "
                                   "/health/startup and /admin/v1",
                                   {}});
}

net::Task<std::expected<Admin::Answer, Admin::Refusal>> Admin::call_api(http::Stream& stream) {
    const http::RequestHead& head = stream.head();
    if (head.framing == http::Framing::length && head.content_length > AdminApi::kBodyBytesMax) {
        co_return std::unexpected(Refusal{gateway::Code::payload_too_large, kTooLarge, {}});
    }
    stream.limit_body(AdminApi::kBodyBytesMax);
    http::BodyPart part = stream.body_at_hand();
    std::string body(part.bytes);
    while (!part.last) {
        const Result<http::BodyPart> next = co_await stream.read_body();
        if (!next) {
            gateway::Code code{};
            const bool heard = gateway::refusal_for(next.error(), code);
            co_return std::unexpected(
                Refusal{heard ? code : gateway::Code::bad_request,
                        code == gateway::Code::payload_too_large ? kTooLarge : next.error().detail,
                        {}});
        }
        part = *next;
        body += part.bytes;
    }
    AdminAnswer answer = co_await api_.serve(&head, std::move(body), stream.peer().ip.to_string());
    if (answer.code) {
        co_return std::unexpected(
            Refusal{*answer.code, std::move(answer.detail), std::move(answer.allow)});
    }
    co_return Answer{.status = answer.status, .body = as_utf8(boost::json::serialize(answer.body))};
}

net::Task<std::expected<Admin::Answer, Admin::Refusal>> Admin::answer(http::Stream& stream) {
    const http::RequestHead& head = stream.head();
    if (const http::H1Refusal* defect = stream.defect(); defect != nullptr) {
        co_return std::unexpected(Refusal{gateway::code_for_status(defect->status), defect->detail,
                                          std::string(defect->status == 405 ? kRead : "")});
    }
    if (AdminApi::is_below_base(head.path)) {
        co_return co_await call_api(stream);
    }
    co_return answer_to(head);
}

net::Task<void> Admin::serve(http::Stream& stream) {
    std::array<char, 36> id;
    random_.uuid(id);
    const std::string_view request_id{id.data(), id.size()};

    const Console::Served served = co_await console_.serve(stream, request_id);
    if (served == Console::Served::yes) {
        co_return;
    }
    std::expected<Answer, Refusal> made = std::unexpected(
        Refusal{gateway::Code::overloaded, "as many listen to the console as may; close one", {}});
    if (served == Console::Served::no) {
        made = co_await answer(stream);
    }
    std::string allow;
    if (!made) {
        const Refusal& refusal = made.error();
        allow = refusal.allow;
        Answer problem{
            .status = gateway::kind_of(refusal.code).status, .content_type = kProblem, .body = {}};
        gateway::write_problem(problem.body, {.code = refusal.code,
                                              .detail = refusal.why,
                                              .instance = stream.head().path,
                                              .correlation_id = request_id,
                                              .time = loop_.clock().wall});
        made = std::move(problem);
    }
    http::ResponseHead out;
    out.status = made->status;
    out.reason = http::reason_phrase(made->status);
    out.framing = http::Framing::length;
    out.content_length = made->body.size();
    const std::string date(date_.at(loop_.clock().wall));
    bool added = out.headers.add("Content-Type", made->content_type) &&
                 out.headers.add("Date", date) && out.headers.add("Cache-Control", "no-store") &&
                 out.headers.add("X-Request-Id", request_id) &&
                 out.headers.add("X-Correlation-Id", request_id);
    if (AdminApi::is_below_base(stream.head().path)) {
        added = added && out.headers.add(AdminApi::kMark, AdminApi::kMarkValue);
    }
    // RFC 9110, 15.5.2 and 15.5.6.
    if (made->status == 401) {
        added = added && out.headers.add("WWW-Authenticate", "Bearer");
    }
    if (!allow.empty()) {
        added = added && out.headers.add("Allow", allow);
    }
    ensure(added, "seven fields fit");
    [[maybe_unused]] const Result<void> sent = co_await stream.send(out, made->body, true, nullptr);
}

}  // namespace gw::control
