#include "app/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>

namespace gw::app {

namespace {

void open_missing(int flags) {
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0) {
            [[maybe_unused]] const int opened = ::open("/dev/null", flags);
        }
    }
}

}  // namespace

void open_standard_descriptors() {
    open_missing(O_RDWR);
}

void reserve_standard_descriptors() {
    open_missing(O_RDONLY);
}

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

std::size_t derived_connections_max(std::size_t descriptors) {
    constexpr std::size_t kOwn = 40;
    return descriptors <= kOwn + 8 ? 4 : (descriptors - kOwn) * 4 / 5;
}

}  // namespace gw::app
