// Sends whoever comes elsewhere, as the route says. The place is the operator's word: values of the
// request fill segments and values of a query, and whatever would read as something else is
// refused, so that nobody can make the gateway send others where he likes.
#include <algorithm>

#include "gateway/redirect_options.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "gateway/template_values.hpp"

namespace gw::gateway {
namespace {

constexpr std::array<std::uint32_t, 4> kStatuses{301, 302, 307, 308};

// A target holds '<', '"' and the like as it came (http/h1_grammar.hpp); a Location does not.
void write_query(std::string& out, std::string_view query) {
    for (const char c : query) {
        if (is_unreserved(c) || std::string_view("%!$&'()*+,;=:@/?").contains(c)) {
            out += c;
        } else {
            out += percent_encode({&c, 1});
        }
    }
}

Verdict decide(Exchange& x, const RedirectOptions& o) {
    std::string to;
    const bool whole = o.to.write_url(
        to, [&](const TextTemplate::Piece& piece) { return template_value(x, piece); });
    if (!whole || !has_canonical_path(to)) {
        return refuse(Code::bad_request, "a value of the request does not fit where it leads");
    }
    const http::RequestHead& head = x.head();
    if (o.keep_query && head.has_query && !head.query.empty()) {
        // In front of a fragment.
        const std::size_t hash = std::min(to.find('#'), to.size());
        const std::string fragment = to.substr(hash);
        to.resize(hash);
        to += to.contains('?') ? '&' : '?';
        write_query(to, head.query);
        to += fragment;
    }
    const bool for_good = o.status == 301 || o.status == 308;
    x.location = x.memory.arena.copy(to);
    x.own.status = static_cast<int>(o.status);
    x.own.content_type = {};
    x.own.cache_control = for_good ? std::string_view{} : "no-store";
    return answer();
}

OptionsPtr read(config::Reader& reader) {
    auto options = std::make_shared<RedirectOptions>();
    config::read(reader, *options);
    if (std::ranges::find(kStatuses, options->status) == kStatuses.end()) {
        reader.blame("status", "redirect.status is " + std::to_string(options->status),
                     "use 301, 302, 307 or 308");
    }
    return options;
}

constexpr Stage row() {
    Stage stage = gateway::stage<RedirectOptions, decide>("redirect");
    stage.read = read;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage redirect = row();
}

const RedirectOptions* redirect_of(const StageOptionsList& options) {
    return static_cast<const RedirectOptions*>(find_options(options, stages::redirect));
}

}  // namespace gw::gateway
