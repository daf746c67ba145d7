// Keeps the issuer's key set up to date: read at the start, from time to time, and when a token
// names a key that is not known. While the issuer is away the keys that were last read stay, until
// they are older than they may become. Control thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "control/http_fetch.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"

namespace gw::control {

class KeyWatch {
  public:
    // Takes a document that was read; false if it is no key set.
    using Adopt = std::function<bool(const std::string& document)>;
    // A reading that somebody asked for has ended, whatever came of it.
    using Answered = std::function<void()>;
    // What was read last is too old to be trusted; what is read next is adopted again.
    using Outdated = std::function<void()>;
    struct Pace {
        Millis refresh{};
        Millis age_max{};  // 0: keys stay for as long as the issuer is away
        bool operator==(const Pace&) const = default;
    };

    KeyWatch(net::Loop& loop, observe::Log& log, http::H1Pool& pool,
             const std::string& name_servers, Adopt adopt, Answered answered, Outdated outdated)
        : loop_(loop),
          log_(log),
          pool_(pool),
          resolver_(loop, name_servers),
          adopt_(std::move(adopt)),
          answered_(std::move(answered)),
          outdated_(std::move(outdated)) {}
    KeyWatch(const KeyWatch&) = delete;
    KeyWatch& operator=(const KeyWatch&) = delete;

    // url: as check_key_set_url accepts it; empty: nothing is read. The same again changes nothing.
    // tls: for an `https://` one, else null. What was asked for before is not adopted any more.
    void follow(const std::string& url, Pace pace, std::shared_ptr<const net::TlsClient> tls);
    // Somebody met a key that is not known. At most one reading in kAskedAgain comes of it, however
    // many ask.
    void ask();
    // How often it could not be read.
    [[nodiscard]] std::uint64_t failures() const { return failures_; }
    // Since it was last read; 0: it has not been read yet.
    [[nodiscard]] Millis age() const {
        return read_at_ ? std::chrono::floor<Millis>(loop_.now() - *read_at_) : Millis{0};
    }
    // Ends what runs. The watch may be destroyed once all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

    // How long after one reading strangers may cause the next.
    static constexpr Millis kAskedAgain{10'000};

  private:
    net::Task<void> keep_reading(std::uint64_t turn);
    net::Task<bool> read(std::uint64_t turn);
    [[nodiscard]] bool may_grow_too_old() const {
        return read_at_ && !too_old_ && pace_.age_max > Millis::zero();
    }
    void end_if_too_old();

    net::Loop& loop_;
    observe::Log& log_;
    http::H1Pool& pool_;
    net::Resolver resolver_;
    Adopt adopt_;
    Answered answered_;
    Outdated outdated_;
    std::string url_;
    FetchTarget target_;
    Pace pace_;
    net::Pause pause_{loop_};
    net::Scope scope_;
    std::optional<Instant> asked_at_;  // when a stranger last caused a reading
    std::optional<Instant> read_at_;   // when what is known of this URL was read
    bool too_old_ = false;             // it is trusted no longer
    std::uint64_t turn_ = 0;           // which follow() the running task belongs to
    bool reading_ = false;
    bool asked_ = false;  // somebody waits for a reading
    bool failing_ = false;
    bool empty_ = false;  // it answered, and had no key of use
    std::uint64_t failures_ = 0;
};

}  // namespace gw::control
