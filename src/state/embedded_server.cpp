// Commands about the server itself: what tools ask before they show anything.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/version.hpp"
#include "state/embedded_commands.hpp"
#include "state/embedded_store.hpp"
#include "state/glob.hpp"
#include "state/resp.hpp"

namespace gw::state {
namespace {

using Arguments = EmbeddedCommand::Arguments;
using Keys = EmbeddedCommand::Keys;

std::string lowered(std::string_view text) {
    std::string low(text);
    std::ranges::transform(low, low.begin(), lower);
    return low;
}

std::string no_subcommand(const Arguments& a) {
    return resp_error("ERR unknown subcommand '" + a[1].substr(0, 128) + "' of '" + lowered(a[0]) +
                      "'");
}

std::string ping(EmbeddedStore& /*store*/, const Arguments& a) {
    return a.size() > 1 ? resp_bulk(a[1]) : resp_status("PONG");
}

std::string echo(EmbeddedStore& /*store*/, const Arguments& a) {
    return resp_bulk(a[1]);
}

std::string select(EmbeddedStore& /*store*/, const Arguments& a) {
    const std::optional<std::int64_t> number = command_number(a[1]);
    if (!number) {
        return resp_error("ERR invalid DB index");
    }
    return *number == 0 ? resp_ok() : resp_error("ERR DB index is out of range");
}

std::string time(EmbeddedStore& store, const Arguments& /*a*/) {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(store.now().time_since_epoch())
            .count();
    return resp_bulks({std::to_string(us / 1'000'000), std::to_string(us % 1'000'000)});
}

struct InfoSection {
    std::string_view name;  // its title
    std::string lines;
};

std::string line(std::string_view name, std::uint64_t number) {
    return std::string(name) + ":" + std::to_string(number) + "\r\n";
}

std::string uptime_lines(const EmbeddedStore& store) {
    const auto seconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(store.instant() - store.started())
            .count());
    return line("uptime_in_seconds", seconds) + line("uptime_in_days", seconds / 86'400);
}

std::string keyspace_lines(EmbeddedStore& store) {
    const std::size_t keys = store.size();
    return keys == 0 ? ""
                     : "db0:keys=" + std::to_string(keys) +
                           ",expires=" + std::to_string(store.size_ending()) + ",avg_ttl=0\r\n";
}

std::string info(EmbeddedStore& store, const Arguments& a) {
    const std::array sections{
        InfoSection{"Server",
                    "redis_version:7.0.0\r\nredis_mode:standalone\r\n"
                    "server_name:api-gateway\r\ngateway_version:" +
                        std::string(kVersion) + "\r\n" +
                        line("process_id", static_cast<std::uint64_t>(::getpid())) +
                        uptime_lines(store)},
        InfoSection{"Memory", line("used_memory", store.bytes()) +
                                  line("maxmemory", store.bytes_max()) +
                                  "maxmemory_policy:noeviction\r\n"},
        InfoSection{"Persistence", "loading:0\r\naof_enabled:0\r\n"},
        InfoSection{"Replication", "role:master\r\nconnected_slaves:0\r\n"},
        InfoSection{"Cluster", "cluster_enabled:0\r\n"},
        InfoSection{"Keyspace", keyspace_lines(store)},
    };
    const auto wanted = [&a](std::string_view name) {
        return a.size() == 1 || std::any_of(a.begin() + 1, a.end(), [&](const std::string& asked) {
                   return equal_ignore_case(asked, name) || equal_ignore_case(asked, "default") ||
                          equal_ignore_case(asked, "all") || equal_ignore_case(asked, "everything");
               });
    };
    std::string text;
    for (const InfoSection& section : sections) {
        if (wanted(section.name)) {
            text += (text.empty() ? "# " : "\r\n# ") + std::string(section.name) + "\r\n" +
                    section.lines;
        }
    }
    return resp_bulk(text);
}

std::string config(EmbeddedStore& store, const Arguments& a) {
    if (equal_ignore_case(a[1], "RESETSTAT")) {
        return resp_ok();
    }
    if (equal_ignore_case(a[1], "SET") || equal_ignore_case(a[1], "REWRITE")) {
        return resp_error(
            "ERR this is the gateway's own store: set what it has in its "
            "configuration file or environment");
    }
    if (!equal_ignore_case(a[1], "GET") || a.size() < 3) {
        return no_subcommand(a);
    }
    const std::array<std::pair<std::string_view, std::string>, 6> settings{{
        {"appendonly", "no"},
        {"databases", "1"},
        {"maxmemory", std::to_string(store.bytes_max())},
        {"maxmemory-policy", "noeviction"},
        {"save", ""},
        {"timeout", "300"},
    }};
    std::vector<std::string> found;
    for (const auto& [name, value] : settings) {
        if (std::any_of(a.begin() + 2, a.end(), [&name](const std::string& pattern) {
                return glob_matches(lowered(pattern), name);
            })) {
            found.emplace_back(name);
            found.push_back(value);
        }
    }
    return resp_bulks(found);
}

// Of the connection that asks, RespSession has answered.
std::string client(EmbeddedStore& /*store*/, const Arguments& a) {
    return no_subcommand(a);
}

std::string auth(EmbeddedStore& /*store*/, const Arguments& a) {
    if (a.size() == 2) {
        return resp_error(
            "ERR AUTH <password> called without any password configured for the "
            "default user. Are you sure your configuration is correct?");
    }
    return a[1] == "default"
               ? resp_ok()
               : resp_error("WRONGPASS invalid username-password pair or user is disabled.");
}

std::string command(EmbeddedStore& store, const Arguments& a);

constexpr std::array kCommands{
    EmbeddedCommand{"PING", 1, 2, Keys::none, ping},
    EmbeddedCommand{"ECHO", 2, 2, Keys::none, echo},
    EmbeddedCommand{"SELECT", 2, 2, Keys::none, select},
    EmbeddedCommand{"TIME", 1, 1, Keys::none, time},
    EmbeddedCommand{"INFO", 1, 16, Keys::none, info},
    EmbeddedCommand{"CONFIG", 2, 64, Keys::none, config},
    EmbeddedCommand{"CLIENT", 2, 64, Keys::none, client},
    EmbeddedCommand{"AUTH", 2, 3, Keys::none, auth},
    EmbeddedCommand{"COMMAND", 1, kRespArgumentsMax, Keys::none, command},
};

std::vector<const EmbeddedCommand*> all_commands() {
    std::vector<const EmbeddedCommand*> all;
    for (const auto& rows : {value_commands(), key_commands(), server_commands()}) {
        for (const EmbeddedCommand& row : rows) {
            all.push_back(&row);
        }
    }
    return all;
}

std::string describe(const EmbeddedCommand& row) {
    const auto least = static_cast<std::int64_t>(row.least);
    const bool has_key = row.keys != Keys::none;
    return resp_array({resp_bulk(lowered(row.name)),
                       resp_integer(row.least == row.most ? least : -least), resp_array({}),
                       resp_integer(has_key ? 1 : 0),
                       resp_integer(row.keys == Keys::all ? -1
                                    : has_key             ? 1
                                                          : 0),
                       resp_integer(has_key ? 1 : 0)});
}

std::string command(EmbeddedStore& /*store*/, const Arguments& a) {
    const std::vector<const EmbeddedCommand*> all = all_commands();
    const auto is = [&a](std::string_view name) { return equal_ignore_case(a[1], name); };
    std::vector<std::string> replies;
    if (a.size() > 1 && is("COUNT")) {
        return resp_integer(static_cast<std::int64_t>(all.size()));
    }
    if (a.size() > 1 && is("DOCS")) {
        return resp_array({});  // redis-cli then shows its own
    }
    if (a.size() > 1 && !is("LIST") && !is("INFO")) {
        return no_subcommand(a);
    }
    if (a.size() > 2) {  // INFO of some
        for (std::size_t i = 2; i < a.size(); ++i) {
            const auto row = std::ranges::find_if(all, [&](const EmbeddedCommand* each) {
                return equal_ignore_case(each->name, a[i]);
            });
            replies.push_back(row != all.end() ? describe(**row) : "*-1\r\n");
        }
        return resp_array(replies);
    }
    for (const EmbeddedCommand* const row : all) {
        replies.push_back(a.size() > 1 && is("LIST") ? resp_bulk(lowered(row->name))
                                                     : describe(*row));
    }
    return resp_array(replies);
}

}  // namespace

std::span<const EmbeddedCommand> server_commands() {
    return kCommands;
}

}  // namespace gw::state
