#include "observe/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/copy_text.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "observe/json_line.hpp"

namespace gw::observe {
namespace {

// Of path and of query: longer ones say nothing more about who asked for what.
constexpr std::size_t kTargetMax = 2048;
// Other texts: a method, a route and an id are names, and what is longer is somebody's attempt.
constexpr std::size_t kTextMax = 512;
constexpr std::string_view kCut = "…";
constexpr std::size_t kEscapedMax = 6;  // bytes that one may become: \u0000

// Parameters whose values are secrets or lead to some. Compared without case, '-' and '_'.
constexpr std::array<std::string_view, 28> kSecretNames{
    "accesskey",    "accesstoken",   "apikey",
    "auth",         "authorization", "bearer",
    "clientsecret", "code",          "credential",
    "idtoken",      "jwt",           "key",
    "otp",          "passphrase",    "passwd",
    "password",     "privatekey",    "pwd",
    "refreshtoken", "secret",        "session",
    "sessionid",    "sig",           "signature",
    "sid",          "token",         "xamzsecuritytoken",
    "xamzsignature"};
constexpr std::size_t kSecretNameMax =
    std::ranges::max(kSecretNames, {}, &std::string_view::size).size();

bool is_secret(std::string_view folded) {
    return std::ranges::find(kSecretNames, folded) != kSecretNames.end();
}

// Reads a name as a service would: escapes decoded once, folded, and with the parts of
// "user[password]" and "login.token" told apart.
bool names_secret(std::string_view name) {
    std::array<char, kSecretNameMax> part{};
    std::size_t size = 0;
    bool fits = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
        char c = name[i];
        if (c == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 &&
            hex_value(name[i + 2]) >= 0) {
            c = static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2]));
            i += 2;
        }
        if (c == '[' || c == ']' || c == '.') {
            if (fits && is_secret({part.data(), size})) {
                return true;
            }
            size = 0;
            fits = true;
        } else if (c != '-' && c != '_') {
            fits = fits && size < part.size();
            if (fits) {
                part[size++] = lower(c);
            }
        }
    }
    return fits && is_secret({part.data(), size});
}

// How much of what stands between two '&' may be shown. Some services end a parameter at ';' too:
// then a later name may be the secret one, and what follows a secret one may still be its value.
std::size_t shown_of(std::string_view parameters) {
    std::size_t at = 0;
    while (at < parameters.size()) {
        const std::size_t end = std::min(parameters.find(';', at), parameters.size());
        const std::string_view one = parameters.substr(at, end - at);
        const std::size_t equals = one.find('=');
        if (equals != std::string_view::npos && names_secret(one.substr(0, equals))) {
            return at + equals + 1;
        }
        at = end + 1;
    }
    return parameters.size();
}

void append_cut(std::string& out, std::string_view text, std::size_t most) {
    append_escaped(out, text.substr(0, most));
    if (text.size() > most) {
        out += kCut;
    }
}

// Writes where room has been made. Literals are copied by a few moves, not by calls.
class LineWriter {
  public:
    LineWriter(char* at, std::string& scratch) : at_(at), scratch_(scratch) {}
    template <std::size_t kSize>
    LineWriter& literal(const char (&bytes)[kSize]) {
        std::memcpy(at_, bytes, kSize - 1);
        at_ += kSize - 1;
        return *this;
    }
    LineWriter& plain(std::string_view bytes) {
        at_ = copy_text(at_, bytes);
        return *this;
    }
    LineWriter& text(std::string_view bytes) {
        if (bytes.size() <= kTextMax && copy_plain(at_, bytes)) {
            at_ += bytes.size();
            return *this;
        }
        scratch_.clear();
        append_cut(scratch_, bytes, kTextMax);
        return plain(scratch_);
    }
    LineWriter& target(std::string_view path, std::string_view query, bool has_query) {
        if (!has_query && path.size() <= kTextMax) {
            return text(path);
        }
        scratch_.clear();
        append_masked_target(scratch_, path, query, has_query);
        return plain(scratch_);
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
    std::string& scratch_;
};

// The most that a text may take in a line.
std::size_t room_for(std::string_view text) {
    return kEscapedMax * std::min(text.size(), kTextMax);
}

}  // namespace

void append_masked_target(std::string& out, std::string_view path, std::string_view query,
                          bool has_query) {
    append_cut(out, path, kTargetMax);
    if (!has_query) {
        return;
    }
    out += '?';
    const bool cut = query.size() > kTargetMax;
    query = query.substr(0, kTargetMax);
    while (!query.empty()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view parameters = query.substr(0, end);
        const std::size_t shown = shown_of(parameters);
        append_escaped(out, parameters.substr(0, shown));
        if (shown < end) {
            out += "***";
        }
        if (end < query.size()) {
            out += '&';
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    if (cut) {
        out += kCut;
    }
}

void AccessLog::write(const AccessRecord& r) {
    // One check of room for the whole line. A mask is never longer than the escaped form of its
    // parameter might be: "key=" alone has room for 24 bytes.
    const std::size_t target =
        std::min(r.path.size(), kTargetMax) + std::min(r.query.size(), kTargetMax);
    const std::size_t room = kLineOverhead + kEscapedMax * target + room_for(r.request_id) +
                             r.trace_id.size() + room_for(r.method) + room_for(r.route) +
                             room_for(r.upstream) + room_for(r.parts) + r.ip.size() +
                             room_for(r.user_id) + room_for(r.tenant_id) + room_for(r.client_cert) +
                             r.protocol.size() + r.outcome.size() + room_for(r.detail);
    const std::size_t old_size = buffer_.size();
    buffer_.resize_and_overwrite(old_size + room, [&](char* data, std::size_t) {
        const auto size = static_cast<std::size_t>(write_line(data + old_size, r) - data);
        ensure(size <= old_size + room, "a line has the room that was made for it");
        return size;
    });
    if (buffer_.size() >= kFlushBytes) {
        flush();
    }
}

char* AccessLog::write_line(char* at, const AccessRecord& r) {
    LineWriter line(at, scratch_);
    line.literal(R"({"time":")").plain(timestamp_.text(r.time));
    line.literal(R"(","level":")").plain(level_name(r.level));
    line.literal(R"(","msg":"request","service":"api-gateway)");
    if (!r.request_id.empty()) {
        line.literal(R"(","requestId":")").text(r.request_id);
    }
    if (!r.trace_id.empty()) {
        line.literal(R"(","traceId":")").plain(r.trace_id);
    }
    line.literal(R"(","method":")").text(r.method);
    line.literal(R"(","path":")").target(r.path, r.query, r.has_query);
    line.literal(R"(","route":")").text(r.route);
    line.literal(R"(","status":)").number(static_cast<std::uint64_t>(std::max(r.status, 0)));
    line.literal(R"(,"durationMs":)").millis(r.duration);
    if (!r.upstream.empty()) {
        line.literal(R"(,"upstream":")").text(r.upstream);
        line.literal(R"(","upstreamMs":)").millis(r.upstream_duration);
    }
    if (!r.parts.empty()) {
        line.literal(R"(,"parts":")").text(r.parts).literal("\"");
    }
    line.literal(R"(,"ip":")").plain(r.ip);
    if (!r.user_id.empty()) {
        line.literal(R"(","userId":")").text(r.user_id);
    }
    if (!r.tenant_id.empty()) {
        line.literal(R"(","tenantId":")").text(r.tenant_id);
    }
    if (!r.client_cert.empty()) [[unlikely]] {
        line.literal(R"(","clientCert":")").text(r.client_cert);
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
    // Few lines are copied: their block may wait long, and it should not hold a large buffer
    // meanwhile.
    if (buffer_.size() < kFlushBytes / 2) {
        sink_.submit(std::string(buffer_));
        buffer_.clear();
        return;
    }
    std::string full;
    full.reserve(kFlushBytes + kLineReserve);
    full.swap(buffer_);
    sink_.submit(std::move(full));
}

}  // namespace gw::observe
