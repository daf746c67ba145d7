#include "gateway/detached_stream.hpp"

namespace gw::gateway {

DetachedStream::DetachedStream(const http::Stream& like)
    : head_(like.head()),
      peer_(like.peer()),
      protocol_(like.protocol()),
      secure_(like.secure()),
      began_(like.began()) {
    if (const net::TlsPeer* const peer = like.client_certificate()) {
        certificate_ = *peer;
    }
    head_.method_text = arena_.copy(head_.method_text);
    head_.target = arena_.copy(head_.target);
    head_.path = arena_.copy(head_.path);
    head_.query = arena_.copy(head_.query);
    head_.authority = arena_.copy(head_.authority);
    head_.headers.clear();
    for (const http::Field& field : like.head().headers) {
        [[maybe_unused]] const bool added =
            head_.headers.add(arena_.copy(field.name), arena_.copy(field.value), field.known);
    }
}

DetachedStream::DetachedStream(const http::Stream& like, http::Method method,
                               std::string_view method_text)
    : DetachedStream(like) {
    head_.method = method;
    head_.method_text = arena_.copy(method_text);
}

net::Task<Result<http::BodyPart>> DetachedStream::read_body() {
    co_return http::BodyPart{{}, true};
}

net::Task<Result<void>> DetachedStream::send(http::ResponseHead&, std::string_view, bool,
                                             const http::Headers*) {
    responded_ = true;
    co_return alive();
}

net::Task<Result<void>> DetachedStream::send_body(std::string_view, bool, const http::Headers*) {
    co_return alive();
}

net::Task<Result<void>> DetachedStream::send_interim(http::ResponseHead&) {
    co_return alive();
}

void DetachedStream::cut() {
    cut_ = true;
    if (watcher_ != nullptr) {
        watcher_->peer_left(false);
    }
}

void DetachedStream::watch_peer(net::Stream::Watcher* watcher) {
    watcher_ = watcher;
    if (watcher_ != nullptr && cut_) {
        watcher_->peer_left(false);
    }
}

Result<void> DetachedStream::alive() const {
    return cut_ ? Result<void>(fail(Errc::cancelled, Fault::self, "it was ended")) : Result<void>{};
}

}  // namespace gw::gateway
