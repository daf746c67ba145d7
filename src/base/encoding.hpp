// Bytes as text and back: hexadecimal, percent-encoding, base64url. Decoders accept one spelling of
// each value and nothing else, so that two different texts never mean the same. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gw {

// Lower-case digits.
std::string to_hex(std::string_view bytes);
// An even number of hexadecimal digits in either case, and nothing else.
std::optional<std::string> from_hex(std::string_view text);

// The value of "%41" at the start of `text`, or -1 if that is not an escape.
int escape_value(std::string_view text);
// RFC 3986, 2.1. Nothing if any '%' is not followed by two hexadecimal digits. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);
// As lenient readers do it: what is no escape stands for itself.
std::string percent_decode_leniently(std::string_view text);
// All but unreserved characters become escapes with upper-case digits.
std::string percent_encode(std::string_view bytes);

// RFC 4648, 5, without padding, as JWS uses it (RFC 7515, 2).
std::string base64url_encode(std::string_view bytes);
// Nothing for padding, white space, foreign characters, impossible lengths, or unused bits that are
// not zero.
std::optional<std::string> base64url_decode(std::string_view text);

// Is this well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, up to U+10FFFF)?
bool is_utf8(std::string_view text);
// With U+FFFD in the place of each byte that belongs to none (Unicode 15, 3.9).
std::string as_utf8(std::string text);

}  // namespace gw
