// Who comes to the admin port with a token of the operators' issuer, and what they may. The same
// strict verifier as for requests; keys are kept up to date as those of callers are. Control
// thread.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "control/admin_api.hpp"
#include "control/sign_in_options.hpp"
#include "identity/verifier.hpp"
#include "state/known_state.hpp"

namespace gw::control {

class SignIn {
  public:
    // ask_for_keys: a token names a key that is not known.
    explicit SignIn(std::function<void()> ask_for_keys) : ask_for_keys_(std::move(ask_for_keys)) {}
    SignIn(const SignIn&) = delete;
    SignIn& operator=(const SignIn&) = delete;

    void configure(const SignInOptions& options);
    // False: it is no key set of any use, and the last one stays.
    bool adopt(const std::string& document);
    // Nobody comes by the last one any more.
    void forget_keys() { keys_ = {}; }

    // Nothing: there is no issuer, or the token does not look like one of an issuer at all.
    std::optional<std::expected<AdminCaller, identity::TokenFault>> caller_of(
        std::string_view token, const state::Known& known, WallTime now) const;

  private:
    std::function<void()> ask_for_keys_;
    SignInOptions options_;
    identity::TokenChecks checks_;
    identity::KeySet keys_;
};

}  // namespace gw::control
