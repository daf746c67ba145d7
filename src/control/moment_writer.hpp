// Writes into the store since when a revocation holds whose value does not say so, so that all
// gateways, and those that start later, take it for the same. Control thread.
#pragma once

#include <string>

#include "net/loop.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"
#include "state/store.hpp"

namespace gw::control {

class MomentWriter {
  public:
    MomentWriter(net::Loop& loop, observe::Log& log) : loop_(loop), log_(log) {}
    MomentWriter(const MomentWriter&) = delete;
    MomentWriter& operator=(const MomentWriter&) = delete;

    // Before the first write(); must outlive stop().
    void use_store(state::Store& store) { store_ = &store; }
    // Soon, `moment` stands in the place of `value`, unless something else does then: who came
    // first is right. Where the store takes nothing, all stays as it is. May be called from within
    // calls of the store.
    void write(std::string key, std::string value, std::string moment);

    void stop() { stopping_ = true; }
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    // More are of a list that somebody has written without a thought; they are seen again.
    static constexpr std::size_t kAtOnceMax = 1'000;

    net::Task<void> write_now(std::string key, std::string value, std::string moment);

    net::Loop& loop_;
    observe::Log& log_;
    state::Store* store_ = nullptr;
    net::Scope scope_;
    bool stopping_ = false;
};

}  // namespace gw::control
