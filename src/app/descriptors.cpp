#include "app/descriptors.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

namespace gw::app {

namespace {

// Log, files, listeners, loops, the operators' port and Redis.
constexpr std::size_t kOwnDescriptors = 40;

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
    return descriptors <= kOwnDescriptors + 8 ? 4 : (descriptors - kOwnDescriptors) / 2;
}

std::size_t descriptors_for_services(std::size_t descriptors, std::size_t connections_max) {
    const std::size_t taken = kOwnDescriptors + connections_max;
    return descriptors - std::min(descriptors, taken);
}

}  // namespace gw::app
