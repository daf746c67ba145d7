// The port at which operators reach the store with redis-cli, whichever backend it is. Loopback
// only; control thread's loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/listener.hpp"
#include "net/scope.hpp"
#include "state/resp_session.hpp"
#include "state/store.hpp"

namespace gw::state {

class RespServer final : public net::Acceptor {
  public:
    // Is told of each command that the store has answered. client: as the connection named itself.
    using Answered = std::function<void(const std::vector<std::string>& command,
                                        std::string_view reply, std::string_view client)>;

    // The store must outlive the server's connections. password: empty for none.
    RespServer(net::Loop& loop, net::Fd socket, Store& store, std::string password,
               Answered answered);
    RespServer(const RespServer&) = delete;
    RespServer& operator=(const RespServer&) = delete;
    ~RespServer() = default;

    // For who asks from now on.
    void set_password(std::string password) { password_ = std::move(password); }

    // Ends the connections there are, and leaves others to whoever has the same socket; they wait
    // until then.
    void pause();
    // Takes connections again.
    void resume();
    // Takes no more connections and ends those there are. Destroy after all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    static constexpr std::size_t kConnectionsMax = 64;
    static constexpr Millis kIdle{300'000};
    // Of a command that is not whole yet: far more than any that makes sense, and before the
    // password what it needs.
    static constexpr std::size_t kUnfinishedMax = 4UL * 1024 * 1024;
    static constexpr std::size_t kUnfinishedStrangerMax = 16UL * 1024;

    void accepted(net::Fd connection, const net::Address& peer) override;
    void end_connections();
    net::Task<void> serve(net::Fd fd);
    // False: the connection ends.
    net::Task<bool> answer(net::Stream& stream, RespSession& session, std::string& received);

    net::Loop& loop_;
    Store& store_;
    std::string password_;
    const Answered answered_;
    std::uint64_t connections_ = 0;  // that there were
    net::ConnectionBudget budget_{kConnectionsMax};
    std::unique_ptr<net::Listener> listener_;
    net::Fd paused_;  // valid instead of the listener
    net::Scope scope_;
    std::vector<net::Stream*> streams_;
};

}  // namespace gw::state
