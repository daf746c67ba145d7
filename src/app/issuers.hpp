// The keys that tokens are verified with: those of the configuration, those that the issuer of
// callers publishes, and those of the issuer of operators. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "app/foundation.hpp"
#include "app/workers.hpp"
#include "control/key_watch.hpp"
#include "control/sign_in.hpp"
#include "identity/key_set.hpp"
#include "net/task.hpp"

namespace gw::app {

class Issuers {
  public:
    // changed: the keys of callers' issuer are others than before.
    Issuers(Foundation& base, Workers& workers, std::function<void()> changed);
    Issuers(const Issuers&) = delete;
    Issuers& operator=(const Issuers&) = delete;

    // The settings in force are new.
    void follow();
    net::Task<void> stop();

    // Of callers, as published to the workers.
    [[nodiscard]] const std::shared_ptr<const identity::KeySet>& keys() const { return keys_; }
    [[nodiscard]] const control::SignIn& sign_in() const { return sign_in_; }

  private:
    void publish();
    bool adopt(const std::string& document);
    void forget();

    Foundation& base_;
    Workers& workers_;
    const std::function<void()> changed_;
    std::string url_;       // of callers' issuer
    std::string document_;  // as it last gave it
    std::shared_ptr<const identity::KeySet> keys_ = std::make_shared<identity::KeySet>();
    control::KeyWatch callers_;
    control::SignIn sign_in_;
    control::KeyWatch operators_;
};

}  // namespace gw::app
