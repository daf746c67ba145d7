// Whether a service is closed for a request, for a time.
#pragma once

#include "gateway/exchange.hpp"

namespace gw::gateway {

// Does this method change something? CONNECT opens a WebSocket, as GET does in HTTP/1.1.
inline bool writes(http::Method method) {
    return method != http::Method::get && method != http::Method::head &&
           method != http::Method::options && method != http::Method::connect;
}

// service: in Site::services. until: when that ends, if it does by itself.
bool is_closed(const Exchange& x, std::size_t service, WallTime& until);
Verdict refuse_closed(Exchange& x, WallTime until);
// Until then, for Retry-After; 0: nobody knows.
std::int64_t seconds_closed(const Exchange& x, WallTime until);

}  // namespace gw::gateway
