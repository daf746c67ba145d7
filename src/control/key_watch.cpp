#include "control/key_watch.hpp"

#include <algorithm>

#include "base/ensure.hpp"

namespace gw::control {
namespace {

constexpr Millis kFetchLimit{2'000};
constexpr Millis kRetryFirst{250};
constexpr Millis kRetryMost{30'000};
constexpr std::size_t kDocumentMax = 256UL * 1024;

FetchTarget target_of(const std::string& url) {
    const std::size_t path = url.find('/', url.find("://") + std::string_view("://").size());
    auto server = upstream::ServiceUrl::parse(std::string_view(url).substr(0, path));
    ensure(server.has_value() && path != std::string::npos, "the key set's URL was checked");
    return {.server = std::move(*server), .path = url.substr(path)};
}

}  // namespace

void KeyWatch::follow(const std::string& url, Pace pace,
                      std::shared_ptr<const net::TlsClient> tls) {
    const auto id_of = [](const auto& client) { return client != nullptr ? client->id() : 0; };
    if (url == url_ && pace == pace_ && id_of(tls) == id_of(target_.tls)) {
        return;
    }
    if (url != url_) {
        read_at_.reset();
        too_old_ = false;
    }
    url_ = url;
    pace_ = pace;
    ++turn_;
    failing_ = false;
    reading_ = false;  // the one on its way is nobody's now
    asked_at_.reset();
    pause_.wake();
    if (!url_.empty()) {
        target_ = target_of(url_);
        target_.tls = std::move(tls);
        scope_.spawn(keep_reading(turn_));
    } else if (std::exchange(asked_, false)) {
        answered_();
    }
}

void KeyWatch::ask() {
    if (reading_) {
        asked_ = true;
        return;
    }
    if (url_.empty() || (asked_at_ && loop_.now() - *asked_at_ < kAskedAgain)) {
        answered_();
        return;
    }
    asked_ = true;
    asked_at_ = loop_.now();
    pause_.wake();
}

void KeyWatch::stop() {
    ++turn_;
    url_.clear();
    resolver_.cancel();
    pause_.wake();
}

net::Task<void> KeyWatch::keep_reading(std::uint64_t turn) {
    Millis retry = kRetryFirst;
    while (turn == turn_) {
        reading_ = true;
        const bool good = co_await read(turn);
        if (turn != turn_) {
            break;
        }
        reading_ = false;
        if (std::exchange(asked_, false)) {
            answered_();
        }
        end_if_too_old();
        Instant next = loop_.now() + (good ? pace_.refresh : retry);
        retry = good ? kRetryFirst : std::min(retry * 2, kRetryMost);
        if (may_grow_too_old()) {
            next = std::min(next, *read_at_ + pace_.age_max);
        }
        co_await pause_.until(next);
    }
}

void KeyWatch::end_if_too_old() {
    if (!may_grow_too_old() || loop_.now() < *read_at_ + pace_.age_max) {
        return;
    }
    too_old_ = true;
    log_.error("the key set could not be read for too long; its keys are trusted no longer",
               {{"url", url_}, {"ageMs", age().count()}});
    outdated_();
}

net::Task<bool> KeyWatch::read(std::uint64_t turn) {
    const Result<Fetched> fetched =
        co_await fetch(loop_, resolver_, pool_, target_, kFetchLimit, kDocumentMax);
    if (turn != turn_) {
        co_return false;  // of an issuer that may not be trusted any more
    }
    const char* why = "";
    bool good = false;
    if (!fetched) {
        why = fetched.error().detail;
    } else if (fetched->status != 200) {
        why = "the answer's status is not 200";
    } else {
        good = adopt_(fetched->body);
    }
    const bool empty = !good && *why == '\0';
    if (good && failing_) {
        log_.info("the key set can be read again", {{"url", url_}});
    } else if (empty && !(failing_ && empty_)) {
        log_.warn("the key set has no key that can be used; keys that are known stay in force",
                  {{"url", url_}});
    } else if (!good && !empty && (!failing_ || empty_)) {
        log_.warn("the key set cannot be read; keys that are known stay in force",
                  {{"url", url_}, {"reason", why}});
    }
    if (good) {
        read_at_ = loop_.now();
        too_old_ = false;
    }
    failing_ = !good;
    empty_ = empty;
    failures_ += good ? 0 : 1;
    co_return good;
}

}  // namespace gw::control
