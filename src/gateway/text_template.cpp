#include "gateway/text_template.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "http/uri.hpp"

namespace gw::gateway {
namespace {

using config::Flaw;
using Of = TextTemplate::Of;

constexpr std::array<std::pair<std::string_view, Of>, 11> kNames{
    {{"tenant", Of::tenant},
     {"user", Of::user},
     {"role", Of::role},
     {"request_id", Of::request_id},
     {"correlation_id", Of::correlation_id},
     {"client_ip", Of::client_ip},
     {"host", Of::host},
     {"scheme", Of::scheme},
     {"method", Of::method},
     {"path", Of::path},
     {"rest", Of::rest}}};

std::unexpected<Flaw> flaw(std::string what, std::string remedy) {
    return std::unexpected(Flaw{std::move(what), std::move(remedy)});
}

bool is_name(std::string_view name) {
    const auto letter = [](char c) { return lower(c) >= 'a' && lower(c) <= 'z'; };
    return !name.empty() && name.size() <= 64 && letter(name.front()) &&
           std::ranges::all_of(
               name, [&](char c) { return letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

std::expected<TextTemplate::Piece, Flaw> read_value(std::string_view inside) {
    const std::size_t hash = inside.find('#');
    const std::string_view name = inside.substr(0, hash);
    if (!is_name(name)) {
        return flaw("has a value {" + std::string(inside.substr(0, 64)) + "} without a proper name",
                    "write {name}, as the route's path has it, or {tenant}, {user}, …");
    }
    if (hash != std::string_view::npos) {
        const std::string_view pointer = inside.substr(hash + 1);
        if (!pointer.starts_with('/')) {
            return flaw("points into an answer by " + config::quote(pointer),
                        "begin it with '/', as {event#/venueId}");
        }
        return TextTemplate::Piece{
            .of = Of::part, .text = std::string(name), .pointer = std::string(pointer)};
    }
    const auto* const known =
        std::ranges::find(kNames, name, [](const auto& n) { return n.first; });
    return TextTemplate::Piece{.of = known != kNames.end() ? known->second : Of::parameter,
                               .text = std::string(name)};
}

// RFC 3986, without what needs an escape; for queries '?' and '/' as well.
bool is_url_character(char c) {
    return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/?").contains(c);
}
bool is_path_character(char c) {
    return is_unreserved(c) || std::string_view("!$&'()*+,=:@/").contains(c);
}

// "{rest}" and "{path}" bring their own '/', and are followed by another or by nothing.
std::optional<Flaw> check_slashes(const std::vector<TextTemplate::Piece>& pieces) {
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        if ((pieces[i].of != Of::rest && pieces[i].of != Of::path) || pieces[i].in_query) {
            continue;
        }
        const std::string name = "{" + pieces[i].text + "}";
        if (i > 0 && (pieces[i - 1].of == Of::rest || pieces[i - 1].of == Of::path ||
                      (pieces[i - 1].of == Of::literal && pieces[i - 1].text.ends_with('/')))) {
            return Flaw{"has " + name + " behind a '/'",
                        "write it without the '/': " + name + " begins with one"};
        }
        if (i + 1 < pieces.size() && (pieces[i + 1].of != Of::literal ||
                                      !std::string_view("/?#").contains(pieces[i + 1].text[0]))) {
            return Flaw{"goes on right behind " + name, "write '/' or '?' behind it"};
        }
    }
    return std::nullopt;
}

void mark_query(std::vector<TextTemplate::Piece>& pieces) {
    bool in_query = false;
    for (TextTemplate::Piece& piece : pieces) {
        piece.in_query = in_query;
        in_query = in_query ||
                   (piece.of == Of::literal && piece.text.find_first_of("?#") != std::string::npos);
    }
}

// The text with "x" for each value.
std::string with_values(const std::vector<TextTemplate::Piece>& pieces) {
    std::string all;
    for (const TextTemplate::Piece& piece : pieces) {
        all += piece.of == Of::literal ? piece.text : "x";
    }
    return all;
}

std::optional<Flaw> check_canonical(const std::vector<TextTemplate::Piece>& pieces) {
    return has_canonical_path(with_values(pieces))
               ? std::nullopt
               : std::optional(Flaw{"is not written in its canonical form",
                                    "leave out '//', dot segments and escapes that need none"});
}

// What stands between the values of a path, up to its query.
std::optional<Flaw> check_path_literals(const std::vector<TextTemplate::Piece>& pieces) {
    const std::string all = with_values(pieces);
    for (const char c : std::string_view(all).substr(0, all.find('?'))) {
        if (!is_path_character(c)) {
            return Flaw{"has a character that no canonical path has",
                        "use letters, digits, '/' and -._~!$&'()*+,=:@ between the values"};
        }
    }
    return std::nullopt;
}

std::optional<Flaw> check_url_literals(const std::vector<TextTemplate::Piece>& pieces) {
    for (const TextTemplate::Piece& piece : pieces) {
        if (piece.of != Of::literal) {
            continue;
        }
        for (std::size_t i = 0; i < piece.text.size(); ++i) {
            const bool escape =
                piece.text[i] == '%' && escape_value(std::string_view(piece.text).substr(i)) >= 0;
            if (!escape && piece.text[i] != '#' && !is_url_character(piece.text[i])) {
                return Flaw{"has a character that no URL has", "write it as %XX"};
            }
        }
    }
    return std::nullopt;
}

// Scheme and host are literals, and nothing of a value touches them.
std::optional<Flaw> check_authority(const std::vector<TextTemplate::Piece>& pieces) {
    const std::string_view first = pieces.front().of == Of::literal
                                       ? std::string_view(pieces.front().text)
                                       : std::string_view();
    const std::size_t scheme = first.starts_with("https://")  ? 8
                               : first.starts_with("http://") ? 7
                                                              : 0;
    if (scheme == 0) {
        const bool path = first.starts_with('/') && !first.starts_with("//");
        return path ? std::nullopt
                    : std::optional(Flaw{"begins with neither '/' nor https://host",
                                         "write a path of this gateway or a whole URL"});
    }
    const std::size_t end = std::min(first.find_first_of("/?#", scheme), first.size());
    const std::string_view host = first.substr(scheme, end - scheme);
    if (host.empty() || !std::ranges::all_of(host, [](char c) {
            return is_digit(c) || (c >= 'a' && c <= 'z') || std::string_view(".:[]-").contains(c);
        })) {
        return Flaw{"names no host", "write https://host or https://host:port, in small letters"};
    }
    if (end == first.size() && pieces.size() > 1 && pieces[1].of != Of::rest &&
        pieces[1].of != Of::path) {
        return Flaw{"has a value in its host", "write '/' behind the host"};
    }
    return std::nullopt;
}

}  // namespace

std::expected<TextTemplate, Flaw> TextTemplate::parse(std::string_view text) {
    TextTemplate made;
    if (text.size() > kBytesMax) {
        return flaw("is longer than 2048 bytes", "shorten it");
    }
    if (!std::ranges::all_of(text, is_text_char)) {
        return flaw("has a control character", "remove it");
    }
    made.text_ = text;
    while (!text.empty()) {
        const std::size_t open = text.find_first_of("{}");
        if (open != 0) {
            made.pieces_.push_back({.text = std::string(text.substr(0, open))});
        }
        if (open == std::string_view::npos) {
            break;
        }
        const std::size_t close = text.find('}', open);
        if (text[open] == '}' || close == std::string_view::npos) {
            return flaw("has a brace without its other half", "write values as {name}");
        }
        auto value = read_value(text.substr(open + 1, close - open - 1));
        if (!value) {
            return std::unexpected(std::move(value.error()));
        }
        made.pieces_.push_back(*std::move(value));
        text.remove_prefix(close + 1);
    }
    if (made.pieces_.size() > kPiecesMax) {
        return flaw("has more than 32 values and texts between them", "use fewer");
    }
    return made;
}

void TextTemplate::write_escaped(std::string& out, const Value& value, bool in_query) {
    if (!value.canonical) {
        out += percent_encode(value.text);
        return;
    }
    if (!in_query) {
        out += value.text;
        return;
    }
    // Of a canonical path every '%' begins an escape; what else might end a value is escaped.
    for (const char c : value.text) {
        if (is_unreserved(c) || c == '%' || c == '/') {
            out += c;
        } else {
            out += percent_encode({&c, 1});
        }
    }
}

std::expected<PathTemplate, Flaw> PathTemplate::parse(std::string_view text) {
    auto read = TextTemplate::parse(text);
    if (!read) {
        return std::unexpected(std::move(read.error()));
    }
    PathTemplate made{*std::move(read)};
    if (!text.starts_with('/')) {
        return flaw("is " + config::quote(text), "begin it with '/'");
    }
    mark_query(made.pieces_);
    std::optional<Flaw> wrong = check_slashes(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_path_literals(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_canonical(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_url_literals(made.pieces_);
    if (!wrong && with_values(made.pieces_).contains('#')) {
        wrong = Flaw{"has a '#'", "leave it out"};
    }
    return wrong ? std::expected<PathTemplate, Flaw>(std::unexpected(*std::move(wrong))) : made;
}

std::expected<UrlTemplate, Flaw> UrlTemplate::parse(std::string_view text) {
    auto read = TextTemplate::parse(text);
    if (!read) {
        return std::unexpected(std::move(read.error()));
    }
    UrlTemplate made{*std::move(read)};
    if (made.empty()) {
        return flaw("is empty", "write a path of this gateway or a whole URL");
    }
    mark_query(made.pieces_);
    std::optional<Flaw> wrong = check_authority(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_slashes(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_url_literals(made.pieces_);
    wrong = wrong ? std::move(wrong) : check_canonical(made.pieces_);
    return wrong ? std::expected<UrlTemplate, Flaw>(std::unexpected(*std::move(wrong))) : made;
}

bool has_canonical_path(std::string_view url) {
    if (const std::size_t scheme = url.find("://");
        scheme != std::string_view::npos && url[0] != '/') {
        url.remove_prefix(std::min(url.find_first_of("/?#", scheme + 3), url.size()));
    }
    url = url.substr(0, url.find_first_of("?#"));
    std::string out;
    http::PathRefusal refusal;
    return url.empty() || http::normalise_path(url, out, refusal) == http::PathOutcome::unchanged;
}

}  // namespace gw::gateway
