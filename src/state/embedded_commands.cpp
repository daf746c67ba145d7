#include "state/embedded_commands.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

#include "base/text.hpp"
#include "base/version.hpp"
#include "state/embedded_store.hpp"
#include "state/resp.hpp"

namespace gw::state {
namespace {

using Arguments = EmbeddedStore::Arguments;

std::optional<std::int64_t> number_of(const std::string& text) {
    std::int64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

constexpr std::string_view kNotANumber = "ERR value is not an integer or out of range";
constexpr std::string_view kFull = "OOM command not allowed when used memory > 'maxmemory'.";
constexpr std::int64_t kMillisMax = 9'000'000'000'000'000 / 1'000;  // fits a clock in nanoseconds

std::string status(std::string_view text) {
    return "+" + std::string(text) + "\r\n";
}

std::string ping(EmbeddedStore&, const Arguments& a) {
    return a.size() > 1 ? resp_bulk(a[1]) : status("PONG");
}

std::string set(EmbeddedStore& store, const Arguments& a) {
    std::optional<WallTime> expires;
    bool absent = false;
    bool present = false;
    for (std::size_t i = 3; i < a.size(); ++i) {
        const auto is = [&](std::string_view name) { return equal_ignore_case(a[i], name); };
        if (is("NX") || is("XX")) {
            (is("NX") ? absent : present) = true;
        } else if (is("KEEPTTL")) {
            const EmbeddedStore::Value* const old = store.find(a[1]);
            expires = old != nullptr ? old->expires : std::nullopt;
        } else if ((is("EX") || is("PX") || is("EXAT") || is("PXAT")) && i + 1 < a.size()) {
            const std::optional<std::int64_t> given = number_of(a[i + 1]);
            if (!given) {
                return resp_error(kNotANumber);
            }
            const bool seconds = is("EX") || is("EXAT");
            if (*given <= 0 || *given > kMillisMax / (seconds ? 1'000 : 1)) {
                return resp_error("ERR invalid expire time in 'set' command");
            }
            const Millis length{seconds ? *given * 1'000 : *given};
            expires = is("EX") || is("PX") ? store.now() + length : WallTime(length);
            ++i;
        } else {
            return resp_error("ERR syntax error");
        }
    }
    if (absent && present) {
        return resp_error("ERR syntax error");
    }
    const bool there = store.find(a[1]) != nullptr;
    if ((absent && there) || (present && !there)) {
        return resp_nil();
    }
    return store.put(a[1], {a[2], expires}) ? resp_ok() : resp_error(kFull);
}

std::string set_for_seconds(EmbeddedStore& store, const Arguments& a) {
    return set(store, {"SET", a[1], a[3], "EX", a[2]});
}

std::string get(EmbeddedStore& store, const Arguments& a) {
    const EmbeddedStore::Value* const value = store.find(a[1]);
    return value != nullptr ? resp_bulk(value->text) : resp_nil();
}

std::string get_many(EmbeddedStore& store, const Arguments& a) {
    std::vector<std::string> replies;
    for (std::size_t i = 1; i < a.size(); ++i) {
        replies.push_back(get(store, {"GET", a[i]}));
    }
    return resp_array(replies);
}

std::string erase(EmbeddedStore& store, const Arguments& a) {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < a.size(); ++i) {
        count += store.find(a[i]) != nullptr && store.remove(a[i]) ? 1 : 0;
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

std::string expire_in(EmbeddedStore& store, const Arguments& a, std::int64_t unit) {
    const std::optional<std::int64_t> given = number_of(a[2]);
    if (!given || *given > kMillisMax / unit || *given < -kMillisMax / unit) {
        return resp_error(kNotANumber);
    }
    const EmbeddedStore::Value* const value = store.find(a[1]);
    if (value == nullptr) {
        return resp_integer(0);
    }
    if (*given <= 0) {
        store.remove(a[1]);
    } else {
        [[maybe_unused]] const bool kept =
            store.put(a[1], {value->text, store.now() + Millis{*given * unit}});
    }
    return resp_integer(1);
}
std::string expire(EmbeddedStore& store, const Arguments& a) {
    return expire_in(store, a, 1'000);
}
std::string pexpire(EmbeddedStore& store, const Arguments& a) {
    return expire_in(store, a, 1);
}

std::string persist(EmbeddedStore& store, const Arguments& a) {
    const EmbeddedStore::Value* const value = store.find(a[1]);
    if (value == nullptr || !value->expires) {
        return resp_integer(0);
    }
    [[maybe_unused]] const bool kept = store.put(a[1], {value->text, std::nullopt});
    return resp_integer(1);
}

std::string time_left(EmbeddedStore& store, const Arguments& a, std::int64_t unit) {
    const EmbeddedStore::Value* const value = store.find(a[1]);
    if (value == nullptr || !value->expires) {
        return resp_integer(value == nullptr ? -2 : -1);
    }
    const std::int64_t left =
        std::chrono::duration_cast<Millis>(*value->expires - store.now()).count();
    return resp_integer((left + unit / 2) / unit);
}
std::string ttl(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a, 1'000);
}
std::string pttl(EmbeddedStore& store, const Arguments& a) {
    return time_left(store, a, 1);
}

std::string type(EmbeddedStore& store, const Arguments& a) {
    return status(store.find(a[1]) != nullptr ? "string" : "none");
}

std::vector<std::string> matching(EmbeddedStore& store, std::string_view pattern) {
    std::vector<std::string> found;
    for (const auto& [key, value] : store.values()) {
        if (glob_matches(pattern, key)) {
            found.push_back(key);
        }
    }
    std::ranges::sort(found);
    return found;
}

std::string bulks(const std::vector<std::string>& texts) {
    std::vector<std::string> replies;
    replies.reserve(texts.size());
    for (const std::string& text : texts) {
        replies.push_back(resp_bulk(text));
    }
    return resp_array(replies);
}

std::string keys(EmbeddedStore& store, const Arguments& a) {
    return bulks(matching(store, a[1]));
}

// All in one answer: the cursor is then 0, the end.
std::string scan(EmbeddedStore& store, const Arguments& a) {
    std::string_view pattern = "*";
    if (!number_of(a[1])) {
        return resp_error("ERR invalid cursor");
    }
    for (std::size_t i = 2; i + 1 < a.size(); i += 2) {
        if (equal_ignore_case(a[i], "MATCH")) {
            pattern = a[i + 1];
        } else if (!equal_ignore_case(a[i], "COUNT") && !equal_ignore_case(a[i], "TYPE")) {
            return resp_error("ERR syntax error");
        }
    }
    return resp_array({resp_bulk("0"), bulks(matching(store, pattern))});
}

std::string size(EmbeddedStore& store, const Arguments&) {
    return resp_integer(static_cast<std::int64_t>(store.values().size()));
}

std::string flush(EmbeddedStore& store, const Arguments&) {
    store.clear();
    return resp_ok();
}

std::string info(EmbeddedStore& store, const Arguments&) {
    std::size_t ending = 0;
    for (const auto& [key, value] : store.values()) {
        ending += value.expires ? 1 : 0;
    }
    return resp_bulk(
        "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n"
        "server_name:api-gateway " +
        std::string(kVersion) + "\r\n# Memory\r\nused_memory:" + std::to_string(store.bytes()) +
        "\r\n# Replication\r\nrole:master\r\n" +
        "# Keyspace\r\ndb0:keys=" + std::to_string(store.values().size()) +
        ",expires=" + std::to_string(ending) + ",avg_ttl=0\r\n");
}

std::string select(EmbeddedStore&, const Arguments& a) {
    return a[1] == "0" ? resp_ok() : resp_error("ERR DB index is out of range");
}

std::string echo(EmbeddedStore&, const Arguments& a) {
    return resp_bulk(a[1]);
}

std::string nothing(EmbeddedStore&, const Arguments&) {
    return resp_array({});
}

std::string fine(EmbeddedStore&, const Arguments&) {
    return resp_ok();
}

std::string hello(EmbeddedStore&, const Arguments& a) {
    return a.size() > 1 && a[1] != "2"
               ? resp_error("NOPROTO unsupported protocol version")
               : bulks({"server", "redis", "version", "7.0.0", "proto", "2"});
}

struct Row {
    std::string_view name;
    std::size_t least;  // arguments, with the command
    std::size_t most;
    std::string (*run)(EmbeddedStore&, const Arguments&);
};

constexpr std::array<Row, 28> kCommands{{
    {"PING", 1, 2, ping},
    {"SET", 3, 16, set},
    {"SETEX", 4, 4, set_for_seconds},
    {"GET", 2, 2, get},
    {"MGET", 2, 1'024, get_many},
    {"DEL", 2, 1'024, erase},
    {"UNLINK", 2, 1'024, erase},
    {"EXISTS", 2, 1'024, exists},
    {"EXPIRE", 3, 3, expire},
    {"PEXPIRE", 3, 3, pexpire},
    {"PERSIST", 2, 2, persist},
    {"TTL", 2, 2, ttl},
    {"PTTL", 2, 2, pttl},
    {"TYPE", 2, 2, type},
    {"KEYS", 2, 2, keys},
    {"SCAN", 2, 8, scan},
    {"DBSIZE", 1, 1, size},
    {"FLUSHALL", 1, 2, flush},
    {"FLUSHDB", 1, 2, flush},
    {"INFO", 1, 8, info},
    {"SELECT", 2, 2, select},
    {"ECHO", 2, 2, echo},
    {"COMMAND", 1, 1'024, nothing},
    {"CLIENT", 2, 8, fine},
    {"HELLO", 1, 8, hello},
    {"QUIT", 1, 1, fine},
    {"AUTH", 2, 3, fine},
    {"CONFIG", 2, 8, nothing},
}};

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
    // Where to go on when what follows the last star does not match; no recursion, so that no
    // pattern costs more than its length times the text's.
    std::size_t star = std::string_view::npos;
    std::size_t resumed = 0;
    std::size_t p = 0;
    std::size_t t = 0;
    const auto class_matches = [&](std::size_t& at, char c) {
        const bool negated = at < pattern.size() && pattern[at] == '^';
        at += negated ? 1 : 0;
        bool inside = false;
        while (at < pattern.size() && pattern[at] != ']') {
            if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
                inside = inside || (c >= pattern[at] && c <= pattern[at + 2]);
                at += 3;
            } else {
                inside = inside || c == pattern[at];
                ++at;
            }
        }
        at += at < pattern.size() ? 1 : 0;
        return inside != negated;
    };
    const auto one_matches = [&](std::size_t& at, char c) {
        const char wanted = pattern[at++];
        if (wanted == '?') {
            return true;
        }
        if (wanted == '[') {
            return class_matches(at, c);
        }
        if (wanted == '\\' && at < pattern.size()) {
            return pattern[at++] == c;
        }
        return wanted == c;
    };
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resumed = t;
            continue;
        }
        std::size_t after = p;
        if (p < pattern.size() && one_matches(after, text[t])) {
            p = after;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resumed;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') {
        ++p;
    }
    return p == pattern.size();
}

std::string run_embedded_command(EmbeddedStore& store, const std::vector<std::string>& arguments) {
    if (arguments.empty()) {
        return "";
    }
    const auto row = std::ranges::find_if(
        kCommands, [&](const Row& each) { return equal_ignore_case(each.name, arguments[0]); });
    if (row == kCommands.end()) {
        return resp_error("ERR unknown command '" + arguments[0].substr(0, 128) + "'");
    }
    if (arguments.size() < row->least || arguments.size() > row->most) {
        std::string name(row->name);
        std::ranges::transform(name, name.begin(), lower);
        return resp_error("ERR wrong number of arguments for '" + name + "' command");
    }
    return row->run(store, arguments);
}

}  // namespace gw::state
