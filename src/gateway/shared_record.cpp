#include "gateway/shared_record.hpp"

#include <array>
#include <limits>

#include "base/text.hpp"
#include "security/request_signature.hpp"

namespace gw::gateway {
namespace {

using std::chrono::seconds;

constexpr std::string_view kMark = "gw1 ";
constexpr std::size_t kFieldsMost = http::Headers::kFieldsMax - 40;  // beside our own
constexpr std::size_t kVaryMost = 64;

void put(std::string& out, std::string_view text) {
    out.append(std::to_string(text.size())).append(":").append(text);
}
void put(std::string& out, std::int64_t number) {
    put(out, std::to_string(number));
}

// Takes what put() has written off the front; one wrong step makes all of it wrong.
class Fields {
  public:
    explicit Fields(std::string_view text) : rest_(text) {}

    std::string_view text() {
        const std::size_t colon = rest_.substr(0, 12).find(':');
        const auto size =
            colon == std::string_view::npos ? std::nullopt : parse_decimal(rest_.substr(0, colon));
        if (!good_ || !size || *size > rest_.size() - colon - 1) {
            good_ = false;
            return {};
        }
        const std::string_view found = rest_.substr(colon + 1, *size);
        rest_.remove_prefix(colon + 1 + *size);
        return found;
    }
    std::int64_t number(std::int64_t most) {
        const std::string_view digits = text();
        const auto found = parse_decimal(digits);
        good_ = good_ && found && *found <= static_cast<std::uint64_t>(most);
        return good_ ? static_cast<std::int64_t>(*found) : 0;
    }
    bool flag() { return number(1) == 1; }
    void refuse() { good_ = false; }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool done() const { return good_ && rest_.empty(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

// What frames a message, or belongs to a connection, is never kept.
bool may_stand_in_record(std::string_view name) {
    constexpr std::array<std::string_view, 7> kNever{
        "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade",
        "te",         "trailer"};
    for (const std::string_view never : kNever) {
        if (equal_ignore_case(name, never)) {
            return false;
        }
    }
    return is_token(name) && http::recognise(name) != http::Known::x_resource_tenant;
}

void read_lines(Fields& in, StoredAnswer& answer) {
    constexpr std::size_t kLinesMost = 8'192;  // as where it was kept first
    std::string_view lines = in.text();
    if (lines.size() > kLinesMost) {
        in.refuse();
        return;
    }
    while (!lines.empty()) {
        const std::size_t colon = lines.find(": ");
        const std::size_t end = lines.find("\r\n");
        if (end == std::string_view::npos || colon >= end || answer.fields.size() >= kFieldsMost) {
            in.refuse();
            return;
        }
        const std::string_view name = lines.substr(0, colon);
        const std::string_view value = lines.substr(colon + 2, end - colon - 2);
        if (!may_stand_in_record(name) ||
            value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
            in.refuse();
            return;
        }
        answer.add(name, value, http::recognise(name));
        lines.remove_prefix(end + 2);
    }
}

void read_vary(Fields& in, StoredAnswer& answer) {
    const auto count = in.number(kVaryMost);
    for (std::int64_t i = 0; i < count && in.good(); ++i) {
        const std::string name(in.text());
        answer.vary.push_back({name, std::string(in.text())});
    }
}

http::Freshness read_freshness(Fields& in) {
    constexpr std::int64_t kMost = http::kDeltaSecondsMax.count();
    http::Freshness out;
    out.lifetime = seconds{in.number(kMost)};
    out.initial_age = seconds{in.number(kMost)};
    out.stale_while_revalidate = seconds{in.number(kMost)};
    out.stale_if_error = seconds{in.number(kMost)};
    out.always_validate = in.flag();
    out.never_stale = in.flag();
    return out;
}

}  // namespace

std::string write_shared(const SharedPlace& place, const StoredAnswer& answer, Millis fetched_in,
                         std::string_view secret) {
    const http::Freshness& fresh = answer.freshness;
    std::string rest;
    rest.reserve(512 + answer.lines.size() + answer.body->size());
    put(rest, place.site);
    put(rest, place.uri);
    put(rest, place.who);
    put(rest, answer.status);
    for (const seconds time :
         {fresh.lifetime, fresh.initial_age, fresh.stale_while_revalidate, fresh.stale_if_error}) {
        put(rest, std::min(time, http::kDeltaSecondsMax).count());
    }
    put(rest, fresh.always_validate ? 1 : 0);
    put(rest, fresh.never_stale ? 1 : 0);
    put(rest, std::max<std::int64_t>(fetched_in.count(), 0));
    put(rest, answer.path);
    put(rest, answer.tenant);
    put(rest, answer.tags);
    put(rest, answer.surrogate);
    put(rest, static_cast<std::int64_t>(answer.vary.size()));
    for (const StoredAnswer::Selecting& one : answer.vary) {
        put(rest, one.name);
        put(rest, one.value);
    }
    put(rest, answer.lines);
    put(rest, *answer.body);
    return std::string(kMark).append(security::digest_of({secret, rest})).append(rest);
}

std::optional<SharedRecord> read_shared(std::string_view text, const SharedPlace& place,
                                        std::string_view secret) {
    constexpr std::size_t kFront = kMark.size() + security::kHexDigest;
    if (text.size() < kFront || !text.starts_with(kMark) ||
        security::digest_of({secret, text.substr(kFront)}) !=
            text.substr(kMark.size(), security::kHexDigest)) {
        return std::nullopt;
    }
    Fields in(text.substr(kFront));
    if (in.text() != place.site || in.text() != place.uri || in.text() != place.who) {
        return std::nullopt;
    }
    SharedRecord record{.answer = std::make_shared<StoredAnswer>()};
    StoredAnswer& answer = *record.answer;
    answer.status = static_cast<int>(in.number(599));
    answer.freshness = read_freshness(in);
    record.fetched_in = Millis{in.number(std::numeric_limits<std::int32_t>::max())};
    answer.path = in.text();
    answer.tenant = in.text();
    answer.tags = in.text();
    answer.surrogate = in.text();
    read_vary(in, answer);
    read_lines(in, answer);
    answer.body = std::make_shared<const std::string>(in.text());
    const bool whose =
        answer.tenant.empty() ? place.who.empty() : place.who.starts_with(answer.tenant + "\n");
    const bool good =
        in.done() && whose && answer.status >= 200 && answer.status != 206 && answer.status != 304;
    return good ? std::optional(std::move(record)) : std::nullopt;
}

std::string selection_of(const std::vector<StoredAnswer::Selecting>& selecting) {
    std::string out;
    for (const StoredAnswer::Selecting& one : selecting) {
        for (const char c : one.name) {
            out += lower(c);
        }
        out.append("\n").append(std::to_string(one.value.size())).append(":").append(one.value);
    }
    return out;
}

}  // namespace gw::gateway
