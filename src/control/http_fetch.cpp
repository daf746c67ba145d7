#include "control/http_fetch.hpp"

#include "base/ensure.hpp"
#include "http/h1_client.hpp"
#include "http/h2_client.hpp"
#include "net/connector.hpp"
#include "net/scope.hpp"

namespace gw::control {

namespace {

net::Task<Result<Fetched>> ask(net::Loop& loop, http::ClientStream& client,
                               const FetchTarget* target, Instant deadline, std::size_t bytes_max) {
    const std::string authority = target->server.authority();
    http::RequestHead head;
    head.method = http::Method::get;
    head.method_text = "GET";
    head.path = target->path;
    const bool added = head.headers.add(http::Known::host, authority) &&
                       head.headers.add("Accept", "application/json") &&
                       head.headers.add(http::Known::connection, "close");
    ensure(added, "three fields fit");
    if (const Result<void> sent = co_await client.send(head, {}, true, nullptr); !sent) {
        co_return std::unexpected(sent.error());
    }
    Fetched fetched;
    while (fetched.status < 200) {
        const Result<const http::ResponseHead*> answer = co_await client.read_head(deadline);
        if (!answer) {
            co_return std::unexpected(answer.error());
        }
        fetched.status = (*answer)->status;
    }
    Result<http::BodyPart> part = client.body_at_hand();
    while (part) {
        fetched.body += part->bytes;
        if (fetched.body.size() > bytes_max) {
            co_return fail(Errc::too_large, Fault::upstream, "the document is too large");
        }
        if (part->last) {
            co_return fetched;
        }
        const auto left = std::chrono::duration_cast<Millis>(deadline - loop.now());
        part = co_await client.read_body(left);
    }
    co_return std::unexpected(part.error());
}

net::Task<void> run(http::H2ClientConnection& connection) {
    co_await connection.run();
}

net::Task<Result<Fetched>> ask_over_h2(net::Loop& loop, http::H1Pool& pool, net::Fd fd,
                                       const FetchTarget* target, Instant deadline,
                                       std::size_t bytes_max) {
    const http::H1Limits limits;
    const net::PaceLimits pace;
    const auto left = std::chrono::ceil<Millis>(deadline - loop.now());
    http::H2ClientConnection connection(loop, std::move(fd), pool, pace, left);
    net::Scope scope;
    scope.spawn(run(connection));
    Result<Fetched> fetched;
    {
        http::H2ClientStream client(connection, limits, pace);
        fetched = co_await ask(loop, client, target, deadline, bytes_max);
    }
    connection.end();
    co_await scope.all_done();
    co_return fetched;
}

}  // namespace

net::Task<Result<Fetched>> fetch_from(net::Loop& loop, http::H1Pool& pool, net::Address address,
                                      const FetchTarget* target, Instant deadline,
                                      std::size_t bytes_max) {
    Result<net::Fd> made = co_await net::connect(loop, address, deadline);
    if (!made) {
        co_return std::unexpected(made.error());
    }
    if (target->h2) {
        co_return co_await ask_over_h2(loop, pool, std::move(*made), target, deadline, bytes_max);
    }
    std::string spare;
    net::Stream stream(loop, std::move(*made), Fault::upstream);
    if (target->tls != nullptr) {
        stream.use_tls(*target->tls, spare);
        if (const Result<void> done = co_await stream.handshake(deadline); !done) {
            co_return std::unexpected(done.error());
        }
    }
    const http::H1Limits limits;
    const net::PaceLimits pace;
    http::H1Client client(stream, pool, limits, pace);
    co_return co_await ask(loop, client, target, deadline, bytes_max);
}

net::Task<Result<Fetched>> fetch(net::Loop& loop, net::Resolver& resolver, http::H1Pool& pool,
                                 FetchTarget target, Millis limit, std::size_t bytes_max) {
    const Instant deadline = loop.now() + limit;
    const Result<net::Resolution> names = co_await resolver.resolve(target.server.host);
    if (!names) {
        co_return std::unexpected(names.error());
    }
    Result<Fetched> last = fail(Errc::unreachable, Fault::upstream, "the name has no address");
    for (const IpAddress& ip : names->addresses) {
        last =
            co_await fetch_from(loop, pool, {ip, target.server.port}, &target, deadline, bytes_max);
        if (last || loop.now() >= deadline) {
            break;
        }
    }
    co_return last;
}

}  // namespace gw::control
