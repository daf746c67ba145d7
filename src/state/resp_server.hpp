// The port at which operators reach the store with redis-cli, whichever backend it is. Loopback
// only; control thread's loop.
#pragma once

#include <memory>
#include <vector>

#include "net/listener.hpp"
#include "net/scope.hpp"
#include "state/store.hpp"

namespace gw::state {

class RespServer final : public net::Acceptor {
  public:
    // The store must outlive the server's connections.
    RespServer(net::Loop& loop, net::Fd socket, Store& store);
    RespServer(const RespServer&) = delete;
    RespServer& operator=(const RespServer&) = delete;
    ~RespServer() = default;

    // Takes no more connections and ends those there are. Destroy after all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    static constexpr std::size_t kConnectionsMax = 64;
    static constexpr Millis kIdle{300'000};

    void accepted(net::Fd connection, const net::Address& peer) override;
    net::Task<void> serve(net::Fd fd);
    // False: the connection ends.
    net::Task<bool> answer(net::Stream& stream, std::string& received);

    net::Loop& loop_;
    Store& store_;
    net::ConnectionBudget budget_{kConnectionsMax};
    std::unique_ptr<net::Listener> listener_;
    net::Scope scope_;
    std::vector<net::Stream*> streams_;
};

}  // namespace gw::state
