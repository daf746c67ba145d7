#include "gateway/access.hpp"

namespace gw::gateway {

void Access::wait_for_keys(net::Pause& pause) {
    waiting_.push_back(&pause);
    if (!asking_) {
        asking_ = true;
        ask_again_ = loop_.now() + kKeysAskedAgain;
        ask_();
    }
}

void Access::keys_asked_for_ended() {
    asking_ = false;
    for (net::Pause* const pause : std::exchange(waiting_, {})) {
        pause->wake();
    }
}

}  // namespace gw::gateway
