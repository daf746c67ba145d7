// A service as one worker sees it: what configuration says of it, the addresses that its name has
// now, and which of them serves the next request. One worker's thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "upstream/endpoint.hpp"
#include "upstream/retry_budget.hpp"
#include "upstream/service_options.hpp"

namespace gw::upstream {

class Service {
  public:
    Service(net::Loop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const ServiceOptions& options() const { return options_; }
    void configure(const ServiceOptions& options) { options_ = options; }

    // Addresses that stay keep their connections; those that left finish what they carry.
    void set_addresses(std::span<const net::Address> addresses);

    // The endpoint for the next attempt: of two that chance names, the one with fewer requests in
    // flight (Mitzenmacher's two choices). Not `other_than` and none that is ejected, if there is a
    // choice; where more than half are ejected, that says more of us than of them, and all are
    // asked. Null: no address is known.
    Endpoint* pick(const Endpoint* other_than);
    [[nodiscard]] RetryBudget& retries() { return retries_; }

    // Once a second or so.
    void sweep();

    struct Count {
        std::size_t idle = 0;
        std::size_t lent = 0;
    };
    [[nodiscard]] Count connections() const;

  private:
    net::Loop& loop_;
    std::string name_;
    ServiceOptions options_;
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    std::vector<std::unique_ptr<Endpoint>> leaving_;  // until their last lease is back
    Endpoint* candidate(const Endpoint* other_than, bool all);
    [[nodiscard]] bool panics() const;

    Random random_{Random::fresh_seed()};
    RetryBudget retries_;
};

}  // namespace gw::upstream
