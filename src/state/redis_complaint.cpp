#include "state/redis_complaint.hpp"

#include <array>

#include "base/text.hpp"

namespace gw::state {
namespace {

struct Known {
    std::string_view beginning;
    Complaint complaint;
    Error error;
};

constexpr Error refused(const char* detail) {
    return {Errc::refused, Fault::store, Retry::never, detail};
}
constexpr Error passing(const char* detail) {
    return {Errc::unreachable, Fault::store, Retry::yes, detail};
}

constexpr const char* kPermission = "Redis does not permit what the gateway must do there";
static_assert(std::string_view(kPermission).starts_with(kNotPermitted));

constexpr std::array kKnown{
    Known{"NOAUTH", Complaint::password, refused("Redis wants a password")},
    Known{"WRONGPASS", Complaint::password, refused("Redis refuses the password")},
    Known{"ERR invalid password", Complaint::password, refused("Redis refuses the password")},
    Known{"ERR AUTH", Complaint::password, refused("a password is set here, and none in Redis")},
    Known{"ERR Client sent AUTH", Complaint::password,
          refused("a password is set here, and none in Redis")},
    Known{"NOPERM", Complaint::permission, refused(kPermission)},
    Known{"READONLY", Complaint::replica, refused("the Redis server is a read-only replica")},
    Known{"LOADING", Complaint::not_ready, passing("Redis is loading its data")},
    Known{"MASTERDOWN", Complaint::not_ready, passing("the Redis replica has lost its master")},
    Known{"BUSY", Complaint::not_ready, passing("Redis is busy with a script")},
    Known{"CLUSTERDOWN", Complaint::not_ready, passing("the Redis cluster is down")},
    Known{"OOM",
          Complaint::no_writes,
          {Errc::exhausted, Fault::store, Retry::yes, "Redis is out of memory"}},
    Known{"MISCONF",
          Complaint::no_writes,
          {Errc::exhausted, Fault::store, Retry::yes, "Redis cannot save, and takes no writes"}},
    Known{"NOREPLICAS",
          Complaint::no_writes,
          {Errc::exhausted, Fault::store, Retry::yes, "Redis has too few replicas for writes"}},
    Known{"NOSCRIPT", Complaint::no_script, passing("Redis does not know the script")},
    Known{"MOVED", Complaint::moved, passing("the key has moved to another Redis server")},
    Known{"ASK", Complaint::ask, passing("the key is moving to another Redis server")},
    Known{"TRYAGAIN", Complaint::try_again, passing("the key is moving to another Redis server")},
    Known{"WRONGTYPE", Complaint::wrong_type, refused("the key holds no text")},
    Known{"ERR max number of clients", Complaint::not_ready,
          passing("Redis takes no more connections")},
    Known{"ERR DB index", Complaint::other, refused("Redis has no such database")},
    Known{"ERR invalid DB index", Complaint::other, refused("Redis has no such database")},
    Known{"ERR unknown subcommand", Complaint::other, refused("Redis 6.2 or newer is needed")},
};
constexpr Error kOther = refused("Redis refused a command");
// Of a command within a script; Redis 6 puts the script's name before it.
constexpr std::string_view kInScript = "The user executing the script can't";
constexpr Known kScript{kInScript, Complaint::permission, refused(kPermission)};

const Known* find(std::string_view text) {
    for (const Known& known : kKnown) {
        if (text.starts_with(known.beginning)) {
            return &known;
        }
    }
    return text.contains(kInScript) ? &kScript : nullptr;
}

}  // namespace

Complaint complaint_of(std::string_view text) {
    const Known* const known = find(text);
    return known == nullptr ? Complaint::other : known->complaint;
}

Error error_of(std::string_view text) {
    const Known* const known = find(text);
    return known == nullptr ? kOther : known->error;
}

std::optional<Redirection> redirection_of(std::string_view text) {
    const std::size_t first = text.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : text.find(' ', first + 1);
    const std::size_t colon = text.rfind(':');
    if (second == std::string_view::npos || colon == std::string_view::npos || colon < second) {
        return std::nullopt;
    }
    constexpr std::uint64_t kSlots = 16'384;
    const auto slot = parse_decimal(text.substr(first + 1, second - first - 1));
    const auto port = parse_decimal(text.substr(colon + 1));
    if (!slot || *slot >= kSlots || !port || *port == 0 || *port > 65'535) {
        return std::nullopt;
    }
    return Redirection{static_cast<std::uint16_t>(*slot),
                       {std::string(text.substr(second + 1, colon - second - 1)),
                        static_cast<std::uint16_t>(*port)}};
}

}  // namespace gw::state
