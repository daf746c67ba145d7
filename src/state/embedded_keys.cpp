// Commands about keys: which there are, and when they end.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "state/embedded_commands.hpp"
#include "state/embedded_expiry.hpp"
#include "state/embedded_store.hpp"
#include "state/glob.hpp"
#include "state/resp.hpp"

namespace gw::state {
namespace {

using Arguments = EmbeddedCommand::Arguments;
using Keys = EmbeddedCommand::Keys;

std::string erase(EmbeddedStore& store, const Arguments& a) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < a.size(); ++i) {
        count += store.remove(a[i]) ? 1 : 0;
    }
    return resp_integer(count);
}

std::string exists(EmbeddedStore& store, const Arguments& a) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < a.size(); ++i) {
        count += store.find(a[i]) != nullptr ? 1 : 0;
    }
    return resp_integer(count);
}

// When may an end be moved?
struct EndIf {
    bool nx = false;
    bool xx = false;
    bool gt = false;
    bool lt = false;

    // "", or an error.
    std::string read(const Arguments& a) {
        for (std::size_t i = 3; i < a.size(); ++i) {
            const auto is = [&](std::string_view word) { return equal_ignore_case(a[i], word); };
            bool* const option = is("NX")   ? &nx
                                 : is("XX") ? &xx
                                 : is("GT") ? &gt
                                 : is("LT") ? &lt
                                            : nullptr;
            if (option == nullptr) {
                return resp_error("ERR Unsupported option " + a[i].substr(0, 128));
            }
            *option = true;
        }
        if (nx && (xx || gt || lt)) {
            return resp_error(
                "ERR NX and XX, GT or LT options at the same time are not compatible");
        }
        return gt && lt ? resp_error("ERR GT and LT options at the same time are not compatible")
                        : "";
    }
    // A key without an end ends last.
    [[nodiscard]] bool holds(std::optional<WallTime> before, WallTime after) const {
        return !(nx && before) && !(xx && !before) && !(gt && (!before || after <= *before)) &&
               !(lt && before && after >= *before);
    }
};

std::string end_at(EmbeddedStore& store, const Arguments& a, const EndForm& form,
                   std::string_view command) {
    EndIf when;
    if (std::string wrong = when.read(a); !wrong.empty()) {
        return wrong;
    }
    const std::optional<std::int64_t> given = command_number(a[2]);
    if (!given) {
        return resp_error(kNoNumber);
    }
    const std::optional<WallTime> end = end_of(*given, form, store.now());
    if (!end) {
        return resp_error("ERR invalid expire time in '" + std::string(command) + "' command");
    }
    const EmbeddedStore::Value* const value = store.find(a[1]);
    if (value == nullptr || !when.holds(value->expires, *end)) {
        return resp_integer(0);
    }
    if (*end <= store.now()) {
        store.remove(a[1]);
        return resp_integer(1);
    }
    // The same size as before: there is room.
    return store.put(a[1], {value->text, end}) ? resp_integer(1) : resp_error(kNoRoom);
}
std::string expire(EmbeddedStore& store, const Arguments& a) {
    return end_at(store, a, {1'000, false}, "expire");
}
std::string pexpire(EmbeddedStore& store, const Arguments& a) {
    return end_at(store, a, {1, false}, "pexpire");
}
std::string expireat(EmbeddedStore& store, const Arguments& a) {
    return end_at(store, a, {1'000, true}, "expireat");
}
std::string pexpireat(EmbeddedStore& store, const Arguments& a) {
    return end_at(store, a, {1, true}, "pexpireat");
}

std::string persist(EmbeddedStore& store, const Arguments& a) {
    const EmbeddedStore::Value* const value = store.find(a[1]);
    if (value == nullptr || !value->expires) {
        return resp_integer(0);
    }
    return store.put(a[1], {value->text, std::nullopt}) ? resp_integer(1) : resp_error(kNoRoom);
}

std::string time_left(EmbeddedStore& store, const std::string& key, std::int64_t unit, bool until) {
    const EmbeddedStore::Value* const value = store.find(key);
    if (value == nullptr || !value->expires) {
        return resp_integer(value == nullptr ? -2 : -1);
    }
    if (until) {
        return resp_integer(epoch_ms(*value->expires) / unit);
    }
    const std::int64_t left =
        std::chrono::duration_cast<Millis>(*value->expires - store.now()).count();
    return resp_integer((left + unit / 2) / unit);
}
std::string ttl(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a[1], 1'000, false);
}
std::string pttl(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a[1], 1, false);
}
std::string expiretime(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a[1], 1'000, true);
}
std::string pexpiretime(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a[1], 1, true);
}

std::string type(EmbeddedStore& store, const Arguments& a) {
    return resp_status(store.find(a[1]) != nullptr ? "string" : "none");
}

std::string keys(EmbeddedStore& store, const Arguments& a) {
    std::vector<std::string> found;
    std::uint64_t cursor = 0;
    do {
        cursor = store.visit_from(cursor, SIZE_MAX,
                                  [&](const std::string& key, const EmbeddedStore::Value&) {
                                      if (glob_matches(a[1], key)) {
                                          found.push_back(key);
                                      }
                                  });
    } while (cursor != 0);
    std::ranges::sort(found);
    return resp_bulks(found);
}

std::string scan(EmbeddedStore& store, const Arguments& a) {
    const std::optional<std::uint64_t> from = parse_decimal(a[1]);
    if (!from) {
        return resp_error("ERR invalid cursor");
    }
    std::string_view pattern = "*";
    std::int64_t count = 10;
    bool strings = true;
    for (std::size_t i = 2; i < a.size(); i += 2) {
        if (i + 1 == a.size()) {
            return resp_error(kNoSyntax);
        }
        if (equal_ignore_case(a[i], "MATCH")) {
            pattern = a[i + 1];
        } else if (equal_ignore_case(a[i], "COUNT")) {
            const std::optional<std::int64_t> given = command_number(a[i + 1]);
            if (!given || *given < 1) {
                return resp_error(given ? kNoSyntax : kNoNumber);
            }
            count = *given;
        } else if (equal_ignore_case(a[i], "TYPE")) {
            strings = equal_ignore_case(a[i + 1], "string");
        } else {
            return resp_error(kNoSyntax);
        }
    }
    std::vector<std::string> found;
    const std::uint64_t next =
        store.visit_from(*from, static_cast<std::size_t>(count),
                         [&](const std::string& key, const EmbeddedStore::Value&) {
                             if (strings && glob_matches(pattern, key)) {
                                 found.push_back(key);
                             }
                         });
    return resp_array({resp_bulk(std::to_string(next)), resp_bulks(found)});
}

std::string size(EmbeddedStore& store, const Arguments& /*a*/) {
    return resp_integer(static_cast<std::int64_t>(store.size()));
}

std::string flush(EmbeddedStore& store, const Arguments& a) {
    if (a.size() > 1 && !equal_ignore_case(a[1], "ASYNC") && !equal_ignore_case(a[1], "SYNC")) {
        return resp_error(kNoSyntax);
    }
    store.clear();
    return resp_ok();
}

constexpr std::array kCommands{
    EmbeddedCommand{"DEL", 2, kRespArgumentsMax, Keys::all, erase},
    EmbeddedCommand{"UNLINK", 2, kRespArgumentsMax, Keys::all, erase},
    EmbeddedCommand{"EXISTS", 2, kRespArgumentsMax, Keys::all, exists},
    EmbeddedCommand{"EXPIRE", 3, kRespArgumentsMax, Keys::one, expire},
    EmbeddedCommand{"PEXPIRE", 3, kRespArgumentsMax, Keys::one, pexpire},
    EmbeddedCommand{"EXPIREAT", 3, kRespArgumentsMax, Keys::one, expireat},
    EmbeddedCommand{"PEXPIREAT", 3, kRespArgumentsMax, Keys::one, pexpireat},
    EmbeddedCommand{"PERSIST", 2, 2, Keys::one, persist},
    EmbeddedCommand{"TTL", 2, 2, Keys::one, ttl},
    EmbeddedCommand{"PTTL", 2, 2, Keys::one, pttl},
    EmbeddedCommand{"EXPIRETIME", 2, 2, Keys::one, expiretime},
    EmbeddedCommand{"PEXPIRETIME", 2, 2, Keys::one, pexpiretime},
    EmbeddedCommand{"TYPE", 2, 2, Keys::one, type},
    EmbeddedCommand{"KEYS", 2, 2, Keys::none, keys},
    EmbeddedCommand{"SCAN", 2, 8, Keys::none, scan},
    EmbeddedCommand{"DBSIZE", 1, 1, Keys::none, size},
    EmbeddedCommand{"FLUSHALL", 1, 2, Keys::none, flush},
    EmbeddedCommand{"FLUSHDB", 1, 2, Keys::none, flush},
};

}  // namespace

std::span<const EmbeddedCommand> key_commands() {
    return kCommands;
}

}  // namespace gw::state
