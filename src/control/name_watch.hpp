// Keeps the addresses of every service up to date: each name is asked for again when its answer
// grows old, and what was last known stays while nobody answers. Control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "net/resolver.hpp"
#include "net/scope.hpp"
#include "net/stream.hpp"
#include "observe/log.hpp"
#include "upstream/member.hpp"

namespace gw::control {

// One name of a service, of which it may have several.
struct NamedService {
    std::string service;
    std::string host;
    std::uint16_t port = 0;
    // Of each of its addresses.
    std::uint32_t weight = 1;
    bool in_zone = true;
};

struct NameWatchOptions {
    std::string servers;  // as net::Resolver takes them
    Millis ttl_min{1'000};
    Millis ttl_max{60'000};
};

class NameWatch {
  public:
    using Publish =
        std::function<void(const std::string& service, const std::vector<upstream::Member>&)>;

    NameWatch(net::Loop& loop, observe::Log& log, const NameWatchOptions& options, Publish publish);
    NameWatch(const NameWatch&) = delete;
    NameWatch& operator=(const NameWatch&) = delete;

    // From here on these; those already followed go on undisturbed, and are published once more. A
    // service is published when all of its names have been asked for, with the addresses of all.
    void follow(const std::vector<NamedService>& services);
    // Has every name been answered once, if only by a failure?
    [[nodiscard]] bool settled() const;
    // Ends all questions and pauses. The watch may be destroyed once all_done().
    void stop();
    net::Scope::AllDone all_done() { return scope_.all_done(); }

  private:
    struct Watched {
        Watched(net::Loop& loop, NamedService name_) : name(std::move(name_)), pause(loop) {}
        NamedService name;
        net::Pause pause;  // until it is asked for again
        std::vector<net::Address> addresses;
        bool known = false;
        bool failing = false;
        bool wanted = true;
    };
    using Key = std::tuple<std::string, std::string, std::uint16_t>;  // service, host, port
    void publish(const std::string& service);
    net::Task<void> keep_asking(std::shared_ptr<Watched> watched);
    void take(Watched& watched, const Result<net::Resolution>& answer);

    net::Loop& loop_;
    observe::Log& log_;
    NameWatchOptions options_;
    Publish publish_;
    net::Resolver resolver_;
    net::Scope scope_;
    std::map<Key, std::shared_ptr<Watched>> watched_;
    bool stopped_ = false;
};

}  // namespace gw::control
