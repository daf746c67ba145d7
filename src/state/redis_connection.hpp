// One connection to a Redis server: commands go out in order, in a row, and replies come back in
// the same order (RESP2).
//
// Each command has a deadline. When one passes, or when the server sends what is no reply, the
// connection is given up and everything that waits on it fails: a reply that comes late can reach
// nobody, and never another command. Nothing blocks. Pinned; one loop's thread; end() must have
// been awaited before it goes.
#pragma once

#include <coroutine>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "net/scope.hpp"
#include "net/stream.hpp"
#include "net/task.hpp"
#include "state/redis_options.hpp"
#include "state/redis_reply.hpp"
#include "state/redis_tls.hpp"

namespace gw::state {

struct RedisLogin {
    std::string user;
    std::string password;  // empty: no AUTH
    unsigned db = 0;
};

class RedisConnection {
  public:
    class Listener {
      public:
        // A message of a channel that this connection is subscribed to.
        virtual void pushed(RedisReply message) = 0;
        // Once, when the connection that was open is no more.
        virtual void ended(Error why) = 0;

      protected:
        ~Listener() = default;
    };

    // tls: nullptr for none; it and the listener (nullptr: nobody) outlive the connection.
    RedisConnection(net::Loop& loop, const RedisTlsContext* tls, Listener* listener);
    RedisConnection(const RedisConnection&) = delete;
    RedisConnection& operator=(const RedisConnection&) = delete;
    ~RedisConnection();

    // Connects, verifies, logs in and selects the database. host: the name that the server's
    // certificate must carry. Once.
    net::Task<Result<void>> open(net::Address address, std::string host, RedisLogin login,
                                 Instant deadline);

    // An error of Redis is a reply too. Errors: timeout, and how the connection ended.
    net::Task<Result<RedisReply>> run(RedisCommand command, Instant deadline);
    // As many replies as commands, in their order.
    net::Task<Result<std::vector<RedisReply>>> run_all(std::vector<RedisCommand> commands,
                                                       Instant deadline);
    // From here on messages are pushed, and only PING and SUBSCRIBE make sense.
    net::Task<Result<RedisReply>> subscribe(std::string channel, Instant deadline);

    [[nodiscard]] bool usable() const { return state_ == State::open; }
    // Gives the connection up; what waits ends with `why`. Safe at any time.
    void close(Error why);
    // Waits until nothing of it runs. Closes it if need be.
    net::Task<void> end();

  private:
    enum class State : std::uint8_t { fresh, opening, open, closed };
    // Commands that were sent together, and who waits for their replies; in the waiter's frame.
    struct Batch {
        std::size_t expected = 0;
        std::vector<RedisReply> replies;
        std::optional<Error> error;
        std::coroutine_handle<> waiter;

        static bool await_ready() noexcept { return false; }
        void await_suspend(std::coroutine_handle<> handle) { waiter = handle; }
        static void await_resume() noexcept {}
    };
    struct Pending {
        Batch* batch = nullptr;
        Instant deadline;
    };
    struct Deadline : net::Timer {
        explicit Deadline(RedisConnection& owner) : Timer(&fired), connection(owner) {}
        static void fired(net::Timer& timer);
        RedisConnection& connection;
    };

    net::Task<Result<void>> handshake(Instant deadline);
    net::Task<Result<void>> log_in(RedisLogin login, Instant deadline);
    net::Task<void> read_all();
    net::Task<void> write_all();
    Result<void> take(std::string_view bytes);
    Result<void> deliver(RedisReply reply);
    void check_deadlines();

    net::Loop& loop_;
    const RedisTlsContext* tls_context_;
    Listener* listener_;
    State state_ = State::fresh;
    Error why_{Errc::unreachable, Fault::store, Retry::yes, "Redis is not connected"};
    bool told_open_ = false;  // the listener is told of the end only after a whole beginning
    bool subscribed_ = false;
    std::unique_ptr<net::Stream> stream_;
    std::unique_ptr<RedisTls> tls_;
    RedisReplyReader reader_;
    std::deque<Pending> pending_;
    Instant due_ = kNever;  // of the timer
    Deadline deadline_{*this};
    std::string out_;   // commands to be sent
    std::string wire_;  // the same as TLS sends them
    std::string sending_;
    std::string plain_;
    std::vector<char> received_;
    net::Pause more_;  // the writer waits here for something to send
    net::Scope scope_;
};

}  // namespace gw::state
