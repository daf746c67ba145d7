// Keeps what services offer only to each other out of reach.
#include "gateway/private_paths.hpp"

#include "base/text.hpp"
#include "gateway/shard.hpp"
#include "gateway/stage.hpp"
#include "http/uri.hpp"

namespace gw::gateway {
namespace {

// Blanks and dots at the end are what some services trim away.
bool names(std::string_view segment, std::string_view word) {
    // Nearly every segment is told apart by its first byte: another letter, and not an escape.
    if (segment.empty() || (segment.front() != '%' && lower(segment.front()) != word.front())) {
        return false;
    }
    const auto trimmed = [](std::string_view text) {
        return text.substr(0, text.find_last_not_of(" .\t") + 1);
    };
    if (segment.find('%') == std::string_view::npos) {
        return equal_ignore_case(trimmed(segment), word);
    }
    return trimmed(http::fully_decoded(segment)) == word;
}

std::string_view first_segment(std::string_view path) {
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    return path.substr(0, find_byte(path, '/'));
}

// What follows the route's fixed beginning.
std::string_view below_base(const Exchange& x) {
    const Route& route = *x.route;
    if (!route.prefix) {
        return {};
    }
    std::string_view left = x.path;
    for (std::size_t i = 0; i < route.base_segments && !left.empty(); ++i) {
        left.remove_prefix(1);
        left.remove_prefix(find_byte(left, '/'));
    }
    return left;
}

// May a segment be one of the two words, however it is written? Of most paths none begins so.
bool may_name(std::string_view path) {
    std::size_t at = path.starts_with('/') ? 1 : 0;
    for (; at < path.size(); at += find_byte(path.substr(at), '/') + 1) {
        const char first = lower(path[at]);
        if (first == 'i' || first == 'm' || first == '%') {
            return true;
        }
    }
    return false;
}

}  // namespace

bool leads_to_private_path(const Exchange& x) {
    if (!may_name(x.upstream_path) && (x.path == x.upstream_path || !may_name(x.path))) [[likely]] {
        return false;
    }
    std::string_view left = x.upstream_path;
    bool hidden =
        names(first_segment(left), "metrics") || names(first_segment(below_base(x)), "metrics");
    while (!left.empty() && !hidden) {
        const std::string_view segment = first_segment(left);
        hidden = names(segment, "internal");
        left.remove_prefix(std::min(segment.size() + 1, left.size()));
    }
    return hidden;
}

bool leads_to_private_path(const Exchange& x, const PathTemplate& written_by) {
    const std::string& beginning = written_by.pieces().front().text;
    std::string_view left = x.upstream_path;
    left.remove_prefix(std::min(beginning.rfind('/'), left.size()));
    return leads_to_private_path(x) || names(first_segment(left), "metrics");
}

namespace {

Verdict decide(Exchange& x) {
    return leads_to_private_path(x) ? refuse(Code::no_route, "no route leads there") : go_on();
}

}  // namespace

namespace stages {
extern constinit const Stage private_paths = stage<decide>("private_paths");
}

}  // namespace gw::gateway
