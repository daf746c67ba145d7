#include "observe/access_log.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "observe/json_line.hpp"

namespace gw::observe {
namespace {

constexpr std::size_t kTargetMax = 2048;   // of path and of query: what is longer is cut, and says so

// Parameters whose values are secrets or lead to some. Compared without case, '-' and '_'.
constexpr std::array<std::string_view, 17> kSecretNames{
    "token",   "accesstoken", "refreshtoken", "idtoken", "password",      "passwd",
    "secret",  "clientsecret", "apikey",      "key",     "signature",     "sig",
    "code",    "auth",         "authorization", "jwt",   "session"};

// The name of a parameter as a service would read it: escapes decoded once, folded.
bool names_secret(std::string_view name) {
    std::array<char, 16> folded;
    std::size_t size = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
        char c = name[i];
        if (c == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 && hex_value(name[i + 2]) >= 0) {
            c = static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2]));
            i += 2;
        }
        if (c == '-' || c == '_') {
            continue;
        }
        if (size == folded.size()) {
            return false;
        }
        folded[size++] = lower(c);
    }
    return std::ranges::find(kSecretNames, std::string_view{folded.data(), size}) != kSecretNames.end();
}

void append_cut(std::string& out, std::string_view text) {
    append_escaped(out, text.substr(0, kTargetMax));
    if (text.size() > kTargetMax) {
        out += "…";
    }
}

}  // namespace

void append_masked_target(std::string& out, std::string_view path, std::string_view query, bool has_query) {
    append_cut(out, path);
    if (!has_query) {
        return;
    }
    out += '?';
    bool cut = query.size() > kTargetMax;
    query = query.substr(0, kTargetMax);
    while (!query.empty()) {
        const std::size_t end = std::min(query.find_first_of("&;"), query.size());
        const std::string_view parameter = query.substr(0, end);
        const std::size_t equals = std::min(parameter.find('='), parameter.size());
        if (equals < parameter.size() && names_secret(parameter.substr(0, equals))) {
            append_escaped(out, parameter.substr(0, equals + 1));
            out += "***";
        } else {
            append_escaped(out, parameter);
        }
        if (end < query.size()) {
            out += query[end];
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    if (cut) {
        out += "…";
    }
}

void AccessLog::write(const AccessRecord& r) {
    JsonLine line(buffer_);
    line.add_plain("time", timestamp_.text(r.time));
    line.add_plain("level", level_name(r.level));
    line.add_plain("msg", "request");
    line.add_plain("service", "api-gateway");
    line.add_plain("requestId", r.request_id);
    line.add_plain("traceId", r.trace_id);
    line.add("method", r.method);
    line.add_plain("path", "");
    buffer_.pop_back();   // the closing quote: the target goes in before it
    append_masked_target(buffer_, r.path, r.query, r.has_query);
    buffer_ += '"';
    line.add("route", r.route);
    line.add("status", static_cast<std::int64_t>(r.status));
    line.add("durationMs", r.duration);
    if (!r.upstream.empty()) {
        line.add_plain("upstream", r.upstream);
        line.add("upstreamMs", r.upstream_duration);
    }
    line.add_plain("ip", r.ip);
    if (!r.user_id.empty()) {
        line.add("userId", r.user_id);
    }
    if (!r.tenant_id.empty()) {
        line.add("tenantId", r.tenant_id);
    }
    line.add("bytesIn", static_cast<std::int64_t>(r.bytes_in));
    line.add("bytesOut", static_cast<std::int64_t>(r.bytes_out));
    line.add_plain("protocol", r.protocol);
    line.add_plain("outcome", r.outcome);
    if (!r.detail.empty()) {
        buffer_.pop_back();
        buffer_ += ": ";
        append_escaped(buffer_, r.detail);
        buffer_ += '"';
    }
    line.end();
    buffer_ += '\n';
    if (buffer_.size() >= kFlushBytes) {
        flush();
    }
}

void AccessLog::flush() {
    if (buffer_.empty()) {
        return;
    }
    std::string full;
    full.reserve(kFlushBytes + kLineReserve);
    full.swap(buffer_);
    sink_.submit(std::move(full));
}

}  // namespace gw::observe
