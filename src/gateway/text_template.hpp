// Text of an operator with values of the request in it: "/v2/{tenant}/things/{id}", "edge-{user}".
// Read and checked once, with the configuration.
//
//     {id}              a parameter of the route's path
//     {tenant} {user} {role}                of who calls; nothing where nobody says who calls
//     {request_id} {correlation_id} {client_ip} {host} {scheme} {method} {path}
//     {rest}            what a prefix route took: nothing, or "/…"
//     {event#/venueId}  of an answer that is put together, a value of another part (RFC 6901)
//
// Names of the second and third line go before a parameter of the same name.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "base/text.hpp"
#include "config/mistake.hpp"

namespace gw::gateway {

class TextTemplate {
  public:
    enum class Of : std::uint8_t {
        literal,
        parameter,
        tenant,
        user,
        role,
        request_id,
        correlation_id,
        client_ip,
        host,
        scheme,
        method,
        path,
        rest,
        part
    };
    struct Piece {
        Of of = Of::literal;
        std::string text{};     // the literal, or the name of the parameter or part
        std::string pointer{};  // of a part
        bool in_query = false;  // of a URL: behind its '?'

        bool operator==(const Piece&) const = default;
    };
    // The value of a piece; it stands in a URL as it is if it came from one.
    struct Value {
        std::string_view text;
        bool canonical = false;
    };

    static constexpr std::size_t kBytesMax = 2'048;
    static constexpr std::size_t kPiecesMax = 32;
    static constexpr std::string_view kPattern;

    static std::expected<TextTemplate, config::Flaw> parse(std::string_view text);
    [[nodiscard]] const std::string& to_string() const { return text_; }
    [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
    [[nodiscard]] bool empty() const { return text_.empty(); }

    // Appends the text as it stands, for fields. value_of: Value(const Piece&). False: one of the
    // values is missing.
    template <class ValueOf>
    bool write_plain(std::string& out, ValueOf value_of) const {
        bool whole = true;
        for (const Piece& piece : pieces_) {
            if (piece.of == Of::literal) {
                out += piece.text;
                continue;
            }
            const Value value = value_of(piece);
            whole = whole && !value.text.empty();
            out += value.text;
        }
        return whole;
    }
    // The same for a URL or a path: values cannot mean more than one segment, or than one value of
    // a query. False: one that may not be empty is.
    template <class ValueOf>
    bool write_url(std::string& out, ValueOf value_of) const {
        bool whole = true;
        for (const Piece& piece : pieces_) {
            if (piece.of == Of::literal) {
                out += piece.text;
                continue;
            }
            const Value value = value_of(piece);
            whole = whole && (!value.text.empty() || piece.of == Of::rest || piece.in_query);
            write_escaped(out, value, piece.in_query);
        }
        return whole;
    }

    bool operator==(const TextTemplate&) const = default;

  protected:
    static void write_escaped(std::string& out, const Value& value, bool in_query);

    std::string text_;
    std::vector<Piece> pieces_;
};

// A path at a service, perhaps with a query: what stands between the values is canonical.
struct PathTemplate : TextTemplate {
    static constexpr std::string_view kPattern = "^/";
    static std::expected<PathTemplate, config::Flaw> parse(std::string_view text);
    [[nodiscard]] bool has_query() const { return to_string().contains('?'); }
};

// Where a client is sent: a path, or a URL whose host is the operator's word alone.
struct UrlTemplate : TextTemplate {
    static constexpr std::string_view kPattern = "^(/|https?://)";
    static std::expected<UrlTemplate, config::Flaw> parse(std::string_view text);
};

// Is the path of this URL (what comes before '?' and '#', and behind scheme and host) one that the
// normaliser leaves as it is? What values have made of it else leads elsewhere than it seems.
bool has_canonical_path(std::string_view url);

}  // namespace gw::gateway
