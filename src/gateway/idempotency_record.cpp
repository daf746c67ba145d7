#include "gateway/idempotency_record.hpp"

#include <algorithm>
#include <charconv>

namespace gw::gateway {
namespace {

constexpr std::string_view kRunning = "running";
constexpr std::string_view kTooLarge = "too-large";
constexpr std::string_view kWithheld = "withheld";
constexpr std::string_view kAnswered = "answered";
constexpr std::size_t kFieldsMost = http::Headers::kFieldsMax - 40;  // beside our own

std::string joined(std::string_view word, std::string_view request) {
    return std::string(word).append(" ").append(request);
}

// Up to the next space or the end, which it takes too.
std::string_view word(std::string_view& text) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view found = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return found;
}

template <class Number>
bool number(std::string_view text, Number& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool read_lines(std::string_view lines, StoredAnswer& answer) {
    while (!lines.empty()) {
        const std::size_t colon = lines.find(": ");
        const std::size_t end = lines.find("\r\n");
        if (end == std::string_view::npos || colon == 0 || colon >= end ||
            answer.fields.size() >= kFieldsMost) {
            return false;
        }
        const std::string_view name = lines.substr(0, colon);
        const std::string_view value = lines.substr(colon + 2, end - colon - 2);
        if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
            return false;
        }
        answer.add(name, value, http::recognise(name));
        lines.remove_prefix(end + 2);
    }
    return true;
}

}  // namespace

std::string write_running(std::string_view request, std::string_view nonce) {
    return joined(kRunning, request).append(" ").append(nonce);
}

std::string write_too_large(std::string_view request) {
    return joined(kTooLarge, request);
}

std::string write_withheld(std::string_view request) {
    return joined(kWithheld, request);
}

std::string write_answered(std::string_view request, const StoredAnswer& answer) {
    std::string out = joined(kAnswered, request);
    out.append(" ").append(std::to_string(answer.status));
    out.append(" ").append(std::to_string(answer.lines.size())).append(" ");
    out += answer.lines;
    if (answer.body != nullptr) {
        out += *answer.body;
    }
    return out;
}

std::optional<IdempotencyRecord> read_idempotency(std::string_view text) {
    IdempotencyRecord record;
    const std::string_view is = word(text);
    record.request = word(text);
    if (record.request.empty()) {
        return std::nullopt;
    }
    if (is == kRunning) {
        word(text);  // the nonce, which gateways of before do not write
    }
    if (is == kRunning || is == kTooLarge || is == kWithheld) {
        using Is = IdempotencyRecord::Is;
        record.is = is == kRunning ? Is::running : is == kTooLarge ? Is::too_large : Is::withheld;
        return text.empty() ? std::optional(std::move(record)) : std::nullopt;
    }
    std::size_t lines = 0;
    if (is != kAnswered || !number(word(text), record.answer.status) ||
        record.answer.status < 200 || record.answer.status > 599 || !number(word(text), lines) ||
        lines > text.size() || !read_lines(text.substr(0, lines), record.answer)) {
        return std::nullopt;
    }
    record.is = IdempotencyRecord::Is::answered;
    record.answer.body = std::make_shared<const std::string>(text.substr(lines));
    return record;
}

}  // namespace gw::gateway
