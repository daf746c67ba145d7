// A scope owns coroutines that run beside each other: everything spawned belongs to one, and
// whoever owns the scope waits for all of them before it goes. spawn() is the only place where a
// coroutine is started without being awaited. One loop's thread.
#pragma once

#include <cstddef>

#include "base/ensure.hpp"
#include "net/task.hpp"

namespace gw::net {

class Scope {
  public:
    Scope() = default;
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
    ~Scope() { ensure(live_ == 0, "a scope ended before its coroutines"); }

    // Runs the task up to its first wait, now.
    void spawn(Task<void> task);
    [[nodiscard]] std::size_t live() const { return live_; }

    // co_await scope.all_done(): resumes when nothing lives in it. One waiter at a time.
    struct AllDone {
        Scope& scope;
        [[nodiscard]] bool await_ready() const { return scope.live_ == 0; }
        void await_suspend(std::coroutine_handle<> handle) const { scope.waiter_ = handle; }
        void await_resume() const {}
    };
    AllDone all_done() { return {*this}; }

  private:
    struct Started {
        struct promise_type {
            static void* operator new(std::size_t size) { return allocate_frame(size); }
            static void operator delete(void* frame, std::size_t size) noexcept {
                release_frame(frame, size);
            }
            static Started get_return_object() { return {}; }
            static std::suspend_never initial_suspend() noexcept { return {}; }
            static std::suspend_never final_suspend() noexcept { return {}; }
            static void return_void() {}
            [[noreturn]] static void unhandled_exception() noexcept { std::abort(); }
        };
    };
    static Started run(Scope& scope, Task<void> task);
    void leave();

    std::size_t live_ = 0;
    std::coroutine_handle<> waiter_;
};

}  // namespace gw::net
