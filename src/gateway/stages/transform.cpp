// Gives a route's requests another path and other fields at their service. What comes of a path's
// values is looked at as if a client had written it: it is canonical, and private paths stay out of
// reach.
#include <algorithm>

#include "gateway/private_paths.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "gateway/template_values.hpp"
#include "gateway/transform_options.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x, const TransformOptions& o) {
    x.transform = &o;
    if (o.path.empty()) {
        return go_on();
    }
    std::string path;
    const bool whole = o.path.write_url(
        path, [&](const TextTemplate::Piece& piece) { return template_value(x, piece); });
    if (!whole || !has_canonical_path(path)) {
        return refuse(Code::bad_request, "a value of the request does not fit the service's path");
    }
    x.upstream_path = x.memory.arena.copy(path);
    return leads_to_private_path(x, o.path) ? refuse(Code::no_route, "no route leads there")
                                            : go_on();
}

void blame(config::Reader section, const char* name, std::vector<FieldFlaw> flaws) {
    for (FieldFlaw& each : flaws) {
        section.blame(
            std::string(each.list),
            "transform." + std::string(name) + "." + std::string(each.list) + " " + each.flaw.what,
            std::move(each.flaw.remedy));
    }
}

OptionsPtr read(config::Reader& reader) {
    auto options = std::make_shared<TransformOptions>();
    config::read(reader, *options);
    blame(reader.section("request"), "request",
          flaws_of(options->request, Towards::service, options->authorization));
    blame(reader.section("response"), "response",
          flaws_of(options->response, Towards::client, false));
    if (options->path.has_query()) {
        reader.blame("path", "transform.path has a '?'", "leave the query out: it goes along");
    }
    return options;
}

constexpr Stage row() {
    Stage stage = gateway::stage<TransformOptions, decide>("transform");
    stage.read = read;
    return stage;
}

}  // namespace

namespace stages {
extern constinit const Stage transform = row();
}

const TransformOptions* transform_of(const StageOptionsList& options) {
    return static_cast<const TransformOptions*>(find_options(options, stages::transform));
}

}  // namespace gw::gateway
