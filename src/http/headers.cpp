#include "http/headers.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/text.hpp"

namespace gw::http {

namespace {

constexpr std::array kNames = {std::string_view{},
#define X(id, name) std::string_view{name},
                               GW_KNOWN_FIELDS(X)
#undef X
};
static_assert(kNames.size() <= 64, "Headers keeps one bit for each recognised name in 64 bits");

constexpr std::size_t kShortest = 2;
constexpr std::size_t kLongest = 24;  // three words of eight bytes cover a name

static_assert(std::ranges::all_of(kNames.begin() + 1, kNames.end(),
                                  [](std::string_view name) {
                                      return name.size() >= kShortest && name.size() <= kLongest;
                                  }),
              "a name does not fit three words");

// A name as three words that overlap, so that it is compared without a loop. An entry's mask has
// the case bit of each letter: or-ing it into a word folds letters and nothing else.
struct Words {
    std::array<std::uint64_t, 3> text{};
};

template <class Byte>
constexpr std::uint64_t gather(Byte byte, std::size_t from, std::size_t count) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) {
        word |= static_cast<std::uint64_t>(byte(from + i)) << (8 * i);
    }
    return word;
}

template <class Byte>
constexpr Words words_of(Byte byte, std::size_t size) {
    if (size >= 8) {
        return {{gather(byte, 0, 8), gather(byte, std::min<std::size_t>(8, size - 8), 8),
                 gather(byte, size - 8, 8)}};
    }
    if (size >= 4) {
        return {{gather(byte, 0, 4), gather(byte, size - 4, 4), 0}};
    }
    return {{gather(byte, 0, 2), gather(byte, size - 1, 1), 0}};
}

template <class Word>
std::uint64_t load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof word);
    if constexpr (std::endian::native == std::endian::big) {
        word = std::byteswap(word);
    }
    return word;
}

Words load_words(std::string_view name) {
    const char* at = name.data();
    const std::size_t size = name.size();
    if (size >= 8) {
        return {{load<std::uint64_t>(at),
                 load<std::uint64_t>(at + std::min<std::size_t>(8, size - 8)),
                 load<std::uint64_t>(at + size - 8)}};
    }
    if (size >= 4) {
        return {{load<std::uint32_t>(at), load<std::uint32_t>(at + size - 4), 0}};
    }
    return {{load<std::uint16_t>(at), static_cast<unsigned char>(at[size - 1]), 0}};
}

struct Entry {
    Words folded;
    Words mask;
    std::uint8_t size = 0;
    std::uint8_t next = 0;  // another name in the same slot; 0: no more
};

// Length and three letters tell the names apart: with these factors only two of 43 share a slot.
constexpr std::size_t slot_of(std::string_view name) {
    const auto letter = [name](std::size_t at) {
        return static_cast<unsigned char>(name[at]) | 0x20U;
    };
    return (letter(0) * 79 + letter(name.size() / 2) * 76 + letter(name.size() - 1) * 75 +
            name.size() * 51) %
           256;
}

struct Catalogue {
    std::array<Entry, kNames.size()> entries{};  // by Known
    std::array<std::uint8_t, 256> slots{};       // the first entry of each; 0: nobody
};

consteval Catalogue make_catalogue() {
    Catalogue made;
    for (std::size_t i = 1; i < kNames.size(); ++i) {
        const std::string_view name = kNames[i];
        const auto letter = [name](std::size_t at) {
            return static_cast<unsigned char>(lower(name[at]));
        };
        const auto case_bit = [name](std::size_t at) {
            const char c = lower(name[at]);
            return static_cast<unsigned char>(c >= 'a' && c <= 'z' ? 0x20 : 0);
        };
        std::uint8_t& slot = made.slots[slot_of(name)];
        made.entries[i] = {words_of(letter, name.size()), words_of(case_bit, name.size()),
                           static_cast<std::uint8_t>(name.size()), slot};
        slot = static_cast<std::uint8_t>(i);
    }
    return made;
}

constexpr Catalogue kCatalogue = make_catalogue();

bool same(const Entry& entry, const Words& words) {
    std::uint64_t difference = 0;
    for (std::size_t i = 0; i < words.text.size(); ++i) {
        difference |= (words.text[i] | entry.mask.text[i]) ^ entry.folded.text[i];
    }
    return difference == 0;
}

// X-Resource-Tenant guards tenants from each other: a service whose framework writes names with '_'
// means no less by it.
bool is_owner(std::string_view name) {
    constexpr std::string_view kOwner = kNames[static_cast<std::size_t>(Known::x_resource_tenant)];
    return name.size() == kOwner.size() && lower(name.front()) == 'x' &&
           std::ranges::equal(name, kOwner, [](char c, char expected) {
               return lower(c) == lower(expected) || (c == '_' && expected == '-');
           });
}

}  // namespace

Known recognise(std::string_view name) {
    if (name.size() < kShortest || name.size() > kLongest) {
        return Known::other;
    }
    for (std::uint8_t i = kCatalogue.slots[slot_of(name)]; i != 0; i = kCatalogue.entries[i].next) {
        const Entry& entry = kCatalogue.entries[i];
        if (entry.size == name.size() && same(entry, load_words(name))) {
            return static_cast<Known>(i);
        }
    }
    return is_owner(name) ? Known::x_resource_tenant : Known::other;
}

std::string_view canonical_name(Known known) {
    return kNames[static_cast<std::size_t>(known)];
}

}  // namespace gw::http
