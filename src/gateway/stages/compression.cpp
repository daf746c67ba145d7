// Decides which answers go out in a content coding, and says so in their heads. How the body is
// coded: gateway/compression.hpp.
#include <algorithm>

#include "base/ensure.hpp"
#include "base/text.hpp"
#include "gateway/compression.hpp"
#include "gateway/grpc.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "http/accept_encoding.hpp"
#include "http/cache_control.hpp"

namespace gw::gateway {
namespace {

using http::Coding;
using http::Field;
using http::Headers;
using http::Known;

// Vary and Content-Encoding, in place of what is taken out.
constexpr std::size_t kFieldsAdded = 3;

enum class Offer : std::uint8_t { br, gzip };
constexpr std::array<std::pair<std::string_view, Offer>, 2> names_of(Offer) {
    return {{{"br", Offer::br}, {"gzip", Offer::gzip}}};
}

std::optional<config::Flaw> check_type(std::string_view type) {
    const bool good = type.find('/') != std::string_view::npos && type.find('/') > 0 &&
                      type.back() != '/' && std::ranges::count(type, '*') <= 1 &&
                      type.find_first_of(" ;,\"") == std::string_view::npos;
    return good ? std::nullopt
                : std::optional(config::Flaw{"is " + config::quote(type),
                                             "write a type as text/html, text/* or "
                                             "application/*+json"});
}

struct CompressionOptions : StageOptions {
    std::vector<Offer> codings{Offer::br, Offer::gzip};
    std::vector<std::string> types{
        "text/*",          "application/json",       "application/*+json",
        "application/xml", "application/javascript", "image/svg+xml"};
    std::uint64_t bytes_min = 1'024;
    std::uint32_t gzip_level = 4;
    std::uint32_t brotli_quality = 4;
    bool set_cookie = false;
};

template <class Visitor>
void fields(Visitor& field, CompressionOptions& o) {
    using namespace config;
    field("codings", o.codings, "content codings that are made, the preferred first: `br`, `gzip`");
    field("types", o.types, Check{check_type, R"(^[^ ;,"]+/[^ ;,"]+$)"},
          "media types of answers that are compressed; one `*` stands for any text");
    field("bytes_min", o.bytes_min, Range{0, 1'048'576},
          "smaller answers go out as they are, where their size is known");
    field("gzip_level", o.gzip_level, Range{1, 9}, "1 is the quickest, 9 finds most");
    field("brotli_quality", o.brotli_quality, Range{0, 9}, "0 is the quickest, 9 finds most");
    field("set_cookie", o.set_cookie, "whether answers that set cookies are compressed");
}

// "application/*+json"
bool fits(std::string_view pattern, std::string_view type) {
    if (pattern == type) {
        return true;  // most are written as configuration has them, and this is quickly seen
    }
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) {
        return equal_ignore_case(pattern, type);
    }
    const std::string_view end = pattern.substr(star + 1);
    return type.size() >= pattern.size() - 1 &&
           starts_with_ignore_case(type, pattern.substr(0, star)) &&
           equal_ignore_case(type.substr(type.size() - end.size()), end);
}

bool is_compressible(std::string_view content_type, const CompressionOptions& o) {
    const std::string_view type = trim_ows(content_type.substr(0, content_type.find(';')));
    // Streams of events and messages: each would hold a coder's memory for hours.
    return !type.empty() &&
           std::ranges::any_of(o.types, [&](std::string_view each) { return fits(each, type); }) &&
           !is_grpc(type) && !equal_ignore_case(type, "text/event-stream");
}

// RFC 9110, 7.7: what the service, or the client, wants left alone.
bool forbids_transforming(const Field& field) {
    return field.known == Known::cache_control && list_contains(field.value, "no-transform");
}

// Says something of the very bytes: of others it would be false (RFC 9530).
bool speaks_of_bytes(const Field& field) {
    // Those that the gateway knows by their names are others.
    if (field.known != Known::other) {
        return false;
    }
    const auto is = [&](std::string_view name) { return equal_ignore_case(field.name, name); };
    switch (field.name.size()) {
        case 6:
            return is("digest");
        case 11:
            return is("repr-digest") || is("content-md5");
        case 13:
            return is("content-range");
        case 14:
            return is("content-digest");
        default:
            return false;
    }
}

bool has_body(int status) {
    return status >= 200 && status != 204 && status != 205 && status != 206 && status != 304;
}

// What could be compressed for some client, as far as its head says so.
bool may_be_coded(const Exchange& x, const Headers& headers, const CompressionOptions& o) {
    return !headers.has(Known::content_encoding) &&
           (o.set_cookie || !headers.has(Known::set_cookie)) &&
           is_compressible(headers.value(Known::content_type), o) &&
           std::ranges::none_of(headers, speaks_of_bytes) &&
           !(headers.has(Known::cache_control) &&
             std::ranges::any_of(headers, forbids_transforming)) &&
           headers.room() >= kFieldsAdded && !x.behind && x.websocket == nullptr;
}

// Would the 200 in whose place this 304 or 206 stands be compressed for some client? What the head
// leaves out does not speak against it.
bool whole_may_be_coded(const Exchange& x, const http::ResponseHead& head,
                        const CompressionOptions& o) {
    const Headers& headers = head.headers;
    const std::string_view type = headers.value(Known::content_type);
    // Of several parts each has its own type.
    const bool told =
        head.status == 304 ? !type.empty() : !starts_with_ignore_case(type, "multipart/byteranges");
    return !headers.has(Known::content_encoding) &&
           (o.set_cookie || !headers.has(Known::set_cookie)) &&
           (!told || is_compressible(type, o)) &&
           !(headers.has(Known::cache_control) &&
             std::ranges::any_of(headers, forbids_transforming)) &&
           headers.room() >= kFieldsAdded && !x.behind && x.websocket == nullptr;
}

// The size of the body that a GET has; nothing: it is not known yet.
std::optional<std::uint64_t> size_of(const http::ResponseHead& head) {
    switch (head.framing) {
        case http::Framing::length:
            return head.content_length;
        case http::Framing::none:
            return head.headers.has(Known::content_length)
                       ? parse_decimal(head.headers.value(Known::content_length))
                       : std::nullopt;
        default:
            return std::nullopt;
    }
}

void put(Headers& headers, auto name, std::string_view value) {
    ensure(headers.add(name, value), "room was looked for");
}

// The answer depends on what the client takes, whoever made the others of its dependencies known.
void add_vary(Exchange& x, Headers& headers) {
    if (!headers.has(Known::vary)) [[likely]] {
        put(headers, Known::vary, "Accept-Encoding");
        return;
    }
    std::string_view vary;
    for (const Field& field : headers) {
        if (field.known == Known::vary) {
            if (list_contains(field.value, "*") || list_contains(field.value, "accept-encoding")) {
                return;
            }
            vary = vary.empty() ? field.value : x.memory.arena.join(vary, ", ", field.value);
        }
    }
    headers.erase_if([](const Field& field) { return field.known == Known::vary; });
    put(headers, Known::vary, x.memory.arena.join(vary, ", Accept-Encoding"));
}

// RFC 9110, 8.8.1: other bytes, the same meaning.
void weaken_etag(Exchange& x, Headers& headers) {
    const Field* const etag = http::find_field(headers, "etag");
    if (etag == nullptr || etag->value.starts_with("W/")) {
        return;
    }
    const std::string_view weak = x.memory.arena.join("W/", etag->value);
    headers.erase_if([](const Field& field) { return equal_ignore_case(field.name, "etag"); });
    put(headers, "ETag", weak);
}

// A 304 names what the client has: by the tag that it was given with its coding. True: it had one.
bool tell_unchanged(Exchange& x, Headers& headers) {
    const Field* const etag = http::find_field(headers, "etag");
    if (etag == nullptr || headers.room() < kFieldsAdded) {
        return false;
    }
    const std::string_view weak = x.memory.arena.join("W/", etag->value);
    for (const Field& field : x.head().headers) {
        if (field.known == Known::if_none_match && list_contains(field.value, weak)) {
            weaken_etag(x, headers);
            return true;
        }
    }
    return false;
}

Coding wanted_coding(Exchange& x, const CompressionOptions& o) {
    std::array<Coding, 2> offered{};
    std::size_t count = 0;
    for (const Offer offer : o.codings) {
        if (count < offered.size()) {
            offered[count++] = offer == Offer::br ? Coding::br : Coding::gzip;
        }
    }
    const http::CodingChoice choice =
        http::choose_coding(x.head().headers, std::span(offered).first(count));
    const auto size = size_of(x.memory.response);
    return size && *size < o.bytes_min && !choice.identity_refused ? Coding::identity
                                                                   : choice.coding;
}

void on_response(Exchange& x, const StageOptions& options) {
    const auto& o = static_cast<const CompressionOptions&>(options);
    http::ResponseHead& head = x.memory.response;
    x.compression.reset();  // of an answer that did not go out
    if (!has_body(head.status)) {
        // RFC 9110, 15.3.7 and 15.4.5: they say of Vary what the whole answer would.
        const bool coded = head.status == 304 && tell_unchanged(x, head.headers);
        if (coded ||
            ((head.status == 304 || head.status == 206) && whole_may_be_coded(x, head, o))) {
            add_vary(x, head.headers);
        }
        return;
    }
    const bool is_head = x.head().method == http::Method::head;
    if (!is_head && head.framing == http::Framing::none) {
        return;  // an empty answer
    }
    const auto size = size_of(head);
    const bool asks = x.head().headers.has(Known::accept_encoding);
    // Too small for any client but one that refuses to have it as it is.
    if (size && *size < o.bytes_min && !asks) {
        return;
    }
    if (!may_be_coded(x, head.headers, o)) {
        return;
    }
    if (!asks) {
        add_vary(x, head.headers);
        return;
    }
    const Coding coding = wanted_coding(x, o);
    if (coding != Coding::identity || !size || *size >= o.bytes_min) {
        add_vary(x, head.headers);
    }
    if (coding == Coding::identity || std::ranges::any_of(x.head().headers, forbids_transforming) ||
        x.shard.pressure() != Pressure::none) {
        return;
    }
    if (!is_head) {
        auto coder = http::make_coder(
            coding,
            {.gzip = static_cast<int>(o.gzip_level), .brotli = static_cast<int>(o.brotli_quality)},
            x.shard.coder_memory());
        if (coder == nullptr) {
            return;
        }
        x.shard.metrics().compressed[coding == Coding::gzip ? 0 : 1].add();
        x.compression =
            std::make_unique<Compression>(std::move(coder), x.shard.h1().buffers.take());
    }
    head.framing = is_head ? http::Framing::none : http::Framing::chunked;
    head.content_length = 0;
    head.headers.erase_if([](const Field& field) {
        return field.known == Known::content_length ||
               equal_ignore_case(field.name, "accept-ranges");
    });
    put(head.headers, "Content-Encoding", http::coding_name(coding));
    weaken_etag(x, head.headers);
}

Verdict decide(Exchange&, const CompressionOptions&) {
    return go_on();
}

constexpr Stage row() {
    Stage stage = gateway::stage<CompressionOptions, decide>("compression");
    stage.on_response = on_response;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage compression = row();
}

}  // namespace gw::gateway
