// A service as one worker sees it: what configuration says of it, the endpoints that it has now,
// how they are, and which of them serves the next request. One worker's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "upstream/balancer.hpp"
#include "upstream/bulkhead.hpp"
#include "upstream/endpoint.hpp"
#include "upstream/health.hpp"
#include "upstream/member.hpp"
#include "upstream/retry_budget.hpp"
#include "upstream/service_options.hpp"

namespace gw::upstream {

class Service {
  public:
    Service(net::Loop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const ServiceOptions& options() const { return options_; }
    // What the endpoints that it has are spoken to in (protocol and TLS) stays until its members
    // are set again: their names may be others now, and have no answer yet.
    void configure(const ServiceOptions& options);

    // Those of the options that it was configured with last. Endpoints that stay keep their
    // connections and what is known of them; those that left finish what they carry. Each address
    // once.
    void set_members(std::span<const Member> members);
    // What active checks say of one of them, once they have changed their mind.
    void checked(const net::Address& address, bool well) {
        health_.checked(Endpoint::id_of(address), well, loop_.now());
    }

    // Is the choice made by a key?
    [[nodiscard]] bool by_key() const {
        return endpoints_.size() > 1 && options_.balance.policy == Balancing::hash;
    }
    // The endpoint for the next attempt, as balancer.hpp chooses among those that are well; not
    // `tried`, if there is a choice. key: of `hash`, as a hash. Null: no endpoint is known.
    Endpoint* pick(const Endpoint* tried, std::uint64_t key);
    [[nodiscard]] RetryBudget& retries() { return retries_; }
    [[nodiscard]] Bulkhead& bulkhead() { return bulkhead_; }

    // What came of a request.
    void succeeded(const Endpoint& endpoint) { health_.succeeded(endpoint.id(), loop_.now()); }
    void failed(const Endpoint& endpoint) { health_.failed(endpoint.id(), loop_.now()); }
    // Those that are left out for their failures now.
    [[nodiscard]] std::vector<net::Address> ejected() const;

    // Once a second or so.
    void sweep();
    // Before the loop stops: what requests shared ends now. Nobody makes a request any more.
    net::Task<void> end_shared();

    [[nodiscard]] Endpoint::Count connections() const;

  private:
    struct Speech {
        ServiceProtocol protocol;
        std::shared_ptr<const net::TlsClient> tls_client;
    };
    void speak(const Speech& speech);
    // Fills the views anew. spare: those at their cap on connections are left out.
    void look(const Endpoint* tried, bool spare);

    net::Loop& loop_;
    std::string name_;
    ServiceOptions options_;
    std::optional<Speech> next_speech_;  // of the members that are set next
    std::vector<std::unique_ptr<Endpoint>> endpoints_;
    std::vector<Member> members_;                     // the same, in the same order
    std::vector<std::unique_ptr<Endpoint>> leaving_;  // until their last lease is back
    ServiceHealth health_{options_.health};
    Balancer balancer_{options_.balance, Random::fresh_seed()};
    std::vector<EndpointView> views_;  // of one pick; kept for its memory
    RetryBudget retries_;
    Bulkhead bulkhead_{options_.bulkhead, Random::fresh_seed()};
};

}  // namespace gw::upstream
