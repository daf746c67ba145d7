#include "net/loop.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <climits>
#include <utility>

#include "base/ensure.hpp"

namespace gw::net {

Clock system_clocks() {
    return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
}

Loop::Loop()
    : clock_(system_clocks()),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timers_(clock_.now) {
    ensure(epoll_.valid() && wake_.valid(), "no descriptors left for an event loop");
    ensure(watch(wake_.get(), EPOLLIN | EPOLLET, mailbox_).has_value(), "the loop watches itself");
}

void Loop::run() {
    while (!stopping_.load(std::memory_order_acquire)) {
        if (between_turns_) {
            between_turns_();
        }
        event_count_ = ::epoll_wait(epoll_.get(), events_.data(), kEventsMax, wait_ms());
        ensure(event_count_ >= 0 || errno == EINTR, "epoll_wait failed");
        read_clocks();
        for (event_ = 0; event_ < event_count_; ++event_) {
            const epoll_event& event = events_[static_cast<std::size_t>(event_)];
            if (event.data.ptr != nullptr) {
                tell(*static_cast<Pollable*>(event.data.ptr), event.events);
            }
        }
        event_count_ = 0;
        const Instant oldest = waiting_.first != nullptr ? waiting_.first->since_ : clock_.now;
        take_on();
        timers_.advance(clock_.now);
        end_turn();
        const Instant end = std::chrono::steady_clock::now();
        last_turn_ = end - clock_.now;
        lag_ = end - oldest;
    }
}

void Loop::tell(Pollable& owner, std::uint32_t events) {
    if (owner.share_ == 0 && owner.untold_ == 0) {
        owner.on_events(events);
        return;
    }
    if (owner.untold_ == 0) {
        owner.since_ = clock_.now;
        waiting_.append(owner);
    }
    owner.untold_ |= events;
}

void Loop::take_on() {
    for (int taken_on = 0; waiting_.first != nullptr && taken_on < kTakenOnMost;) {
        Pollable& owner = *waiting_.first;
        taken_on += owner.share_;
        waiting_.remove(owner);
        owner.on_events(std::exchange(owner.untold_, 0));
    }
}

void Loop::Waiting::append(Pollable& pollable) {
    pollable.previous_ = last;
    (last != nullptr ? last->next_ : first) = &pollable;
    last = &pollable;
}

void Loop::Waiting::remove(Pollable& pollable) {
    (pollable.previous_ != nullptr ? pollable.previous_->next_ : first) = pollable.next_;
    (pollable.next_ != nullptr ? pollable.next_->previous_ : last) = pollable.previous_;
    pollable.next_ = pollable.previous_ = nullptr;
}

void Loop::stop() {
    post([this] { stopping_.store(true, std::memory_order_release); });
}

void Loop::post(Job job) {
    bool first = false;
    {
        const std::lock_guard lock(jobs_mutex_);
        first = jobs_.empty();
        jobs_.push_back(std::move(job));
    }
    if (first) {
        const std::uint64_t one = 1;
        // Fails only when the counter is full, and then the loop is awake anyway.
        [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
    }
}

void Loop::Mailbox::on_events(std::uint32_t /*events*/) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(loop_.wake_.get(), &count, sizeof count);
    std::vector<Job> jobs;
    {
        const std::lock_guard lock(loop_.jobs_mutex_);
        jobs.swap(loop_.jobs_);
    }
    for (Job& job : jobs) {
        job();
    }
}

Result<void> Loop::watch(int fd, std::uint32_t events, Pollable& owner) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &owner;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
        return fail(Errc::exhausted, Fault::self, "epoll cannot take another descriptor");
    }
    return {};
}

void Loop::rewatch(int fd, std::uint32_t events, Pollable& owner) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &owner;
    ensure(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0, "rewatch of an unknown fd");
}

void Loop::forget(int fd, Pollable& owner) {
    // A descriptor about to be closed leaves the set by itself, unless another process holds a copy
    // of it.
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    if (std::exchange(owner.untold_, 0) != 0) {
        waiting_.remove(owner);
    }
    for (int i = event_ + 1; i < event_count_; ++i) {
        if (events_[static_cast<std::size_t>(i)].data.ptr == &owner) {
            events_[static_cast<std::size_t>(i)].data.ptr = nullptr;
        }
    }
}

void Loop::read_clocks() {
    const Clock read = system_clocks();
    clock_ = read;
}

int Loop::wait_ms() const {
    if (!ready_.empty() || !put_off_.empty() || waiting_.first != nullptr) {
        return 0;
    }
    const Instant next = timers_.next();
    if (next == kNever) {
        return -1;
    }
    const auto left = std::chrono::ceil<Millis>(next - (clock_.now + last_turn_)).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

void Loop::forget(EndOfTurn& work) {
    std::ranges::replace(put_off_, &work, nullptr);
    std::ranges::replace(running_, &work, nullptr);
}

void Loop::end_turn() {
    // What goes on may read or put off more, pipelined requests for example. After a few rounds the
    // rest waits for the next turn, so that no connection starves the others.
    constexpr int kRounds = 8;
    for (int round = 0; round < kRounds && !(ready_.empty() && put_off_.empty()); ++round) {
        run_ready();
        if (!ready_.empty()) {
            continue;
        }
        running_.swap(put_off_);
        for (std::size_t i = 0; i < running_.size(); ++i) {
            if (EndOfTurn* const work = running_[i]; work != nullptr) {
                work->run(*work);
            }
        }
        running_.clear();
    }
}

void Loop::run_ready() {
    // What is resumed may ask for more; that runs later.
    resuming_.swap(ready_);
    for (const std::coroutine_handle<> handle : resuming_) {
        handle.resume();
    }
    resuming_.clear();
}

}  // namespace gw::net
