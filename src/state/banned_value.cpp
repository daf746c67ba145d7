#include "state/banned_value.hpp"

#include <algorithm>
#include <array>
// allow(homes): notes are read on the control thread, never for a request
#include <boost/json/parse.hpp>
#include <chrono>
#include <cstdint>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "observe/json_line.hpp"
#include "observe/timestamp.hpp"

namespace gw::state {
namespace {

constexpr std::array<std::uint8_t, 12> kNat64 = {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0};
constexpr unsigned kNat64Bits = 96;

bool is_nat64(const IpAddress& address) {
    return !address.is_v4() && std::equal(kNat64.begin(), kNat64.end(), address.bytes().begin());
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n\v\f";
    const std::size_t begin = text.find_first_not_of(kSpace);
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string from_number(std::uint64_t number) {
    return IpAddress::v4(
               {static_cast<std::uint8_t>(number >> 24), static_cast<std::uint8_t>(number >> 16),
                static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)})
        .to_string();
}

// People pad to three digits and mean decimal numbers; no ban list is written in octal.
std::string without_padding(std::string_view quad) {
    std::string plain;
    while (true) {
        const std::size_t dot = quad.find('.');
        std::string_view number = quad.substr(0, dot);
        if (number.size() <= 3) {
            while (number.size() > 1 && number.front() == '0') {
                number.remove_prefix(1);
            }
        }
        plain += number;
        if (dot == std::string_view::npos) {
            return plain;
        }
        plain += '.';
        quad.remove_prefix(dot + 1);
    }
}

// In one of the strict forms, or as it is.
std::string strict_form(std::string_view address) {
    if (address.size() >= 2 && address.front() == '[' && address.back() == ']') {
        address = address.substr(1, address.size() - 2);
    }
    if (address.find(':') != std::string_view::npos) {
        const std::size_t zone = address.find('%');
        if (zone == address.size() - 1) {
            return std::string(address);
        }
        address = address.substr(0, zone);
        const std::size_t quad = address.rfind(':') + 1;
        return std::string(address.substr(0, quad)) + without_padding(address.substr(quad));
    }
    if (address.find('.') != std::string_view::npos) {
        return without_padding(address);
    }
    if (address.size() == 10 && address[0] == '0' && lower(address[1]) == 'x') {
        const auto bits = parse_hex(address.substr(2));
        return bits ? from_number(*bits) : std::string(address);
    }
    constexpr std::uint64_t kLeast = 1U << 24;  // smaller ones are slips: 0.0.0.1 is nobody
    const auto bits = parse_decimal(address);
    return bits && *bits >= kLeast && *bits <= UINT32_MAX ? from_number(*bits)
                                                          : std::string(address);
}

std::optional<WallTime> from_epoch(std::int64_t number) {
    constexpr std::int64_t kMsFrom = 100'000'000'000;    // as seconds, the year 5138
    constexpr std::int64_t kMsMost = 9'000'000'000'000;  // WallTime ends in 2262
    const std::int64_t ms = number >= kMsFrom ? number : number * 1000;
    if (number < 0 || ms > kMsMost) {
        return std::nullopt;
    }
    return WallTime(Millis(ms));
}

std::optional<WallTime> time_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* const value = object.if_contains(name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (const boost::json::string* text = value->if_string()) {
        return read_time({text->data(), text->size()});
    }
    const std::int64_t* number = value->if_int64();
    return number != nullptr ? from_epoch(*number) : std::nullopt;
}

std::optional<std::string> text_of(const boost::json::object& object, std::string_view name) {
    const boost::json::value* const value = object.if_contains(name);
    if (value == nullptr || !value->is_string()) {
        return std::nullopt;
    }
    return std::string(value->get_string());
}

std::optional<BanNote> read_json(std::string_view value) {
    if (value.empty() || value.front() != '{') {
        return std::nullopt;
    }
    boost::system::error_code error;
    const boost::json::value parsed = boost::json::parse(value, error);
    const boost::json::object* const object = parsed.if_object();
    if (error || object == nullptr) {
        return std::nullopt;
    }
    auto by = text_of(*object, "by");
    if (!by) {
        return std::nullopt;
    }
    return BanNote{.reason = text_of(*object, "reason").value_or(""),
                   .by = std::move(*by),
                   .since = time_of(*object, "since"),
                   .until = time_of(*object, "until"),
                   .by_hand = false};
}

}  // namespace

std::optional<WallTime> read_time(std::string_view text) {
    constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
    if (text.size() <= kForm.size() || text.back() != 'Z') {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < kForm.size(); ++i) {
        if (kForm[i] == 'd' ? !is_digit(text[i]) : text[i] != kForm[i]) {
            return std::nullopt;
        }
    }
    const auto number = [&](std::size_t at, std::size_t size) {
        return static_cast<unsigned>(parse_decimal(text.substr(at, size)).value_or(0));
    };
    const std::chrono::year_month_day day{std::chrono::year(static_cast<int>(number(0, 4))),
                                          std::chrono::month(number(5, 2)),
                                          std::chrono::day(number(8, 2))};
    if (!day.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 60 ||
        number(0, 4) < 1970 || number(0, 4) > 2261) {
        return std::nullopt;
    }
    std::string_view fraction = text.substr(kForm.size(), text.size() - kForm.size() - 1);
    std::int64_t ms = 0;
    if (!fraction.empty()) {
        if (fraction.front() != '.' || fraction.size() == 1 ||
            !std::ranges::all_of(fraction.substr(1), is_digit)) {
            return std::nullopt;
        }
        for (std::size_t i = 1; i <= 3; ++i) {
            ms = ms * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
        }
    }
    return std::chrono::sys_days(day) + std::chrono::hours(number(11, 2)) +
           std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)) + Millis(ms);
}

IpAddress banned_form(const IpAddress& address) {
    if (!is_nat64(address)) {
        return address;
    }
    const auto& bytes = address.bytes();
    return IpAddress::v4({bytes[12], bytes[13], bytes[14], bytes[15]});
}

std::optional<Cidr> parse_banned_block(std::string_view text) {
    text = trim(text);
    const std::size_t slash = text.find('/');
    std::string strict = strict_form(trim(text.substr(0, slash)));
    if (slash != std::string_view::npos) {
        strict += '/';
        strict += trim(text.substr(slash + 1));
    }
    auto block = Cidr::parse(strict);
    if (block && block->bits >= kNat64Bits && is_nat64(block->base)) {
        block = Cidr{banned_form(block->base), block->bits - kNat64Bits};
    }
    return block;
}

std::string to_text(const Cidr& block) {
    const unsigned width = block.base.is_v4() ? 32 : 128;
    return block.base.to_string() + (block.bits == width ? "" : "/" + std::to_string(block.bits));
}

bool is_called(std::string_view name) {
    constexpr std::size_t kMost = 512;  // more than any sub or tenant has
    return !name.empty() && name.size() <= kMost && is_utf8(name) &&
           std::ranges::none_of(
               name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
}

BanNote read_ban(std::string_view value) {
    value = trim(value);
    if (auto note = read_json(value)) {
        return std::move(*note);
    }
    BanNote note;
    note.by_hand = true;
    note.reason = value == "1" ? "" : value;
    return note;
}

std::string write_ban(const BanNote& note) {
    std::string out;
    observe::JsonLine line(out);
    observe::Timestamp timestamp;
    line.add("reason", note.reason);
    line.add("by", note.by);
    if (note.since) {
        line.add_plain("since", timestamp.text(*note.since));
    }
    if (note.until) {
        line.add_plain("until", timestamp.text(*note.until));
    }
    line.end();
    return out;
}

}  // namespace gw::state
