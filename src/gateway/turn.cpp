#include "gateway/turn.hpp"

#include <algorithm>

#include "gateway/hedge.hpp"
#include "gateway/shard.hpp"
#include "identity/identity.hpp"

namespace gw::gateway {

upstream::Priority priority_of(const Exchange& x) {
    switch (x.route->priority) {
        case RoutePriority::high:
            return upstream::Priority::high;
        case RoutePriority::normal:
            return upstream::Priority::normal;
        case RoutePriority::low:
            return upstream::Priority::low;
        case RoutePriority::by_method:
            break;
    }
    return is_read(x.head().method) ? upstream::Priority::low : upstream::Priority::normal;
}

Turn::Turn(Exchange& x, ClientWatch& watch) : x_(x), watch_(watch), pause_(x.shard.loop()) {}

bool Turn::enter() {
    const Site& site = *x_.generation.site;
    const std::string_view tenant = x_.identity ? x_.identity->tenant : std::string_view{};
    std::uint32_t weight = 1;
    if (!site.tenant_weights.empty()) {
        const auto known = site.tenant_weights.find(tenant);
        weight = known != site.tenant_weights.end() ? known->second : 1;
    }
    if (x_.service->bulkhead().enter(*this, tenant, weight, priority_of(x_)) != State::admitted) {
        return false;
    }
    x_.permit = std::move(permit);
    return true;
}

net::Task<Result<void>> Turn::wait() {
    net::Loop& loop = x_.shard.loop();
    if (state() == State::waiting && watch_.still_there()) {
        watch_.also(this);
        const Millis longest = x_.service->bulkhead().wait_max();
        co_await pause_.until(std::min(x_.deadline, loop.now() + longest));
        watch_.also(nullptr);
    }
    if (state() == State::admitted) {
        x_.permit = std::move(permit);
        co_return Result<void>{};
    }
    if (x_.client_gone) {
        co_return fail(Errc::cancelled, Fault::client, "the client is gone");
    }
    co_return refused(state() == State::refused ? "too many requests wait for the service"
                                                : "its turn at the service did not come in time");
}

std::unexpected<Error> Turn::refused(const char* why) {
    x_.generation.service_series[x_.service_index]->shed.add();
    return fail(Errc::exhausted, Fault::self, why);
}

void begin_attempt(Exchange& x) {
    x.attempt_began = x.shard.loop().now();
    x.upstream_ended = Instant{};
}

void learn_from_attempt(Exchange& x, bool timed_out, int passed_over) {
    if (!x.service->options().bulkhead.adaptive || !x.permit.valid()) {
        return;
    }
    const Clock& clock = x.shard.loop().clock();
    const int status = passed_over != 0 ? passed_over : x.outcome.status;
    if (timed_out || status == 503 || status == 429) {
        x.permit.answered(clock.now - x.attempt_began, true, clock);
    } else if (x.upstream_ended != Instant{}) {
        x.permit.answered(x.upstream_ended - x.attempt_began, false, clock);
    }
}

}  // namespace gw::gateway
