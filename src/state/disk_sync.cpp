#include "state/disk_sync.hpp"

#include <linux/aio_abi.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace gw::state {
namespace {

constexpr unsigned kAtOnce = 8;  // one, and those that were given up and are not over yet

Result<void> plain_sync(int fd) {
    if (::fsync(fd) != 0) {
        return fail(Errc::system, Fault::self, "the disk did not take it");
    }
    return {};
}

}  // namespace

DiskSync::DiskSync(net::Loop& loop) : loop_(loop), pause_(loop) {
    net::Fd told(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (!told.valid() || ::syscall(SYS_io_setup, kAtOnce, &context_) != 0) {
        context_ = 0;
        return;
    }
    if (loop_.watch(told.get(), EPOLLIN | EPOLLET, *this)) {
        told_ = std::move(told);
    }
}

DiskSync::~DiskSync() {
    if (told_.valid()) {
        loop_.forget(told_.get(), *this);
    }
    if (context_ != 0) {
        ::syscall(SYS_io_destroy, context_);
    }
}

bool DiskSync::submit(int fd) {
    if (!told_.valid()) {
        return false;
    }
    iocb request{};
    request.aio_data = ++submitted_;
    request.aio_lio_opcode = IOCB_CMD_FSYNC;
    request.aio_fildes = static_cast<std::uint32_t>(fd);
    request.aio_flags = IOCB_FLAG_RESFD;
    request.aio_resfd = static_cast<std::uint32_t>(told_.get());
    std::array<iocb*, 1> requests{&request};
    return ::syscall(SYS_io_submit, context_, 1L, requests.data()) == 1;
}

net::Task<Result<void>> DiskSync::sync(int fd, Instant deadline) {
    outcome_.reset();
    if (!submit(fd)) {
        co_return plain_sync(fd);
    }
    while (!outcome_ && loop_.now() < deadline) {
        co_await pause_.until(deadline);
    }
    if (!outcome_) {
        ++submitted_;  // what comes of it later concerns nobody
        co_return fail(Errc::timeout, Fault::self, "the disk does not answer");
    }
    co_return *outcome_;
}

void DiskSync::cancel() {
    outcome_ = fail(Errc::cancelled, Fault::self, "given up");
    ++submitted_;
    pause_.wake();
}

void DiskSync::on_events(std::uint32_t /*events*/) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(told_.get(), &count, sizeof count);
    std::array<io_event, kAtOnce> events{};
    const long done = ::syscall(SYS_io_getevents, context_, 0L, static_cast<long>(kAtOnce),
                                events.data(), nullptr);
    for (long i = 0; i < done; ++i) {
        const io_event& event = events[static_cast<std::size_t>(i)];
        if (event.data == submitted_) {
            outcome_ = event.res == 0 ? Result<void>{}
                                      : fail(Errc::system, Fault::self, "the disk did not take it");
            pause_.wake();
        }
    }
}

}  // namespace gw::state
