#include "observe/access_log.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/copy_text.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "observe/json_line.hpp"
#include "observe/masked_target.hpp"

namespace gw::observe {
namespace {

// Other texts: a method, a route and an id are names, and what is longer is somebody's attempt.
constexpr std::size_t kTextMax = 512;
constexpr std::size_t kEscapedMax = 6;  // bytes that one may become: \u0000

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
        if (!has_query && path.size() <= kTextMax && !holds_token(path)) {
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

void AccessLog::write(const AccessRecord& r) {
    // One check of room for the whole line. A mask is never longer than the escaped form of its
    // parameter might be: "key=" alone has room for 24 bytes.
    const std::size_t target =
        std::min(r.path.size(), kTargetMax) + std::min(r.query.size(), kTargetMax);
    const std::size_t room =
        kLineOverhead + origin_.size() + kEscapedMax * target + room_for(r.request_id) +
        r.trace_id.size() + room_for(r.method) + room_for(r.route) + room_for(r.upstream) +
        room_for(r.parts) + r.ip.size() + room_for(r.user_id) + room_for(r.tenant_id) +
        room_for(r.client_cert) + r.protocol.size() + r.outcome.size() + room_for(r.detail);
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
    line.plain(origin_);
    line.literal(R"(","method":")").text(r.method);
    line.literal(R"(","path":")").target(r.path, r.query, r.has_query);
    line.literal(R"(","route":")").text(r.route);
    line.literal(R"(","status":)").number(static_cast<std::uint64_t>(std::max(r.status, 0)));
    line.literal(R"(,"durationMs":)").millis(r.duration);
    if (!r.upstream.empty()) {
        line.literal(R"(,"upstream":")").text(r.upstream).literal("\"");
    }
    if (r.upstream_duration) {
        line.literal(R"(,"upstreamMs":)").millis(*r.upstream_duration);
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
    if (r.sampled) [[unlikely]] {
        line.literal(R"(","sampled":true})").literal("\n");
    } else {
        line.literal("\"}\n");
    }
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
