// Gets a small document from a service over HTTP, for the control thread: key sets, for example.
#pragma once

#include <memory>
#include <string>

#include "http/h1_pool.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "net/stream.hpp"
#include "upstream/service_options.hpp"

namespace gw::control {

struct FetchTarget {
    upstream::ServiceUrl server;
    std::string path = "/";
    std::shared_ptr<const net::TlsClient> tls = nullptr;  // null: plain HTTP
    bool h2 = false;  // in HTTP/2 without being asked, and without TLS
};

struct Fetched {
    int status = 0;
    std::string body;
};

// From that address, whatever the target's name resolves to. Both must outlive the task.
net::Task<Result<Fetched>> fetch_from(net::Loop& loop, http::H1Pool& pool, net::Address address,
                                      const FetchTarget* target, Instant deadline,
                                      std::size_t bytes_max);

// All addresses of the name are tried until one answers. Errors: those of a connection and of a
// malformed answer; timeout when `limit` has passed; too_large beyond bytes_max. The resolver and
// the pool must outlive the task.
net::Task<Result<Fetched>> fetch(net::Loop& loop, net::Resolver& resolver, http::H1Pool& pool,
                                 FetchTarget target, Millis limit, std::size_t bytes_max);

}  // namespace gw::control
