// Names to addresses, by c-ares: /etc/hosts and DNS, without blocking, with the time to live of the
// answer. One loop's thread, the control thread's. Literal addresses are answered without asking
// anybody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace gw::net {

struct Resolution {
    std::vector<IpAddress> addresses;  // IPv4 and IPv6, as the resolver ordered them
    std::chrono::seconds ttl{0};       // the shortest of all; 0 for /etc/hosts and literals
};

class Resolver {
  public:
    // servers: "10.0.0.10" or "127.0.0.1:5353", comma separated; empty: those of /etc/resolv.conf.
    Resolver(Loop& loop, const std::string& servers);
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;
    ~Resolver();

    // Errors: unreachable (no such name, no server answered), cancelled (the resolver is going).
    Task<Result<Resolution>> resolve(std::string host);
    // Questions on their way end as cancelled.
    void cancel();

  private:
    struct Channel;
    std::unique_ptr<Channel> channel_;
};

}  // namespace gw::net
