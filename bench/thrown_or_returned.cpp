// bench_thrown_or_returned: what a failure costs that passes up through nested coroutines, thrown
// and returned. The figures stand in docs/decisions/0004-no-exceptions-on-workers.md.
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <exception>
#include <expected>
#include <stdexcept>
#include <utility>

namespace {

constexpr int kTimes = 200'000;
constexpr int kLevels[] = {1, 2, 5};

// The task of net/task.hpp in short, made to carry exceptions, which that one refuses to do.
template <class T>
struct Task {
    struct promise_type {
        std::coroutine_handle<> awaiting = std::noop_coroutine();
        T value{};
        std::exception_ptr thrown;

        struct Final {
            static bool await_ready() noexcept { return false; }
            static std::coroutine_handle<> await_suspend(
                std::coroutine_handle<promise_type> self) noexcept {
                return self.promise().awaiting;
            }
            static void await_resume() noexcept {}
        };

        Task get_return_object() {
            return {std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        static std::suspend_always initial_suspend() noexcept { return {}; }
        static Final final_suspend() noexcept { return {}; }
        void return_value(T result) { value = result; }
        void unhandled_exception() { thrown = std::current_exception(); }
    };

    Task(std::coroutine_handle<promise_type> started) : handle(started) {}
    Task(Task&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Task& operator=(Task&&) = delete;
    ~Task() {
        if (handle) {
            handle.destroy();
        }
    }

    static bool await_ready() { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) {
        handle.promise().awaiting = awaiting;
        return handle;
    }
    T await_resume() {
        if (handle.promise().thrown) {
            std::rethrow_exception(handle.promise().thrown);
        }
        return handle.promise().value;
    }

    std::coroutine_handle<promise_type> handle;
};

using Outcome = std::expected<int, int>;

[[gnu::noinline]] Task<int> throws(int level) {
    if (level == 1) {
        throw std::runtime_error("reset");
    }
    co_return co_await throws(level - 1);
}

[[gnu::noinline]] Task<Outcome> returns(int level) {
    if (level == 1) {
        co_return std::unexpected(1);
    }
    co_return co_await returns(level - 1);
}

Task<int> catch_all(int level) {
    int caught = 0;
    for (int i = 0; i < kTimes; ++i) {
        try {
            co_await throws(level);
        } catch (const std::exception&) {
            ++caught;
        }
    }
    co_return caught;
}

Task<int> check_all(int level) {
    int seen = 0;
    for (int i = 0; i < kTimes; ++i) {
        const Outcome outcome = co_await returns(level);
        seen += outcome ? 0 : 1;
    }
    co_return seen;
}

double ns_each(Task<int> all) {
    const auto began = std::chrono::steady_clock::now();
    all.handle.resume();
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    return took.count() / all.handle.promise().value;
}

}  // namespace

int main() {
    for (const int level : kLevels) {
        const double thrown = ns_each(catch_all(level));
        const double returned = ns_each(check_all(level));
        std::printf("%d tasks: thrown %.0f ns, returned %.0f ns\n", level, thrown, returned);
    }
}
