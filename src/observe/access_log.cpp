#include "observe/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

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

// Writes where room has been made. Literals are copied by a few moves, not by calls.
class LineWriter {
  public:
    explicit LineWriter(char* at) : at_(at) {}
    template <std::size_t kSize>
    LineWriter& literal(const char (&bytes)[kSize]) {
        std::memcpy(at_, bytes, kSize - 1);
        at_ += kSize - 1;
        return *this;
    }
    LineWriter& plain(std::string_view bytes) {
        if (!bytes.empty()) {
            std::memcpy(at_, bytes.data(), bytes.size());
            at_ += bytes.size();
        }
        return *this;
    }
    LineWriter& text(std::string_view bytes) {
        if (needs_no_escape(bytes)) {
            return plain(bytes);
        }
        std::string escaped;
        append_escaped(escaped, bytes);
        return plain(escaped);
    }
    LineWriter& target(std::string_view path, std::string_view query, bool has_query) {
        if (!has_query && path.size() <= kTargetMax) {
            return text(path);
        }
        std::string masked;
        append_masked_target(masked, path, query, has_query);
        return plain(masked);
    }
    LineWriter& number(std::uint64_t value) {
        at_ = std::to_chars(at_, at_ + 20, value).ptr;
        return *this;
    }
    LineWriter& millis(Instant::duration time) {
        at_ = write_millis(at_, time);
        return *this;
    }
    [[nodiscard]] char* end() const { return at_; }

  private:
    char* at_;
};

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
    // One check of room for the whole line: escaping makes at most six bytes of one.
    const std::size_t target = std::min(r.path.size(), kTargetMax) + std::min(r.query.size(), kTargetMax);
    const std::size_t texts = r.request_id.size() + r.trace_id.size() + r.method.size() + target +
                              r.route.size() + r.upstream.size() + r.ip.size() + r.user_id.size() +
                              r.tenant_id.size() + r.outcome.size() + r.detail.size();
    const std::size_t old_size = buffer_.size();
    buffer_.resize_and_overwrite(old_size + kLineOverhead + 6 * texts, [&](char* data, std::size_t) {
        return static_cast<std::size_t>(write_line(data + old_size, r) - data);
    });
    if (buffer_.size() >= kFlushBytes) {
        flush();
    }
}

char* AccessLog::write_line(char* at, const AccessRecord& r) {
    LineWriter line(at);
    line.literal(R"({"time":")").plain(timestamp_.text(r.time));
    line.literal(R"(","level":")").plain(level_name(r.level));
    line.literal(R"(","msg":"request","service":"api-gateway","requestId":")").plain(r.request_id);
    line.literal(R"(","traceId":")").plain(r.trace_id);
    line.literal(R"(","method":")").text(r.method);
    line.literal(R"(","path":")").target(r.path, r.query, r.has_query);
    line.literal(R"(","route":")").text(r.route);
    line.literal(R"(","status":)").number(static_cast<std::uint64_t>(r.status));
    line.literal(R"(,"durationMs":)").millis(r.duration);
    if (!r.upstream.empty()) {
        line.literal(R"(,"upstream":")").text(r.upstream);
        line.literal(R"(","upstreamMs":)").millis(r.upstream_duration);
    }
    line.literal(R"(,"ip":")").plain(r.ip);
    if (!r.user_id.empty()) {
        line.literal(R"(","userId":")").text(r.user_id);
    }
    if (!r.tenant_id.empty()) {
        line.literal(R"(","tenantId":")").text(r.tenant_id);
    }
    line.literal(R"(","bytesIn":)").number(r.bytes_in);
    line.literal(R"(,"bytesOut":)").number(r.bytes_out);
    line.literal(R"(,"protocol":")").plain(r.protocol);
    line.literal(R"(","outcome":")").plain(r.outcome);
    if (!r.detail.empty()) {
        line.literal(": ").text(r.detail);
    }
    line.literal("\"}\n");
    return line.end();
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
