// Asks the endpoints of services how they are, for the whole process: what comes of it is told to
// all workers. Stands between the watch of names and the workers, so that an endpoint that has just
// joined is asked how it is before it is asked for anything else. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/http_fetch.hpp"
#include "net/scope.hpp"
#include "observe/log.hpp"
#include "upstream/health.hpp"
#include "upstream/member.hpp"

namespace gw::control {

struct CheckedService {
    std::string name;
    upstream::ServiceUrl named;  // what requests call it
    upstream::CheckOptions options;
    std::shared_ptr<const net::TlsClient> tls = nullptr;  // null: plain HTTP
    bool h2 = false;
};

class HealthChecks {
  public:
    // The endpoints that a service has, as far as they may be used.
    using Publish =
        std::function<void(const std::string& service, const std::vector<upstream::Member>&)>;
    // One of them has changed.
    using Changed =
        std::function<void(const std::string& service, const net::Address& address, bool well)>;

    HealthChecks(net::Loop& loop, observe::Log& log, http::H1Pool& pool, Publish publish,
                 Changed changed)
        : loop_(loop),
          log_(log),
          pool_(pool),
          publish_(std::move(publish)),
          changed_(std::move(changed)) {}
    HealthChecks(const HealthChecks&) = delete;
    HealthChecks& operator=(const HealthChecks&) = delete;

    // From here on these, checked like this; before their members are set. Until they are, those
    // that are known are asked as they were, and no others are published.
    void follow(const std::vector<CheckedService>& services);
    // Those that come while others are known are published when they have been checked once.
    void set_members(const std::string& service, const std::vector<upstream::Member>& members);
    // Ends all checks: those on their way within their time. May be destroyed once all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct Checked {
        Checked(net::Loop& loop, std::string service_, const net::Address& address_)
            : service(std::move(service_)), address(address_), pause(loop) {}
        std::string service;
        net::Address address;
        upstream::CheckOptions options;
        FetchTarget target;
        upstream::ActiveCheck state;
        net::Pause pause;
        bool asked = false;
        bool held = false;  // not published before it has been asked
        bool wanted = true;
    };
    struct Service {
        CheckedService is;
        std::vector<upstream::Member> members;
        bool named_anew = false;  // the members are those of `is`
        std::map<net::Address, std::shared_ptr<Checked>> checks;
    };
    void match(Service& service);
    void publish(const Service& service);
    net::Task<void> keep_checking(std::shared_ptr<Checked> checked);
    void take(Checked& checked, bool good);

    net::Loop& loop_;
    observe::Log& log_;
    http::H1Pool& pool_;
    Publish publish_;
    Changed changed_;
    Random random_{Random::fresh_seed()};
    net::Scope scope_;
    std::map<std::string, Service> services_;
    bool stopped_ = false;
};

}  // namespace gw::control
