#include "state/resp_server.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "state/resp.hpp"

namespace gw::state {

RespServer::RespServer(net::Loop& loop, net::Fd socket, Store& store)
    : loop_(loop),
      store_(store),
      listener_(std::make_unique<net::Listener>(loop, std::move(socket), budget_, *this)) {}

void RespServer::stop() {
    listener_.reset();
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
    std::string received;
    std::vector<char> buffer(16UL * 1024);
    while (true) {
        const Result<std::size_t> got =
            co_await stream.read_some({buffer.data(), buffer.size()}, loop_.now() + kIdle);
        if (!got || *got == 0) {
            break;
        }
        received.append(buffer.data(), *got);
        if (!co_await answer(stream, received)) {
            break;
        }
    }
    std::erase(streams_, &stream);
    budget_.leave();
}

net::Task<bool> RespServer::answer(net::Stream& stream, std::string& received) {
    const net::PaceLimits pace;
    while (true) {
        RespCommand command = read_command(received);
        if (command.state == RespCommand::State::incomplete) {
            co_return true;
        }
        std::string reply;
        bool last = false;
        if (command.state == RespCommand::State::malformed) {
            reply = resp_error("ERR " + std::string(command.why));
            last = true;
        } else if (!command.arguments.empty()) {
            last = equal_ignore_case(command.arguments[0], "QUIT");
            reply = last ? resp_ok() : co_await store_.run_command(std::move(command.arguments));
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
