#include "gateway/tunnel.hpp"

#include <algorithm>

#include "gateway/finish.hpp"
#include "gateway/shard.hpp"
#include "gateway/websocket_options.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {

using observe::TunnelEnd;

Tunnel::Tunnel(Exchange& x, upstream::Lease lease, std::string_view first)
    : shard_(x.shard),
      lease_(std::move(lease)),
      service_(lease_.stream(), x.shard.h1().buffers),
      pace_(x.generation.site->limits.pace),
      client_address_(x.client),
      identity_(x.identity),
      route_(x.route->name),
      began_(x.stream.began()),
      moved_(x.shard.loop().now()),
      idle_timeout_(x.websocket->idle_timeout),
      ends_(moved_ + x.websocket->lifetime),
      ends_by_(End::lifetime),
      line_(record_of(x, x.outcome, moved_)) {
    // The end of an API key may be moved by a reload: the shard watches it.
    if (identity_ != nullptr && !identity_->by_api_key && identity_->expires_at != WallTime{}) {
        const Instant expires =
            moved_ + (identity_->expires_at + x.generation.site->token_checks.leeway -
                      x.shard.loop().clock().wall);
        if (expires < ends_) {
            ends_ = expires;
            ends_by_ = End::token_expired;
        }
    }
    keep_texts();
    take(Way::down, first);
}

// What the line refers to goes with the exchange.
void Tunnel::keep_texts() {
    line_.method = line_.method == "CONNECT" ? "CONNECT" : "GET";
    const auto each = [this](auto visit) {
        for (std::string_view* text :
             {&line_.request_id, &line_.trace_id, &line_.path, &line_.query, &line_.route,
              &line_.upstream, &line_.ip, &line_.user_id, &line_.tenant_id}) {
            visit(*text);
        }
    };
    std::size_t size = 0;
    each([&](std::string_view text) { size += text.size(); });
    texts_.reserve(size);
    each([&](std::string_view& text) {
        const std::size_t at = texts_.size();
        texts_ += text;
        text = std::string_view(texts_).substr(at);
    });
}

net::Task<void> Tunnel::run(http::Duplex& client, net::Buffer buffer, std::string_view first) {
    client_ = &client;
    shard_.tunnels().enter(*this);
    shard_.metrics().tunnels.add(1);
    arm();
    if (const std::optional<End> end = shard_.why_to_end(*this)) {
        close(http::kGoingAway, *end);
    }
    scope_.spawn(carry(Way::down, {}, {}));
    co_await carry(Way::up, std::move(buffer), first);
    co_await scope_.all_done();
    service_.end();
    if (!client_ended_ && !client.cancelled()) {
        co_await linger();
    }
    alarm_.disarm();
    shard_.metrics().tunnels.sub(1);
    shard_.tunnels().leave(*this);
    write_line();
}

net::Task<void> Tunnel::carry(Way way, net::Buffer buffer, std::string_view bytes) {
    http::Duplex& from = way == Way::up ? *client_ : service_;
    http::Duplex& to = way == Way::up ? service_ : *client_;
    while (true) {
        bytes = take(way, bytes);
        if (!bytes.empty()) {
            if (const Result<void> sent = co_await to.write(bytes, pace_); !sent) {
                broke(way == Way::up ? Way::down : Way::up, sent.error());
                break;
            }
        }
        if (stops(way)) {
            break;
        }
        const Result<std::string_view> got = co_await from.read(buffer, kNever);
        if (!got) {
            broke(way, got.error());
            break;
        }
        if (got->empty()) {
            came_to_end(way);
            break;
        }
        bytes = *got;
        moved_ = shard_.loop().now();
    }
    buffer.release();
    if (way == Way::down) {
        co_await say_close();
    }
}

std::string_view Tunnel::take(Way way, std::string_view bytes) {
    if (way == Way::down) {
        const http::WebSocketFrames before = frames_;
        const std::size_t whole = frames_.take(bytes);
        if (close_code_ != 0 && whole > 0 && whole < bytes.size()) {
            bytes = bytes.substr(0, whole);
            frames_ = before;
            frames_.take(bytes);
        }
    }
    (way == Way::up ? line_.bytes_in : line_.bytes_out) += bytes.size();
    shard_.metrics().tunnel_bytes[way == Way::up ? 0 : 1].add(bytes.size());
    return bytes;
}

bool Tunnel::stops(Way way) const {
    return way == Way::up ? ending_ : close_code_ != 0 && frames_.at_boundary();
}

// A service that has ended has no more to hear. A client that has may still wait for an answer: the
// service's own Close.
void Tunnel::came_to_end(Way way) {
    if (way == Way::up) {
        client_ended_ = true;
        service_.end();
        begin_end(End::client);
    } else {
        begin_end(End::service);
        client_->cancel_read();
    }
}

// way: from the side that broke.
void Tunnel::broke(Way way, const Error& error) {
    if (ending_ && (way == Way::down || error.code == Errc::cancelled)) {
        return;  // it is on its way out already
    }
    if (!ending_) {
        broke_by_ = error.detail;
    }
    begin_end(way == Way::up ? End::client : End::service);
    service_.cancel();
    if (way == Way::up) {
        client_->cancel();
    } else {
        client_->cancel_read();
    }
}

void Tunnel::begin_end(End end) {
    if (!ending_) {
        ending_ = true;
        end_ = end;
        arm();
    }
}

void Tunnel::close(std::uint16_t code, End end) {
    if (ending_) {
        return;
    }
    close_code_ = code;
    begin_end(end);
    client_->cancel_read();
    if (frames_.at_boundary()) {
        service_.cancel_read();
    }
}

void Tunnel::cut() {
    begin_end(End::draining);
    client_->cancel();
    service_.cancel();
}

// The last bytes to the client: our Close frame, if the service sent none, and the end.
net::Task<void> Tunnel::say_close() {
    if (client_->cancelled()) {
        co_return;
    }
    if (close_code_ != 0 && frames_.at_boundary() && !frames_.closing()) {
        const std::string frame = http::websocket_close(close_code_, observe::name_of(end_));
        line_.bytes_out += frame.size();
        if (!co_await client_->write(frame, pace_)) {
            co_return;
        }
    }
    client_->end();
}

// A socket that is closed with bytes unread resets the connection, and the client could lose the
// Close frame: what it still sends is thrown away until it ends too.
net::Task<void> Tunnel::linger() {
    const Instant until = shard_.loop().now() + kGrace;
    net::Buffer buffer;
    while (true) {
        const Result<std::string_view> got = co_await client_->read(buffer, until);
        if (!got || got->empty() || shard_.loop().now() >= until) {
            break;
        }
    }
}

void Tunnel::arm() {
    const Instant due =
        ending_ ? shard_.loop().now() + kGrace : std::min(ends_, moved_ + idle_timeout_);
    shard_.loop().timers().arm(alarm_, due);
}

void Tunnel::on_time() {
    const Instant now = shard_.loop().now();
    if (ending_) {
        cut();  // what could not end well
    } else if (now >= ends_) {
        close(ends_by_ == End::token_expired ? http::kPolicyViolation : http::kGoingAway, ends_by_);
    } else if (now >= moved_ + idle_timeout_) {
        close(http::kGoingAway, End::idle);
    } else {
        arm();
    }
}

void Tunnel::write_line() {
    const Instant now = shard_.loop().now();
    line_.time = shard_.loop().clock().wall;
    line_.duration = now - began_;
    // Whose side it was comes first: the words of a socket are the same for both.
    std::string reason{observe::name_of(end_)};
    if (broke_by_ != nullptr) {
        reason.append(": ").append(broke_by_);
    }
    line_.detail = reason;
    shard_.metrics().tunnel_ends[static_cast<std::size_t>(end_)].add();
    shard_.write_access_line(line_);
}

void TunnelList::enter(Tunnel& tunnel) {
    tunnel.next_ = first_;
    if (first_ != nullptr) {
        first_->previous_ = &tunnel;
    }
    first_ = &tunnel;
}

void TunnelList::cut_all() {
    for (Tunnel* tunnel = first_; tunnel != nullptr; tunnel = tunnel->next_) {
        tunnel->cut();
    }
}

void TunnelList::leave(Tunnel& tunnel) {
    (tunnel.previous_ != nullptr ? tunnel.previous_->next_ : first_) = tunnel.next_;
    if (tunnel.next_ != nullptr) {
        tunnel.next_->previous_ = tunnel.previous_;
    }
}

}  // namespace gw::gateway
