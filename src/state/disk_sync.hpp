// Waits until a file is on the disk without holding up the loop: fsync by the kernel's asynchronous
// I/O (io_submit(2) with IOCB_CMD_FSYNC, Linux 4.18), whose end an eventfd tells. Where there is
// none, in some sandboxes, it is a plain fsync(2), which blocks.
//
// Pinned; one loop's thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "net/fd.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace gw::state {

class DiskSync final : net::Pollable {
  public:
    explicit DiskSync(net::Loop& loop);
    DiskSync(const DiskSync&) = delete;
    DiskSync& operator=(const DiskSync&) = delete;
    // Waits for what the disk still has to do.
    ~DiskSync();

    // One at a time. fd may be closed once this has returned, also with an error. Errors: system,
    // timeout, cancelled.
    net::Task<Result<void>> sync(int fd, Instant deadline);
    // Ends the wait, if there is one.
    void cancel();

  private:
    bool submit(int fd);
    void on_events(std::uint32_t events) override;

    net::Loop& loop_;
    net::Fd told_;                 // the eventfd; not valid: there is no asynchronous I/O
    unsigned long context_ = 0;    // of the kernel; 0: none
    std::uint64_t submitted_ = 0;  // the number of the one that is waited for
    std::optional<Result<void>> outcome_;
    net::Pause pause_;
};

}  // namespace gw::state
