// The breakers of all services of this process, by name. A breaker stays as long as the process:
// configurations come and go, what it knows of a service does not. Shown are those of the services
// that are configured.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "upstream/breaker.hpp"

namespace gw::upstream {

class BreakerSet {
  public:
    // changed: see Breaker. Any thread.
    explicit BreakerSet(std::function<void(const std::string& name)> changed)
        : changed_(std::move(changed)) {}
    BreakerSet(const BreakerSet&) = delete;
    BreakerSet& operator=(const BreakerSet&) = delete;

    // Any thread, all of it. The breaker of a service, made if need be.
    Breaker& of(const std::string& name) {
        const std::scoped_lock lock(mutex_);
        return made(name);
    }
    // Null: there is no such service.
    Breaker* find(const std::string& name) {
        const std::scoped_lock lock(mutex_);
        return services_.contains(name) ? &made(name) : nullptr;
    }
    // services: all there are, with what each has of its own.
    void configure(const BreakerOptions& options,
                   std::map<std::string, ServiceBreakerOptions> services) {
        const std::scoped_lock lock(mutex_);
        options_ = options;
        services_ = std::move(services);
        for (const auto& [name, own] : services_) {
            made(name);
        }
        for (const auto& [name, breaker] : breakers_) {
            breaker->configure(options_of(name));
        }
    }
    template <class Visit>
    void each(Visit visit) const {
        const std::scoped_lock lock(mutex_);
        for (const auto& [name, breaker] : breakers_) {
            if (services_.contains(name)) {
                visit(std::as_const(*breaker));
            }
        }
    }

  private:
    // With the mutex held, both.
    Breaker& made(const std::string& name) {
        std::unique_ptr<Breaker>& breaker = breakers_[name];
        if (breaker == nullptr) {
            breaker =
                std::make_unique<Breaker>(name, options_of(name), Random::fresh_seed(), changed_);
        }
        return *breaker;
    }
    [[nodiscard]] BreakerOptions options_of(const std::string& name) const {
        const auto own = services_.find(name);
        return own == services_.end() ? options_ : own->second.over(options_);
    }

    std::function<void(const std::string& name)> changed_;
    mutable std::mutex mutex_;
    BreakerOptions options_;
    std::map<std::string, ServiceBreakerOptions> services_;
    std::map<std::string, std::unique_ptr<Breaker>> breakers_;
};

}  // namespace gw::upstream
