#include "security/audit_chain.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "security/audit_line.hpp"

namespace gw::security {

// How a file ends.
struct AuditChain::Tail {
    bool empty = true;
    bool torn = false;     // bytes behind the last line feed
    bool strange = false;  // the last whole line is no good record
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
            return tail;
        }
        tail.strange = tail.strange || newest;
        text = text.substr(0, begin == 0 ? 0 : begin - 1);
    }
    return tail;
}

Result<void> AuditChain::open(WallTime now) {
    if (auto opened = open_file(); !opened) {
        return opened;
    }
    auto tail = read_tail();
    if (!tail) {
        close();
        return std::unexpected(tail.error());
    }
    torn_ = tail->torn;
    head_ = tail->head.value_or(AuditHead{});
    if (tail->torn) {
        mark("audit_torn", "the last line had no end when the file was opened", now);
    } else if (tail->strange) {
        mark("audit_restarted", "the last line was no record", now);
    }
    return {};
}

Result<void> AuditChain::reopen(WallTime now) {
    if (auto opened = open_file(); !opened) {
        return opened;
    }
    auto tail = read_tail();
    if (!tail) {
        close();
        return std::unexpected(tail.error());
    }
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

bool AuditChain::append(const AuditEvent& event, WallTime now) {
    if (torn_ && !put({.event = "audit_torn",
                       .requester = "api-gateway",
                       .detail = "a line before this one has no end"},
                      now)) {
        return false;
    }
    return put(event, now);
}

bool AuditChain::put(const AuditEvent& event, WallTime now) {
    line_.clear();
    if (torn_) {
        line_ += '\n';
    }
    std::string hash = write_audit_line(line_, event, timestamp_.text(now), head_, options_.secret);
    if (!write(line_)) {
        ++failures_;
        return false;
    }
    ++head_.seq;
    head_.hash = std::move(hash);
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
    torn_ = line[written - 1] != '\n';
    if (written + 1 < line.size()) {
        last_error_ = ENOSPC;
        return false;
    }
    last_error_ = 0;  // all of the record is there, if perhaps without its line feed
    if (options_.sync == AuditSync::every && ::fdatasync(fd_) != 0) {
        // The bytes are in the file: the chain goes on from them, and the failure is reported.
        last_error_ = errno;
        ++failures_;
    }
    return true;
}

}  // namespace gw::security
