// Task<T>: a coroutine that starts when awaited and hands its value to whoever awaits it.
//
// Control moves by symmetric transfer, so a chain of tasks neither grows the stack nor visits the
// loop. Nothing throws across a task: code that workers run is written as if noexcept, and an
// exception that escapes ends the process. A suspended task is never destroyed; it is resumed with
// an error instead (see Stream::cancel). Coroutines are named functions: no lambda coroutines, and
// no `const&` parameters, which bind to temporaries.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/ensure.hpp"
#include "base/result.hpp"

namespace gw::net {

// Frames come and go several times a request and are of few sizes: each thread keeps the freed ones
// by size class. A frame is freed on the thread that made it. Under a sanitizer every frame is a
// plain allocation, so that use after free is seen.
void* allocate_frame(std::size_t size);
void release_frame(void* frame, std::size_t size) noexcept;

namespace detail {

struct TaskPromiseBase {
    std::coroutine_handle<> continuation = std::noop_coroutine();

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame, std::size_t size) noexcept {
        release_frame(frame, size);
    }

    struct FinalAwaiter {
        static bool await_ready() noexcept { return false; }
        template <class Promise>
        static std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
            return self.promise().continuation;
        }
        static void await_resume() noexcept {}
    };

    static std::suspend_always initial_suspend() noexcept { return {}; }
    static FinalAwaiter final_suspend() noexcept { return {}; }
    [[noreturn]] static void unhandled_exception() noexcept {
        ensure(false, "an exception left a task");
        std::unreachable();
    }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
    std::optional<T> value;

    auto get_return_object() { return std::coroutine_handle<TaskPromise>::from_promise(*this); }
    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
    auto get_return_object() { return std::coroutine_handle<TaskPromise>::from_promise(*this); }
    static void return_void() {}
    static void take() {}
};

}  // namespace detail

// The attribute: ~Task destroys frames that have come to their end, never a suspended one, so that
// no clean-up code for each of their waits is made.
template <class T>
class [[nodiscard]] [[clang::coro_only_destroy_when_complete]] Task {
  public:
    using promise_type = detail::TaskPromise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task(Handle handle) : handle_(handle) {}  // what a coroutine's return converts from
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle_) {
            handle_.destroy();
        }
    }

    struct Awaiter {
        Handle handle;
        static bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
            handle.promise().continuation = awaiting;
            return handle;
        }
        T await_resume() const { return handle.promise().take(); }
    };
    Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

  private:
    Handle handle_;
};

}  // namespace gw::net
