// What an operator is told of a store that did not take what he asked for. Pure; any thread.
#pragma once

#include <string>

#include "base/result.hpp"

namespace gw::state {

// One line. Of a store that is away it says what holds and what to do meanwhile: nobody new can be
// banned by any gateway then.
inline std::string told_of(const Error& error) {
    std::string text = error.detail;
    if (error.fault == Fault::store && error.retry == Retry::yes) {
        text +=
            "; what is known stays in force. Do it again when Redis is back; until then keep an "
            "attacker off in front of the gateways (ingress, load balancer, firewall)";
    }
    return text;
}

}  // namespace gw::state
