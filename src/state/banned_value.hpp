// What stands in a ban's key and value: the addresses meant, and why, by whom, since and until
// when. The gateway writes values as JSON; operators write 1 or some words by hand. Pure; any
// thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/ip_address.hpp"

namespace gw::state {

// The address that bans are about: of an IPv4 address behind NAT64 (64:ff9b::/96, RFC 6052, 2.1),
// the IPv4 address.
IpAddress banned_form(const IpAddress& address);

// An address or a block as people write it, besides the strict forms of Cidr: spaces around it,
// brackets, a zone (dropped), decimal numbers padded with zeros ("203.0.113.007"), the 32 bits of
// an IPv4 address as eight hexadecimal digits ("0x01020304") or as one decimal number of at least
// 2^24. Blocks of NAT64 addresses are blocks of IPv4 addresses.
std::optional<Cidr> parse_banned_block(std::string_view text);

// The one spelling of a block: the address alone where it is one.
std::string to_text(const Cidr& block);

// RFC 3339, in UTC: "2026-11-23T07:00:00Z", with or without a fraction, of 1970 to 2261; times that
// there are not ("2026-02-30…") are none.
std::optional<WallTime> read_time(std::string_view text);

// May a user, a tenant or a token be called this? Text that can be shown, of a length that tokens
// have. What somebody has written into the store by hand may be called otherwise.
bool is_called(std::string_view name);

struct BanNote {
    std::string reason;  // empty: none given
    std::string by;      // who banned; empty: unknown, or by hand
    std::optional<WallTime> since = std::nullopt;
    std::optional<WallTime> until = std::nullopt;
    bool by_hand = false;  // not written by the gateway
};

// Any text is a note: what is not the gateway's JSON is a reason written by hand; 1 and nothing at
// all are none.
BanNote read_ban(std::string_view value);
// {"reason":…,"by":…,"since":…,"until":…}, times as RFC 3339, what is not known left out.
std::string write_ban(const BanNote& note);

}  // namespace gw::state
