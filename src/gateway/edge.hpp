// What every answer carries for browsers: who may read it, and how careful they are to be.
#pragma once

#include <optional>

#include "gateway/cors.hpp"
#include "gateway/security_headers.hpp"
#include "http/message.hpp"

namespace gw::gateway {

// Immutable, shared by all workers; there is none where nothing of it is configured.
struct Edge {
    static constexpr std::size_t kFieldsMax = 7 + SecurityHeaders::kMost;

    std::optional<Cors> cors;  // none: the services answer for themselves
    SecurityHeaders security;
};

// Is it the question that browsers ask before a request of another origin (Fetch, 3.2.2)?
bool is_preflight(const http::RequestHead& head);

// Does the gateway answer it itself, whatever it names? edge: null where nothing of it is
// configured.
bool answers_preflight(const Edge* edge, const http::RequestHead& head);

// To the fields of an answer to this request, whoever made it. False: there is no room.
[[nodiscard]] bool add_edge_fields(const Edge& edge, const http::RequestHead& request,
                                   http::Headers& headers);

}  // namespace gw::gateway
