// Runs the stages: downwards for a request, upwards for its response.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// From the first stage that the request has not passed to the first that has something to say. Most
// requests never wait, so that this is no coroutine.
Verdict decide(Exchange& x);
// Goes on where decide() said wait.
net::Task<Verdict> wait_and_decide(Exchange& x);

// The service's answer, before anything of it goes out: the stages that the request passed may
// withhold it. Then what the client gets instead.
Verdict judge(Exchange& x, const http::ResponseHead& head);

// Before the response's head goes out, once x.outcome has its status. Stages that the request
// passed see it, the last one first.
void on_response(Exchange& x);

}  // namespace gw::gateway
