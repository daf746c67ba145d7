#include "http/accept_encoding.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"

namespace gw::http {
namespace {

// RFC 9110, 12.4.2, in thousandths.
std::optional<int> parse_weight(std::string_view text) {
    if (text.empty() || (text[0] != '0' && text[0] != '1') || text.size() > 5) {
        return std::nullopt;
    }
    int weight = (text[0] - '0') * 1'000;
    if (text.size() == 1) {
        return weight;
    }
    if (text[1] != '.') {
        return std::nullopt;
    }
    int unit = 100;
    for (const char c : text.substr(2)) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        weight += (c - '0') * unit;
        unit /= 10;
    }
    return weight <= 1'000 ? std::optional(weight) : std::nullopt;
}

struct Wish {
    std::string_view coding;
    int weight = 0;
};

// "gzip ; q=0.5". Nothing: not written so.
std::optional<Wish> parse_wish(std::string_view item) {
    const std::size_t semicolon = item.find(';');
    Wish wish{.coding = trim_ows(item.substr(0, semicolon)), .weight = 1'000};
    if (!is_token(wish.coding)) {
        return std::nullopt;
    }
    if (semicolon != std::string_view::npos) {
        const std::string_view parameter = trim_ows(item.substr(semicolon + 1));
        if (!starts_with_ignore_case(parameter, "q=")) {
            return std::nullopt;
        }
        const auto weight = parse_weight(parameter.substr(2));
        if (!weight) {
            return std::nullopt;
        }
        wish.weight = *weight;
    }
    return wish;
}

struct Wishes {
    std::array<std::optional<int>, 3> named{};  // by Coding
    std::optional<int> others;                  // "*"

    void take(const Wish& wish) {
        std::optional<int>* to = nullptr;
        if (wish.coding == "*") {
            to = &others;
        } else if (equal_ignore_case(wish.coding, "gzip") ||
                   equal_ignore_case(wish.coding, "x-gzip")) {  // RFC 9110, 8.4.1.3
            to = &named[static_cast<std::size_t>(Coding::gzip)];
        } else if (equal_ignore_case(wish.coding, "br")) {
            to = &named[static_cast<std::size_t>(Coding::br)];
        } else if (equal_ignore_case(wish.coding, "identity")) {
            to = &named[static_cast<std::size_t>(Coding::identity)];
        }
        if (to != nullptr) {
            *to = std::min(to->value_or(wish.weight), wish.weight);
        }
    }
    [[nodiscard]] std::optional<int> of(Coding coding) const {
        const auto& weight = named[static_cast<std::size_t>(coding)];
        return weight ? weight : others;
    }
};

}  // namespace

CodingChoice choose_coding(const Headers& request, std::span<const Coding> offered) {
    if (!request.has(Known::accept_encoding)) {
        return {};
    }
    Wishes wishes;
    for (const Field& field : request) {
        if (field.known != Known::accept_encoding) {
            continue;
        }
        CommaList list(field.value);
        for (std::string_view item; list.next(item);) {
            if (const auto wish = parse_wish(item)) {
                wishes.take(*wish);
            }
        }
    }
    // Identity is acceptable unless it is refused; only who names it prefers it to others.
    const auto& identity = wishes.named[static_cast<std::size_t>(Coding::identity)];
    CodingChoice choice{.coding = Coding::identity,
                        .identity_refused = wishes.of(Coding::identity) == 0};
    int best = identity.value_or(0);
    for (const Coding coding : offered) {
        const int weight = wishes.of(coding).value_or(0);
        if (weight > best || (weight == best && weight > 0 && choice.coding == Coding::identity)) {
            best = weight;
            choice.coding = coding;
        }
    }
    return choice;
}

}  // namespace gw::http
