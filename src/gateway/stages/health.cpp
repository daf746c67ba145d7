// Answers probes and people who ask how the process is, before anything could be in the way.
#include "gateway/health.hpp"

#include "gateway/edge.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"

namespace gw::gateway {
namespace {

Verdict decide(Exchange& x) {
    const std::string_view path = x.head().path;
    // Nearly every request is told apart by its first letter.
    if (path.size() < 5 || (path[1] != 'h' && path[1] != 'r' && path[1] != 'l')) {
        return go_on();
    }
    const auto health =
        health_answer(path, x.shard.health(), x.shard.loop().clock().wall, x.memory.arena);
    if (!health) {
        return go_on();
    }
    if (x.head().method != http::Method::get && x.head().method != http::Method::head) {
        if (answers_preflight(x.generation.site->edge.get(), x.head())) {
            return go_on();
        }
        x.allow = "GET, HEAD";
        return refuse(Code::method_not_allowed, "health is read with GET or HEAD");
    }
    x.own.status = health->status;
    x.own.body = health->body;
    return answer();
}

}  // namespace

namespace stages {
extern constinit const Stage health = stage<decide>("health");
}

}  // namespace gw::gateway
