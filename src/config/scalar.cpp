#include "config/scalar.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/encoding.hpp"

namespace gw::config {
namespace {

constexpr std::size_t kTextMax = 64UL * 1024;  // certificates and keys are the longest texts

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_letters(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, [](char x, char y) { return lower(x) == lower(y); });
}

// How many letters must be typed, dropped, changed or swapped to make `b` of `a` (optimal string
// alignment).
std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1);
    std::vector<std::size_t> above(b.size() + 1);
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) {
        above[j] = j;
    }
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0U : 1U)});
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1])) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        std::swap(before, above);
        std::swap(above, row);
    }
    return above[b.size()];
}

}  // namespace

std::string shown(const Text& text) {
    // As files of VARIABLES_DIR and ConfigMaps come by.
    const bool broken = text.text.ends_with('\n');
    return text.secret
               ? "is not usable"
               : "is " + quote(text.text) + (broken ? ", with a line break at its end" : "");
}

std::expected<bool, Flaw> parse_bool(const Text& text) {
    if (!text.in_quotes && (text.text == "true" || text.text == "false")) {
        return text.text == "true";
    }
    return std::unexpected(Flaw{shown(text), "write true or false, without quotes"});
}

std::expected<std::int64_t, Flaw> parse_integer(const Text& text, const Range& range) {
    const auto refuse = [&](std::string what) {
        const bool open = range.max == std::numeric_limits<std::int64_t>::max();
        return std::unexpected(Flaw{
            std::move(what),
            "use a whole number " +
                (open ? "of at least " + std::to_string(range.min)
                      : "from " + std::to_string(range.min) + " to " + std::to_string(range.max)) +
                (text.in_quotes ? ", without quotes" : "")});
    };
    std::int64_t number = 0;
    const std::string_view digits = text.text;
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error == std::errc::result_out_of_range && stop == end) {
        return refuse("is " + std::string(text.text.substr(0, 40)));
    }
    if (error != std::errc{} || stop != end || text.in_quotes) {
        return refuse(shown(text));
    }
    if (number < range.min || number > range.max) {
        return refuse("is " + std::to_string(number));
    }
    return number;
}

std::expected<std::string, Flaw> parse_string(const Text& text, const Check& check) {
    if (text.text.size() > kTextMax) {
        return std::unexpected(Flaw{"is longer than 65536 bytes", "shorten it"});
    }
    // What is shown as text, in labels of metrics say, would make all around it unreadable. Nobody
    // is shown a secret, which may be any bytes.
    if (!text.secret && !is_utf8(text.text)) {
        return std::unexpected(Flaw{"is no UTF-8", "write it, or save the file, as UTF-8"});
    }
    if (check.of != nullptr) {
        if (auto flaw = check.of(text.text)) {
            return std::unexpected(std::move(*flaw));
        }
    }
    return std::string(text.text);
}

std::expected<Cidr, Flaw> parse_cidr(const Text& text) {
    if (const auto cidr = Cidr::parse(text.text)) {
        return *cidr;
    }
    return std::unexpected(
        Flaw{shown(text), "write an address or a block such as 10.0.0.0/8 or fd00::/8"});
}

std::expected<std::size_t, Flaw> parse_name(const Text& text,
                                            std::span<const std::string_view> names) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (same_letters(text.text, names[i])) {
            return i;
        }
    }
    std::string remedy = "use ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        remedy += i == 0 ? "" : i + 1 == names.size() ? " or " : ", ";
        remedy += names[i];
    }
    return std::unexpected(Flaw{shown(text), std::move(remedy)});
}

std::string_view nearest(std::string_view name, std::span<const std::string_view> candidates) {
    constexpr std::size_t kNameMax = 64;  // longer ones are no slips of a finger
    std::string_view best;
    std::size_t least = std::clamp<std::size_t>(name.size() / 3, 1, 4) + 1;
    for (const std::string_view candidate : candidates) {
        if (name.size() > kNameMax || candidate.size() > kNameMax) {
            continue;
        }
        const std::size_t steps = distance(name, candidate);
        if (steps < least) {
            least = steps;
            best = candidate;
        }
    }
    return best;
}

}  // namespace gw::config
