#include "state/resp_server.hpp"

#include <algorithm>
#include <array>

#include "state/resp.hpp"

namespace gw::state {

RespServer::RespServer(net::Loop& loop, net::Fd socket, Store& store, std::string password,
                       Answered answered)
    : loop_(loop),
      store_(store),
      password_(std::move(password)),
      answered_(std::move(answered)),
      listener_(std::make_unique<net::Listener>(loop, std::move(socket), budget_, *this)) {}

void RespServer::pause() {
    if (listener_ != nullptr) {
        paused_ = listener_->take_socket();
        listener_.reset();
    }
    end_connections();
}

void RespServer::resume() {
    if (paused_.valid()) {
        listener_ = std::make_unique<net::Listener>(loop_, std::move(paused_), budget_, *this);
    }
}

void RespServer::stop() {
    listener_.reset();
    paused_.reset();
    end_connections();
}

void RespServer::end_connections() {
    for (net::Stream* const stream : streams_) {
        stream->cancel();
    }
}

void RespServer::accepted(net::Fd connection, const net::Address& /*peer*/) {
    scope_.spawn(serve(std::move(connection)));
}

net::Task<void> RespServer::serve(net::Fd fd) {
    net::Stream stream(loop_, std::move(fd), Fault::client);
    streams_.push_back(&stream);
    RespSession session(++connections_, !password_.empty());
    std::string received;
    std::vector<char> buffer(16UL * 1024);
    while (true) {
        const Result<std::size_t> got =
            co_await stream.read_some({buffer.data(), buffer.size()}, loop_.now() + kIdle);
        if (!got || *got == 0) {
            break;
        }
        received.append(buffer.data(), *got);
        if (!co_await answer(stream, session, received)) {
            break;
        }
    }
    std::erase(streams_, &stream);
    budget_.leave();
}

net::Task<bool> RespServer::answer(net::Stream& stream, RespSession& session,
                                   std::string& received) {
    const net::PaceLimits pace;
    while (true) {
        RespCommand command = read_command(received);
        std::string reply;
        bool last = false;
        if (command.state == RespCommand::State::incomplete) {
            if (received.size() <= (session.allowed() ? kUnfinishedMax : kUnfinishedStrangerMax)) {
                co_return true;
            }
            reply = resp_error("ERR Protocol error: too big a command");
            last = true;
        } else if (command.state == RespCommand::State::malformed) {
            reply = resp_error("ERR " + std::string(command.why));
            last = true;
        } else if (!command.arguments.empty()) {
            auto own = session.answer(command.arguments, password_);
            if (own) {
                reply = std::move(own->reply);
                last = own->last;
            } else {
                reply = co_await store_.run_command(command.arguments);
                answered_(command.arguments, reply, session.name());
            }
        }
        received.erase(0, command.consumed);
        if (!reply.empty() && !co_await stream.write(reply, pace)) {
            co_return false;
        }
        if (last) {
            co_return false;
        }
    }
}

}  // namespace gw::state
