#include "security/audit_chain.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "security/audit_line.hpp"

namespace gw::security {
namespace {

// Nobody else writes to the file meanwhile. A file system that knows no locks is no reason to
// record nothing.
class Turn {
  public:
    explicit Turn(int fd) : fd_(fd) {
        // Others hold it for a write; one that is stopped in it must not stop us.
        constexpr int kTries = 20;
        for (int i = 0; i < kTries && !locked_; ++i) {
            locked_ = ::flock(fd_, LOCK_EX | LOCK_NB) == 0;
            if (!locked_ && errno != EWOULDBLOCK && errno != EINTR) {
                return;
            }
            if (!locked_) {
                ::poll(nullptr, 0, 1);
            }
        }
        late_ = !locked_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
        if (locked_) {
            ::flock(fd_, LOCK_UN);
        }
    }
    [[nodiscard]] bool late() const { return late_; }

  private:
    int fd_;
    bool locked_ = false;
    bool late_ = false;
};

}  // namespace

// How a file ends.
struct AuditChain::Tail {
    bool empty = true;
    std::uint64_t size = 0;
    bool torn = false;     // bytes behind the last line feed
    bool strange = false;  // the last whole line is no good record
    bool foreign = false;  // it is a record, but neither it nor one before it is ours
    std::optional<AuditHead> head;
};

AuditChain::AuditChain(AuditOptions options) : options_(std::move(options)) {}

AuditChain::~AuditChain() {
    close();
}

void AuditChain::close() {
    if (fd_ >= 0) {
        ::close(fd_);
        fd_ = -1;
    }
}

Result<void> AuditChain::open_file() {
    close();
    fd_ = ::open(options_.path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat about{};
    if (fd_ < 0 || ::fstat(fd_, &about) != 0) {
        last_error_ = errno;
        close();
        return fail(Errc::system, Fault::self, "the audit file cannot be opened");
    }
    if (!S_ISREG(about.st_mode)) {
        close();
        return fail(Errc::system, Fault::self, "the audit file is no ordinary file");
    }
    return {};
}

Result<AuditChain::Tail> AuditChain::read_tail() const {
    // Torn pieces may stand behind the last record; a record has 7 texts of 1024 bytes, each byte
    // six at most.
    constexpr std::size_t kRead = 256UL * 1024;
    struct stat about{};
    if (::fstat(fd_, &about) != 0) {
        return fail(Errc::system, Fault::self, "the audit file cannot be read");
    }
    Tail tail;
    const auto size = static_cast<std::size_t>(about.st_size);
    tail.empty = size == 0;
    tail.size = size;
    std::string bytes(std::min(size, kRead), '\0');
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const ssize_t got = ::pread(fd_, bytes.data() + filled, bytes.size() - filled,
                                    static_cast<off_t>(size - bytes.size() + filled));
        if (got <= 0) {
            if (got < 0 && errno == EINTR) {
                continue;
            }
            return fail(Errc::system, Fault::self, "the audit file cannot be read");
        }
        filled += static_cast<std::size_t>(got);
    }
    std::string_view text = bytes;
    const std::size_t last = text.rfind('\n');
    tail.torn = !text.empty() && last + 1 != text.size();
    if (tail.torn) {  // perhaps all but the line feed is there
        const auto line = read_audit_line(text.substr(last + 1));
        if (line && audit_hash(line->hashed, options_.secret) == line->hash) {
            tail.head = AuditHead{line->seq, std::string(line->hash)};
            return tail;
        }
    }
    text = text.substr(0, last == std::string_view::npos ? 0 : last);
    for (bool newest = true; !text.empty(); newest = false) {
        const std::size_t begin = text.rfind('\n') + 1;  // npos + 1 is 0
        const auto line = read_audit_line(text.substr(begin));
        if (line && audit_hash(line->hashed, options_.secret) == line->hash) {
            tail.head = AuditHead{line->seq, std::string(line->hash)};
            tail.foreign = false;
            return tail;
        }
        tail.strange = tail.strange || newest;
        tail.foreign = tail.foreign || (newest && line);
        text = text.substr(0, begin == 0 ? 0 : begin - 1);
    }
    return tail;
}

// With the lock: what another process has put there since is what our next record follows. Not what
// has no higher number: it took the place of ours, and whoever verifies shall see it.
Result<void> AuditChain::catch_up() {
    struct stat about{};
    if (fd_ < 0 ||
        (::fstat(fd_, &about) == 0 && static_cast<std::uint64_t>(about.st_size) == size_)) {
        return {};
    }
    const auto tail = read_tail();
    if (!tail) {
        return std::unexpected(tail.error());
    }
    size_ = tail->size;
    open_line_ = tail->torn;
    torn_ = torn_ || tail->torn;
    if (tail->head && tail->head->seq > head_.seq) {
        head_ = *tail->head;
        torn_ = tail->torn;
    }
    return {};
}

Result<void> AuditChain::open(WallTime now) {
    put_away_.clear();
    for (bool first = true;; first = false) {
        if (auto opened = open_file(); !opened) {
            return opened;
        }
        const Turn turn(fd_);
        auto tail = read_tail();
        if (!tail || turn.late()) {
            last_error_ = errno;
            close();
            return tail ? fail(Errc::system, Fault::self, "the audit file is locked")
                        : std::unexpected(tail.error());
        }
        if (first && tail->foreign && put_file_away(now)) {
            continue;
        }
        size_ = tail->size;
        open_line_ = tail->torn;
        torn_ = tail->torn;
        // The file that this process wrote is gone: what follows joins it all the same.
        const bool goes_on = tail->empty && put_away_.empty() && head_.seq > 0;
        if (!goes_on) {
            head_ = tail->head.value_or(AuditHead{});
        }
        if (goes_on) {
            mark("audit_continued", "the record goes on from another file", now);
        } else if (tail->torn) {
            mark("audit_torn", "the last line had no end when the file was opened", now);
        } else if (tail->strange) {
            mark("audit_restarted", "the last line was no record", now);
        } else if (tail->empty && !put_away_.empty()) {
            mark("audit_restarted", "the records before are of another secret: " + put_away_, now);
        }
        return {};
    }
}

// With the lock. False: it stays where it is. Somebody else may have been first.
bool AuditChain::put_file_away(WallTime now) {
    if (moved_away()) {
        return true;
    }
    const auto second =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    std::string to = options_.path + "." + std::to_string(second);
    if (::rename(options_.path.c_str(), to.c_str()) != 0) {
        return false;
    }
    put_away_ = std::move(to);
    return true;
}

Result<void> AuditChain::reopen(WallTime now) {
    if (is_open()) {
        const Turn turn(fd_);
        if (auto caught_up = catch_up(); !caught_up) {
            return caught_up;
        }
    }
    if (auto opened = open_file(); !opened) {
        return opened;
    }
    const Turn turn(fd_);
    auto tail = read_tail();
    if (!tail || turn.late()) {
        last_error_ = errno;
        close();
        return tail ? fail(Errc::system, Fault::self, "the audit file is locked")
                    : std::unexpected(tail.error());
    }
    size_ = tail->size;
    open_line_ = tail->torn;
    torn_ = tail->torn;
    if (tail->empty) {
        if (head_.seq > 0) {
            mark("audit_continued", "the record goes on from another file", now);
        }
    } else if (tail->head && tail->head->seq >= head_.seq) {
        head_ = *tail->head;
    }
    return {};
}

bool AuditChain::mark(std::string_view event, std::string_view detail, WallTime now) {
    return put({.event = event, .requester = "api-gateway", .detail = detail}, now);
}

// Another process may have made room already: then our file is the one that has been put away.
bool AuditChain::moved_away() const {
    struct stat ours{};
    struct stat there{};
    return ::fstat(fd_, &ours) == 0 && (::stat(options_.path.c_str(), &there) != 0 ||
                                        there.st_ino != ours.st_ino || there.st_dev != ours.st_dev);
}

bool AuditChain::is_deleted() const {
    struct stat ours{};
    return ::fstat(fd_, &ours) == 0 && ours.st_nlink == 0;
}

void AuditChain::make_room(WallTime now) {
    bool moved = moved_away();
    if (!moved && size_ >= options_.bytes_max) {
        const Turn turn(fd_);
        moved = !turn.late() && (moved_away() || ::rename(options_.path.c_str(),
                                                          (options_.path + ".1").c_str()) == 0);
    }
    if (moved) {
        // If it fails the file is closed, the event waits, and it is opened again.
        [[maybe_unused]] const Result<void> opened = reopen(now);
    }
}

bool AuditChain::append(const AuditEvent& event, WallTime now) {
    if (is_open() && is_deleted()) {
        // Nobody could ever read what is written there.
        ++deletions_;
        [[maybe_unused]] const Result<void> opened = reopen(now);
    }
    if (options_.bytes_max != 0 && is_open()) {
        make_room(now);
    }
    {
        const Turn turn(fd_);
        if (turn.late() || !catch_up()) {
            last_error_ = turn.late() ? EWOULDBLOCK : EIO;
            ++failures_;
            return false;
        }
        if (torn_ && !mark("audit_torn", "a line before this one has no end", now)) {
            return false;
        }
        if (!put(event, now)) {
            return false;
        }
    }
    sync();
    return true;
}

bool AuditChain::put(const AuditEvent& event, WallTime now) {
    line_.clear();
    if (open_line_) {
        line_ += '\n';
    }
    std::string hash = write_audit_line(line_, event, timestamp_.text(now), head_, options_.secret);
    if (!write(line_)) {
        ++failures_;
        return false;
    }
    ++head_.seq;
    head_.hash = std::move(hash);
    torn_ = false;
    return true;
}

bool AuditChain::write(std::string_view line) {
    if (fd_ < 0) {
        last_error_ = EBADF;
        return false;
    }
    ssize_t put = 0;
    do {
        put = ::write(fd_, line.data(), line.size());
    } while (put < 0 && errno == EINTR);
    if (put <= 0) {
        last_error_ = put < 0 ? errno : ENOSPC;
        return false;
    }
    const auto written = static_cast<std::size_t>(put);
    size_ += written;
    open_line_ = line[written - 1] != '\n';
    if (written + 1 < line.size()) {
        torn_ = true;
        last_error_ = ENOSPC;
        return false;
    }
    last_error_ = 0;  // all of the record is there, if perhaps without its line feed
    return true;
}

void AuditChain::sync() {
    if (options_.sync == AuditSync::every && ::fdatasync(fd_) != 0) {
        // The bytes are in the file: the chain goes on from them, and the failure is reported.
        last_error_ = errno;
        ++failures_;
    }
}

}  // namespace gw::security
