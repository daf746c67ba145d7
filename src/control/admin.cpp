#include "control/admin.hpp"

#include "gateway/refusal.hpp"

namespace gw::control {
namespace {

constexpr std::string_view kProblem = "application/problem+json";
constexpr std::string_view kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace

Admin::Answer Admin::answer_to(const http::RequestHead& head) {
    Arena arena;
    if (head.path == "/metrics") {
        return {.status = 200, .content_type = kPrometheusText, .body = metrics_()};
    }
    if (const auto health =
            gateway::health_answer(head.path, *health_, loop_.clock().wall, arena)) {
        return {.status = health->status, .body = std::string(health->body)};
    }
    return {.status = 0, .body = {}};
}

net::Task<void> Admin::serve(http::Stream& stream) {
    const http::RequestHead& head = stream.head();
    std::array<char, 36> id;
    random_.uuid(id);
    const std::string_view request_id{id.data(), id.size()};

    Answer answer;
    std::optional<gateway::Code> refusal;
    const char* why = "";
    if (const http::H1Refusal* defect = stream.defect(); defect != nullptr) {
        refusal = gateway::code_for_status(defect->status);
        why = defect->detail;
    } else if (head.method != http::Method::get && head.method != http::Method::head) {
        refusal = gateway::Code::method_not_allowed;
        why = "this port is read with GET or HEAD";
    } else {
        answer = answer_to(head);
        if (answer.status == 0) {
            refusal = gateway::Code::not_found;
            why = "there is /metrics, /health, /health/live, /health/ready and /health/startup";
        }
    }
    if (refusal) {
        answer = {
            .status = gateway::kind_of(*refusal).status, .content_type = kProblem, .body = {}};
        gateway::write_problem(answer.body, {.code = *refusal,
                                             .detail = why,
                                             .instance = head.path,
                                             .correlation_id = request_id,
                                             .time = loop_.clock().wall});
    }
    http::ResponseHead out;
    out.status = answer.status;
    out.reason = http::reason_phrase(answer.status);
    out.framing = http::Framing::length;
    out.content_length = answer.body.size();
    const bool added = out.headers.add("Content-Type", answer.content_type) &&
                       out.headers.add("Cache-Control", "no-store") &&
                       out.headers.add("X-Request-Id", request_id) &&
                       out.headers.add("X-Correlation-Id", request_id);
    ensure(added, "four fields fit");
    [[maybe_unused]] const Result<void> sent =
        co_await stream.send(out, answer.body, true, nullptr);
}

}  // namespace gw::control
