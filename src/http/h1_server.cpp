#include "http/h1_server.hpp"

#include <algorithm>

#include "http/h1_stream.hpp"
#include "http/h2_server.hpp"
#include "http/longest_idle.hpp"
#include "http/socket_duplex.hpp"
#include "net/proxy_header.hpp"

namespace gw::http {

Task<void> H1Connection::run() {
    Millis patience = shared_.limits.head_timeout;
    do {
        const Result<void> ready = co_await stream_.readable(shared_.loop.now() + patience);
        if (!ready) {
            break;  // nothing was asked, so nothing is answered
        }
        idle_ = false;
        const bool more = co_await serve_burst();
        idle_ = true;
        idle_since_ = shared_.loop.now();
        if (!more) {
            break;
        }
        patience = shared_.limits.idle_timeout;
    } while (!closing_ && !stream_.cancelled());
}

Task<bool> H1Connection::meet_proxy() {
    const bool required = shared_.proxy_protocol == net::ProxyProtocol::require;
    if (std::ranges::none_of(shared_.proxies,
                             [&](const Cidr& block) { return block.contains(peer_.ip); })) {
        if (required) {
            shared_.responder.abused(peer_, "not one of the proxies that connections come from");
        }
        co_return !required;
    }
    const Instant deadline = shared_.loop.now() + shared_.limits.head_timeout;
    while (co_await stream_.readable(deadline)) {
        const net::Buffer buffer = shared_.pool.buffers.take();
        const auto got = stream_.look(buffer.span().first(net::kProxyHeaderMax));
        const net::ProxyHeader header = net::parse_proxy_header({buffer.data(), got});
        switch (header.state) {
            case net::ProxyHeader::State::incomplete:
                if (stream_.peer_left()) {
                    co_return false;
                }
                break;
            case net::ProxyHeader::State::complete:
                stream_.drop(header.size);
                stream_.came_through_proxy();
                peer_ = header.client.value_or(peer_);
                co_return true;
            case net::ProxyHeader::State::absent:
                if (!required) {
                    stream_.drop(0);
                    co_return true;
                }
                shared_.responder.abused(peer_, "a connection without a PROXY header");
                co_return false;
            case net::ProxyHeader::State::broken:
                shared_.responder.abused(peer_, header.detail);
                co_return false;
        }
    }
    co_return false;
}

Task<bool> H1Connection::shake_hands() {
    stream_.use_tls(*shared_.tls);
    idle_ = false;  // whoever came before the listeners closed is served
    const Result<void> done =
        co_await stream_.handshake(shared_.loop.now() + shared_.tls->handshake_timeout);
    idle_ = true;
    shared_.responder.shook_hands(peer_, stream_.handshake_outcome(),
                                  done ? nullptr : done.error().detail);
    co_return done.has_value();
}

Task<void> H1Connection::run_h2() {
    idle_ = false;  // the HTTP/2 server knows when it is
    co_await shared_.h2->serve(stream_, peer_, net::Buffer(), 0);
}

void H1Connection::end_when_idle() {
    closing_ = true;
    // A request may be here already although nobody has looked yet: it is answered.
    if (idle_ && !stream_.has_news(true)) {
        stream_.cancel();
    }
}

void H1Server::accepted(net::Fd connection, const net::Address& peer) {
    scope_.spawn(serve(std::move(connection), peer));
}

Task<void> H1Server::serve(net::Fd fd, net::Address peer) {
    H1Connection connection(shared_, std::move(fd), peer);
    link(connection);
    if (!connection.expects_proxy() || co_await connection.meet_proxy()) {
        co_await connection.run();
    }
    unlink(connection);
    budget_.leave();
}

void H1Server::Secure::accepted(net::Fd connection, const net::Address& peer) {
    server.scope_.spawn(server.serve_secure(std::move(connection), peer));
}

Task<void> H1Server::serve_secure(net::Fd fd, net::Address peer) {
    H1Connection connection(shared_, std::move(fd), peer);
    link(connection);
    if ((!connection.expects_proxy() || co_await connection.meet_proxy()) &&
        co_await connection.shake_hands()) {
        co_await (connection.chose_h2() ? connection.run_h2() : connection.run());
    }
    unlink(connection);
    budget_.leave();
}

void H1Server::end_idle() {
    for (H1Connection* connection = first_; connection != nullptr; connection = connection->next_) {
        connection->end_when_idle();
    }
}

void H1Server::out_of_budget() {
    // Who has just been answered may be about to ask again.
    constexpr Millis kSpared{1'000};
    // There is another look while somebody waits.
    const std::size_t at_once = std::clamp<std::size_t>(connections() / 16, 1, 16);
    shared_.responder.out_of_connections();
    const Instant before = shared_.loop.now() - kSpared;
    end_longest_idle(first_, [](H1Connection& one) { return one.next_; }, before, at_once);
    if (shared_.h2 != nullptr) {
        shared_.h2->end_longest_idle(before, at_once);
    }
}

void H1Server::end_all() {
    for (H1Connection* connection = first_; connection != nullptr; connection = connection->next_) {
        connection->closing_ = true;
        connection->stream_.cancel();
    }
}

void H1Server::link(H1Connection& connection) {
    connection.next_ = first_;
    if (first_ != nullptr) {
        first_->previous_ = &connection;
    }
    first_ = &connection;
}

void H1Server::unlink(H1Connection& connection) {
    if (connection.previous_ != nullptr) {
        connection.previous_->next_ = connection.next_;
    } else {
        first_ = connection.next_;
    }
    if (connection.next_ != nullptr) {
        connection.next_->previous_ = connection.previous_;
    }
}

Task<bool> H1Connection::serve_burst() {
    Borrowed<H1Work> borrowed(shared_.pool.server);
    H1Work& work = *borrowed;
    work.in = shared_.pool.buffers.take();
    std::size_t kept = 0;
    while (true) {
        const Instant began = shared_.loop.now();
        const Instant deadline = began + shared_.limits.head_timeout;
        Arrived arrived{.filled = kept};
        work.head.headers.clear();
        while (true) {
            bool waits = false;
            if (take_head(work, shared_.limits, arrived)) {
                if (arrived.refusal.status == 0 || !speaks_h2(work, arrived, waits)) [[likely]] {
                    break;
                }
                if (!waits) {
                    net::Buffer first = std::move(work.in);
                    borrowed.give_back();
                    co_await shared_.h2->serve(stream_, peer_, std::move(first), arrived.filled);
                    closing_ = true;
                    co_return false;
                }
                arrived = {.filled = arrived.filled};
            }
            const Result<std::size_t> got =
                co_await stream_.read_some(work.in.span().subspan(arrived.filled), deadline);
            if (!got && got.error().code == Errc::timeout && arrived.filled > 0) {
                refuse(work, arrived, {.status = 408, .detail = "the request head took too long"});
                break;
            }
            if (!got || *got == 0) {
                closing_ = true;
                co_return false;
            }
            arrived.filled += *got;
        }
        const bool refused = arrived.refusal.status != 0;
        const std::string_view at_hand{work.in.data() + arrived.consumed,
                                       arrived.filled - arrived.consumed};
        H1Stream request(*this, work, at_hand, refused ? &arrived.refusal : nullptr, began);
        ++served_;
        if (refused || served_ == shared_.limits.requests_max) {
            closing_ = true;
        }
        co_await shared_.responder.serve(request);
        if (!request.reusable()) {
            if (std::unique_ptr<Takeover> next = request.next(); next != nullptr) {
                const std::string_view first = request.unread();
                net::Buffer buffer = first.empty() ? net::Buffer() : std::move(work.in);
                borrowed.give_back();
                SocketDuplex client(stream_, shared_.pool.buffers);
                co_await next->run(client, std::move(buffer), first);
                co_return false;
            }
            const bool unread = !work.body.done() || refused || !request.unread().empty() ||
                                stream_.has_news(false);
            if (unread && request.needs_linger()) {
                co_await linger(work.in);
            }
            co_return false;
        }
        const std::string_view rest = request.unread();
        kept = net::move_to_front(work.in, rest);
        work.more.release();
        work.out.release();
        if (kept == 0 && !stream_.has_news(false)) {
            co_return true;
        }
    }
}

// Asked only of what is no HTTP/1.1, so that this costs HTTP/1.1 nothing (RFC 9113, 3.3). Over TLS
// the handshake has decided (3.2).
bool H1Connection::speaks_h2(const H1Work& work, const Arrived& arrived, bool& waits) const {
    if (!shared_.h2_unasked || served_ > 0 || stream_.secure()) {
        return false;
    }
    const std::string_view came{work.in.data(), std::min(arrived.filled, kH2Preface.size())};
    waits = came.size() < kH2Preface.size();
    return kH2Preface.starts_with(came);
}

void H1Connection::refuse(H1Work& work, Arrived& arrived, const H1Refusal& refusal) {
    arrived.refusal = refusal;
    arrived.consumed = arrived.filled;
    work.body = H1Body();
}

// True when a head is there, or one that is refused. False: more bytes are needed.
bool H1Connection::take_head(H1Work& work, const H1ServerLimits& limits, Arrived& arrived) {
    if (arrived.filled > 0) {
        const H1Parse parse =
            parse_request({work.in.data(), arrived.filled}, limits.message, work.head);
        if (parse.state == H1Parse::State::complete) {
            arrived.consumed = parse.consumed;
            work.body = H1Body(work.head.framing, work.head.content_length);
            return true;
        }
        if (parse.state == H1Parse::State::refused) {
            refuse(work, arrived, parse.refusal);
            return true;
        }
    }
    if (arrived.filled == work.in.size()) {
        refuse(work, arrived, {.status = 431, .detail = "the request head is too large"});
        return true;
    }
    return false;
}

// Ends our side and reads on for a moment: a close with unread input would reset the connection,
// and the client could lose the response that it has not read yet (RFC 9112, 9.6).
Task<void> H1Connection::linger(net::Buffer& buffer) {
    stream_.shutdown_write();
    const Instant deadline = shared_.loop.now() + shared_.limits.lingering_close;
    std::size_t drained = 0;
    while (drained < shared_.limits.drained_max) {
        const Result<std::size_t> got = co_await stream_.read_some(buffer.span(), deadline);
        if (!got || *got == 0) {
            co_return;
        }
        drained += *got;
    }
}

}  // namespace gw::http
