// Which content coding a client is given (RFC 9110, 12.5.3). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/headers.hpp"

namespace gw::http {

enum class Coding : std::uint8_t { identity, gzip, br };

// As Content-Encoding names it.
constexpr std::string_view coding_name(Coding coding) {
    return coding == Coding::gzip ? "gzip" : coding == Coding::br ? "br" : "identity";
}

struct CodingChoice {
    Coding coding = Coding::identity;
    // The client will not have it as it is (`identity;q=0`).
    bool identity_refused = false;
};

// offered: what we can make, the preferred first; it decides between codings that the client likes
// alike. A client that says nothing is given the answer as it is. What is not written as the
// grammar has it counts for nothing, and of a coding that is named twice the smaller value holds:
// nobody is sent what they refused.
CodingChoice choose_coding(const Headers& request, std::span<const Coding> offered);

}  // namespace gw::http
