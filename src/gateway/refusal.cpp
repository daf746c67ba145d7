#include "gateway/refusal.hpp"

#include <array>

#include "base/ensure.hpp"
#include "observe/json_line.hpp"
#include "observe/timestamp.hpp"

namespace gw::gateway {
namespace {

constexpr std::array kKinds{
#define REFUSAL(code, status, title, retry_after) RefusalKind{#code, status, title, retry_after},
#include "gateway/refusal.def"
#undef REFUSAL
};

}  // namespace

const RefusalKind& kind_of(Code code) {
    return kKinds[static_cast<std::size_t>(code)];
}

const char* kind_detail(Code code) {
    switch (code) {
        case Code::upstream_timeout:
            return "the service did not answer in time";
        case Code::overloaded:
            return "there is no room for this request at the moment; try again";
        case Code::circuit_open:
            return "the service fails too often to be asked at the moment; try again";
        case Code::no_healthy_upstream:
            return "no address of the service is known";
        default:
            return "the service could not be reached or gave no valid answer";
    }
}

Code code_for_status(int status) {
    switch (status) {
        case 405:
            return Code::method_not_allowed;
        case 408:
            return Code::request_timeout;
        case 413:
            return Code::payload_too_large;
        case 414:
            return Code::uri_too_long;
        case 417:
            return Code::expectation_failed;
        case 431:
            return Code::headers_too_large;
        case 501:
            return Code::not_implemented;
        case 505:
            return Code::version_not_supported;
        default:
            return Code::bad_request;
    }
}

bool refusal_for(const Error& error, Code& code) {
    if (error.code == Errc::cancelled) {
        return false;
    }
    if (error.fault == Fault::client) {
        switch (error.code) {
            case Errc::timeout:
                code = Code::request_timeout;
                return true;
            case Errc::too_large:
                code = Code::payload_too_large;
                return true;
            case Errc::head_too_large:
                code = Code::headers_too_large;
                return true;
            case Errc::malformed:
                code = Code::bad_request;
                return true;
            default:
                return false;  // the client is gone
        }
    }
    switch (error.code) {
        case Errc::timeout:
            code = Code::upstream_timeout;
            return true;
        case Errc::circuit_open:
            code = Code::circuit_open;
            return true;
        case Errc::exhausted:
            code = Code::overloaded;
            return true;
        case Errc::unreachable:
            code = error.retry == Retry::never ? Code::no_healthy_upstream : Code::bad_gateway;
            return true;
        default:
            code = Code::bad_gateway;
            return true;
    }
}

void write_problem(std::string& out, const Problem& problem) {
    const RefusalKind& kind = kind_of(problem.code);
    observe::Timestamp timestamp;
    observe::JsonLine line(out);
    line.add_plain("type", "about:blank");
    line.add_plain("title", kind.title);
    line.add("status", static_cast<std::int64_t>(kind.status));
    line.add("detail", problem.detail);
    // A target that could not be read has no path.
    line.add("instance", problem.instance.empty() ? std::string_view{"/"} : problem.instance);
    line.add_plain("code", kind.code);
    line.add("correlationId", problem.correlation_id);
    line.add_plain("timestamp", timestamp.text(problem.time));
    if (!problem.errors.empty()) {
        line.add_json("errors", problem.errors);
        line.add("moreErrors", problem.more_errors);
    }
    line.end();
}

}  // namespace gw::gateway
