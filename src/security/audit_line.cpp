#include "security/audit_line.hpp"

#include <openssl/evp.h>   // allow(homes): hashing helper
#include <openssl/hmac.h>  // allow(homes): hashing helper

#include <algorithm>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"
#include "observe/json_line.hpp"

namespace gw::security {
namespace {

constexpr std::size_t kHashText = 64;
constexpr std::string_view kPrev = "\",\"prev\":\"";
constexpr std::string_view kHash = "\",\"hash\":\"";

std::string_view cut(std::string_view text) {
    constexpr std::size_t kTextMax = 1024;  // a line stays within what a reader expects
    return text.substr(0, kTextMax);
}

bool is_hash(std::string_view text) {
    return text.size() == kHashText &&
           std::ranges::all_of(text, [](char c) { return hex_value(c) >= 0 && c == lower(c); });
}

}  // namespace

std::string audit_hash(std::string_view text, std::string_view secret) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool done = false;
    if (secret.empty()) {
        done = EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha256(), nullptr) == 1;
    } else {
        done = HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
                    reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest,
                    &size) != nullptr;
    }
    ensure(done && size == 32, "SHA-256 is there");
    return to_hex({reinterpret_cast<const char*>(digest), size});
}

std::string write_audit_line(std::string& out, const AuditEvent& event, std::string_view time,
                             const AuditHead& head, std::string_view secret) {
    const std::size_t begin = out.size();
    observe::JsonLine line(out);
    line.add("seq", static_cast<std::int64_t>(head.seq + 1));
    line.add("time", time);
    line.add("event", cut(event.event));
    line.add("requester", cut(event.requester));
    line.add("tenant", cut(event.tenant));
    line.add("address", cut(event.address));
    line.add("resource", cut(event.resource));
    line.add("decision", cut(event.decision));
    line.add("detail", cut(event.detail));
    line.add_plain("prev", head.hash);
    std::string hash = audit_hash(std::string_view(out).substr(begin), secret);
    line.add_plain("hash", hash);
    line.end();
    out += '\n';
    return hash;
}

std::optional<AuditLine> read_audit_line(std::string_view line) {
    constexpr std::string_view kSeq = "{\"seq\":";
    constexpr std::string_view kEvent = ",\"event\":\"";
    // The end has a fixed form, and no text of the record can look like it: quotes are escaped.
    const std::size_t end_size = kPrev.size() + kHashText + kHash.size() + kHashText + 2;
    if (line.size() < end_size + kSeq.size() || !line.starts_with(kSeq) || !line.ends_with("\"}")) {
        return std::nullopt;
    }
    const std::string_view end = line.substr(line.size() - end_size);
    AuditLine found;
    found.prev = end.substr(kPrev.size(), kHashText);
    found.hash = end.substr(kPrev.size() + kHashText + kHash.size(), kHashText);
    found.hashed = line.substr(0, line.size() - kHashText - kHash.size() - 1);
    const std::string_view digits = line.substr(
        kSeq.size(), line.find(',') == std::string_view::npos ? 0 : line.find(',') - kSeq.size());
    const auto seq = parse_decimal(digits);
    if (!seq || !end.starts_with(kPrev) ||
        end.substr(kPrev.size() + kHashText, kHash.size()) != kHash || !is_hash(found.prev) ||
        !is_hash(found.hash)) {
        return std::nullopt;
    }
    found.seq = *seq;
    if (const std::size_t event = line.find(kEvent); event != std::string_view::npos) {
        const std::string_view rest = line.substr(event + kEvent.size());
        found.event = rest.substr(0, rest.find('"'));
    }
    return found;
}

}  // namespace gw::security
