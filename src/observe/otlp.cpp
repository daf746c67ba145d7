#include "observe/otlp.hpp"

#include <charconv>
#include <utility>

#include "base/version.hpp"
#include "observe/json_line.hpp"
#include "observe/metrics.hpp"

namespace gw::observe {
namespace {

using Part = TraceRecord::Part;

// Of spans (opentelemetry.proto.trace.v1).
constexpr int kServer = 2;
constexpr int kClient = 3;
constexpr int kInternal = 1;
constexpr int kStatusError = 2;

class Attributes {
  public:
    explicit Attributes(std::string& out) : out_(out) { out_ += R"("attributes":[)"; }
    void text(std::string_view name, std::string_view value) {
        if (!value.empty()) {
            begin(name);
            out_ += R"({"stringValue":")";
            append_escaped(out_, value);
            out_ += "\"}}";
        }
    }
    void number(std::string_view name, std::int64_t value) {
        begin(name);
        out_ += R"({"intValue":")" + std::to_string(value) + "\"}}";
    }
    void end() { out_ += ']'; }

  private:
    void begin(std::string_view name) {
        out_ += first_ ? "" : ",";
        first_ = false;
        out_ += R"({"key":")";
        out_ += name;
        out_ += R"(","value":)";
    }
    std::string& out_;
    bool first_ = true;
};

template <std::size_t kSize>
std::string_view view(const std::array<char, kSize>& id) {
    return {id.data(), kSize};
}

// Of a moment of the request, by the wall clock at its end.
std::string nanoseconds(const TraceRecord& trace, Instant at) {
    const auto ended =
        std::chrono::duration_cast<std::chrono::nanoseconds>(trace.ended_at.time_since_epoch());
    return std::to_string((ended - (trace.ended - at)).count());
}

void begin_span(std::string& out, const TraceRecord& trace, std::string_view id,
                std::string_view parent, int kind) {
    out += R"({"traceId":")";
    out += view(trace.trace.trace_id);
    out += R"(","spanId":")";
    out += id;
    if (!parent.empty()) {
        out += R"(","parentSpanId":")";
        out += parent;
    }
    out += R"(","kind":)" + std::to_string(kind) + R"(,"name":")";
}

void add_times(std::string& out, const TraceRecord& trace, Instant began, Instant ended) {
    out += R"(","startTimeUnixNano":")" + nanoseconds(trace, began);
    out += R"(","endTimeUnixNano":")" + nanoseconds(trace, ended) + R"(",)";
}

void end_span(std::string& out, bool error) {
    if (error) {
        out += R"(,"status":{"code":)" + std::to_string(kStatusError) + "}";
    }
    out += "}";
}

// What semantic conventions call a method that is none of theirs, and what it is called in names.
std::string_view method_of(const TraceRecord& trace) {
    return trace.method == "OTHER" ? "_OTHER" : std::string_view(trace.method);
}
std::string_view begin_of_name(const TraceRecord& trace) {
    return trace.method == "OTHER" ? "HTTP" : std::string_view(trace.method);
}

// "10.0.0.1:80", "[::1]:80"
void add_peer(Attributes& attributes, std::string_view endpoint) {
    const std::size_t colon = endpoint.rfind(':');
    if (colon == std::string_view::npos) {
        return;
    }
    std::string_view address = endpoint.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']')) {
        address = address.substr(1, address.size() - 2);
    }
    const std::string_view digits = endpoint.substr(colon + 1);
    std::int64_t port = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    for (const auto& [name_of_address, name_of_port] :
         {std::pair("server.address", "server.port"),
          std::pair("network.peer.address", "network.peer.port")}) {
        attributes.text(name_of_address, address);
        attributes.number(name_of_port, port);
    }
}

void add_request(std::string& out, const TraceRecord& trace) {
    const bool begins = trace.parent == TraceRecord::SpanId{};
    begin_span(out, trace, view(trace.trace.span_id),
               begins ? std::string_view{} : view(trace.parent), kServer);
    const bool routed = trace.route != kNoRoute;
    append_escaped(out, begin_of_name(trace));
    if (routed) {
        out += ' ';
        append_escaped(out, trace.route);
    }
    add_times(out, trace, trace.began, trace.ended);
    Attributes attributes(out);
    attributes.text("http.request.method", method_of(trace));
    attributes.text("url.path", trace.path);
    attributes.text("url.scheme", trace.secure ? "https" : "http");
    attributes.text("http.route", routed ? std::string_view(trace.route) : std::string_view());
    attributes.number("http.response.status_code", trace.status);
    attributes.text("network.protocol.version", trace.protocol);
    attributes.text("client.address", trace.client);
    attributes.text("user.id", trace.user);
    attributes.text("tenant.id", trace.tenant);
    attributes.text("gateway.request_id", trace.request_id);
    attributes.text("gateway.outcome", trace.outcome);
    attributes.text("gateway.detail", trace.detail);
    if (trace.status >= 500) {
        attributes.text("error.type", std::to_string(trace.status));
    }
    attributes.end();
    end_span(out, trace.status >= 500);
}

void add_part(std::string& out, const TraceRecord& trace, const Part& part) {
    const bool attempt = part.kind == Part::Kind::attempt;
    begin_span(out, trace, view(part.id), view(trace.trace.span_id), attempt ? kClient : kInternal);
    if (attempt) {
        append_escaped(out, begin_of_name(trace));
        out += ' ';
    } else {
        out += "wait ";
    }
    append_escaped(out, part.name);
    add_times(out, trace, part.began, part.ended);
    Attributes attributes(out);
    const bool error = !part.error.empty() || part.status >= 500;
    if (attempt) {
        attributes.text("http.request.method", method_of(trace));
        attributes.text("peer.service", part.name);
        add_peer(attributes, part.endpoint);
        if (part.status != 0) {
            attributes.number("http.response.status_code", part.status);
        }
        if (part.again > 0) {
            attributes.number("http.request.resend_count", part.again);
        }
        attributes.text("error.type", !part.error.empty()  ? std::string(part.error)
                                      : part.status >= 500 ? std::to_string(part.status)
                                                           : std::string());
    } else {
        attributes.text("gateway.stage", part.name);
    }
    attributes.end();
    end_span(out, error);
}

}  // namespace

std::string otlp_request(std::span<const std::unique_ptr<TraceRecord>> traces,
                         const TraceResource& resource) {
    std::string out = R"({"resourceSpans":[{"resource":{)";
    Attributes attributes(out);
    attributes.text("service.name", "api-gateway");
    attributes.text("service.version", kVersion);
    attributes.text("service.instance.id", resource.instance_id);
    attributes.text("cloud.region", resource.region);
    attributes.end();
    out += R"(},"scopeSpans":[{"scope":{"name":"api-gateway"},"spans":[)";
    bool first = true;
    for (const std::unique_ptr<TraceRecord>& trace : traces) {
        out += first ? "" : ",";
        first = false;
        add_request(out, *trace);
        for (const Part& part : trace->parts) {
            out += ',';
            add_part(out, *trace, part);
        }
    }
    out += "]}]}]}";
    return out;
}

}  // namespace gw::observe
