// Commands about what a key holds.
#include <array>

#include "base/text.hpp"
#include "state/embedded_commands.hpp"
#include "state/embedded_expiry.hpp"
#include "state/embedded_store.hpp"
#include "state/resp.hpp"

namespace gw::state {
namespace {

using Arguments = EmbeddedCommand::Arguments;
using Keys = EmbeddedCommand::Keys;

std::string current(EmbeddedStore& store, const std::string& key) {
    const EmbeddedStore::Value* const value = store.find(key);
    return value != nullptr ? resp_bulk(value->text) : resp_nil();
}

struct SetForm {
    bool absent = false;
    bool present = false;
    bool previous = false;  // answer with what was there
    bool same_end = false;
    std::optional<WallTime> expires;
};

// "", or an error.
std::string read_end(const EmbeddedStore& store, const EndForm& form, const std::string& amount,
                     std::string_view command, std::optional<WallTime>& expires) {
    const std::optional<std::int64_t> given = command_number(amount);
    if (!given) {
        return resp_error(kNoNumber);
    }
    expires = *given > 0 ? end_of(*given, form, store.now()) : std::nullopt;
    return expires
               ? ""
               : resp_error("ERR invalid expire time in '" + std::string(command) + "' command");
}

std::string read_set(const EmbeddedStore& store, const Arguments& a, SetForm& form) {
    for (std::size_t i = 3; i < a.size(); ++i) {
        const auto is = [&](std::string_view name) { return equal_ignore_case(a[i], name); };
        const std::optional<EndForm> end = end_form(a[i]);
        if (is("NX") && !form.present) {
            form.absent = true;
        } else if (is("XX") && !form.absent) {
            form.present = true;
        } else if (is("GET")) {
            form.previous = true;
        } else if (is("KEEPTTL") && !form.expires) {
            form.same_end = true;
        } else if (end && !form.expires && !form.same_end && i + 1 < a.size()) {
            std::string error = read_end(store, *end, a[++i], "set", form.expires);
            if (!error.empty()) {
                return error;
            }
        } else {
            return resp_error(kNoSyntax);
        }
    }
    return "";
}

std::string set(EmbeddedStore& store, const Arguments& a) {
    SetForm form;
    if (std::string error = read_set(store, a, form); !error.empty()) {
        return error;
    }
    const EmbeddedStore::Value* const old = store.find(a[1]);
    const bool there = old != nullptr;
    const std::string before = form.previous ? current(store, a[1]) : "";
    if ((form.absent && there) || (form.present && !there)) {
        return form.previous ? before : resp_nil();
    }
    if (form.same_end && there) {
        form.expires = old->expires;
    }
    if (!store.put(a[1], {a[2], form.expires})) {
        return resp_error(kNoRoom);
    }
    return form.previous ? before : resp_ok();
}

std::string set_ending(EmbeddedStore& store, const Arguments& a, const EndForm& form,
                       std::string_view command) {
    std::optional<WallTime> expires;
    if (std::string error = read_end(store, form, a[2], command, expires); !error.empty()) {
        return error;
    }
    return store.put(a[1], {a[3], expires}) ? resp_ok() : resp_error(kNoRoom);
}
std::string setex(EmbeddedStore& store, const Arguments& a) {
    return set_ending(store, a, {1'000, false}, "setex");
}
std::string psetex(EmbeddedStore& store, const Arguments& a) {
    return set_ending(store, a, {1, false}, "psetex");
}

std::string setnx(EmbeddedStore& store, const Arguments& a) {
    if (store.find(a[1]) != nullptr) {
        return resp_integer(0);
    }
    return store.put(a[1], {a[2], std::nullopt}) ? resp_integer(1) : resp_error(kNoRoom);
}

std::string get(EmbeddedStore& store, const Arguments& a) {
    return current(store, a[1]);
}

std::string getdel(EmbeddedStore& store, const Arguments& a) {
    std::string before = current(store, a[1]);
    store.remove(a[1]);
    return before;
}

std::string mget(EmbeddedStore& store, const Arguments& a) {
    std::vector<std::string> replies;
    replies.reserve(a.size() - 1);
    for (std::size_t i = 1; i < a.size(); ++i) {
        replies.push_back(current(store, a[i]));
    }
    return resp_array(replies);
}

std::string length(EmbeddedStore& store, const Arguments& a) {
    const EmbeddedStore::Value* const value = store.find(a[1]);
    return resp_integer(value != nullptr ? static_cast<std::int64_t>(value->text.size()) : 0);
}

constexpr std::array kCommands{
    EmbeddedCommand{"SET", 3, 16, Keys::one, set},
    EmbeddedCommand{"SETEX", 4, 4, Keys::one, setex},
    EmbeddedCommand{"PSETEX", 4, 4, Keys::one, psetex},
    EmbeddedCommand{"SETNX", 3, 3, Keys::one, setnx},
    EmbeddedCommand{"GET", 2, 2, Keys::one, get},
    EmbeddedCommand{"GETDEL", 2, 2, Keys::one, getdel},
    EmbeddedCommand{"MGET", 2, kRespArgumentsMax, Keys::all, mget},
    EmbeddedCommand{"STRLEN", 2, 2, Keys::one, length},
};

}  // namespace

std::span<const EmbeddedCommand> value_commands() {
    return kCommands;
}

}  // namespace gw::state
