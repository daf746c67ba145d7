#include "state/snapshot_text.hpp"

#include <openssl/sha.h>  // allow(homes): a sum over a file of the state's own

#include <algorithm>
#include <array>

#include "base/encoding.hpp"
#include "base/ensure.hpp"
#include "base/text.hpp"

namespace gw::state {
namespace {

constexpr std::string_view kName = "api-gateway state ";
constexpr std::string_view kHead = "api-gateway state 1\n";
constexpr std::string_view kEnd = "end ";
constexpr std::size_t kLineMax = 90;  // "end", a number of 20 digits and a sum of 64
// What a clock in nanoseconds can hold.
constexpr auto kEndMax =
    static_cast<std::uint64_t>(std::chrono::floor<Millis>(WallTime::duration::max()).count());

std::unexpected<SnapshotDamage> damaged(std::string_view text, std::string_view rest,
                                        const char* what) {
    return std::unexpected(SnapshotDamage{text.size() - rest.size(), what});
}

// The next line, without its end, which is taken with it.
std::optional<std::string_view> take_line(std::string_view& rest) {
    const std::size_t end = rest.substr(0, kLineMax).find('\n');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    return line;
}

// One space between words, and nothing else.
template <std::size_t kCount>
std::optional<std::array<std::string_view, kCount>> words_of(std::string_view line) {
    std::array<std::string_view, kCount> words;
    for (std::size_t i = 0; i < kCount; ++i) {
        const std::size_t end = i + 1 < kCount ? line.find(' ') : line.size();
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        words[i] = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
    }
    return words;
}

// Nothing: `rest` stands where it stood, and begins no entry.
std::optional<KnownEntry> take_entry(std::string_view& rest) {
    std::string_view after = rest;
    const auto line = take_line(after);
    const auto words = line ? words_of<3>(*line) : std::nullopt;
    if (!words) {
        return std::nullopt;
    }
    const auto& [end, key_word, value_word] = *words;
    const auto ms = end == "-" ? std::optional<std::uint64_t>(0) : parse_decimal(end);
    const auto key = parse_decimal(key_word);
    const auto value = parse_decimal(value_word);
    if (!ms || *ms > kEndMax || !key || !value || *key >= after.size() ||
        *value >= after.size() - *key || after[*key + *value] != '\n') {
        return std::nullopt;
    }
    KnownEntry entry{std::string(after.substr(0, *key)), std::string(after.substr(*key, *value)),
                     std::nullopt};
    if (end != "-") {
        entry.expires = WallTime(Millis{*ms});
    }
    rest = after.substr(*key + *value + 1);
    return entry;
}

std::string sum_of(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum.data());
    return to_hex({reinterpret_cast<const char*>(sum.data()), sum.size()});
}

}  // namespace

SnapshotWriter::SnapshotWriter() : sum_(EVP_MD_CTX_new()), text_(kHead) {
    ensure(sum_ != nullptr && EVP_DigestInit_ex(sum_.get(), EVP_sha256(), nullptr) == 1,
           "SHA-256 is there");
}

void SnapshotWriter::add(std::string_view key, std::string_view value,
                         std::optional<WallTime> expires) {
    text_ += expires ? std::to_string(std::max<std::int64_t>(0, epoch_ms(*expires))) : "-";
    text_ += ' ';
    text_ += std::to_string(key.size());
    text_ += ' ';
    text_ += std::to_string(value.size());
    text_ += '\n';
    text_ += key;
    text_ += value;
    text_ += '\n';
    ++entries_;
}

void SnapshotWriter::sum_up() {
    const std::string_view part = std::string_view(text_).substr(summed_);
    ensure(EVP_DigestUpdate(sum_.get(), part.data(), part.size()) == 1, "SHA-256 goes on");
    summed_ = text_.size();
}

void SnapshotWriter::end() {
    sum_up();
    std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
    unsigned size = 0;
    ensure(EVP_DigestFinal_ex(sum_.get(), sum.data(), &size) == 1, "SHA-256 ends");
    text_ += kEnd;
    text_ += std::to_string(entries_);
    text_ += ' ';
    text_ += to_hex({reinterpret_cast<const char*>(sum.data()), size});
    text_ += '\n';
    summed_ = text_.size();
}

std::string SnapshotWriter::take() {
    if (summed_ < text_.size()) {
        sum_up();
    }
    summed_ = 0;
    return std::exchange(text_, {});
}

std::expected<std::vector<KnownEntry>, SnapshotDamage> read_snapshot(std::string_view text) {
    std::string_view rest = text;
    if (!rest.starts_with(kHead)) {
        return damaged(text, rest,
                       rest.starts_with(kName) ? "this is a snapshot of another version"
                                               : "this is no snapshot of the gateway's state");
    }
    rest.remove_prefix(kHead.size());
    std::vector<KnownEntry> entries;
    while (!rest.starts_with(kEnd)) {
        auto entry = take_entry(rest);
        if (!entry) {
            return damaged(text, rest,
                           rest.empty() ? "the file has no end" : "this is no whole entry");
        }
        entries.push_back(std::move(*entry));
    }
    std::string_view after = rest;
    const auto line = take_line(after);
    if (!line || !after.empty() ||
        *line != std::string(kEnd) + std::to_string(entries.size()) + " " +
                     sum_of(text.substr(0, text.size() - rest.size()))) {
        return damaged(text, rest, "the end does not fit what stands before it");
    }
    return entries;
}

}  // namespace gw::state
