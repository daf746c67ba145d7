#include "net/scope.hpp"

namespace gw::net {

void Scope::spawn(Task<void> task) {
    ++live_;
    run(*this, std::move(task));
}

Scope::Started Scope::run(Scope& scope, Task<void> task) {
    {
        // The task's frame goes before the scope is told: its locals may belong to the scope's
        // owner.
        Task<void> running = std::move(task);
        co_await std::move(running);
    }
    scope.leave();
}

void Scope::leave() {
    if (--live_ == 0 && waiter_) {
        std::exchange(waiter_, nullptr).resume();
    }
}

}  // namespace gw::net
