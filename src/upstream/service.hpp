// A service as one worker sees it: what configuration says of it, the addresses that its name has
// now, and which of them serves the next request. One worker's thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "upstream/endpoint.hpp"
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

    // The endpoint for the next attempt, in turn; not `other_than`, if there is a choice. Null: no
    // address is known.
    Endpoint* pick(const Endpoint* other_than);

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
    std::size_t turn_ = 0;
};

}  // namespace gw::upstream
