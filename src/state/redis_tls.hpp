// TLS (1.2 and newer) to Redis, without a socket: bytes in, bytes out. The server is always
// verified, for its name or its address. One loop's thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "state/redis_options.hpp"

struct ssl_st;
struct ssl_ctx_st;

namespace gw::state {

// Certificates and keys, read once. Files that cannot be read make every connection fail with an
// error that says so.
class RedisTlsContext {
  public:
    explicit RedisTlsContext(const RedisPlace& place);

    [[nodiscard]] ssl_ctx_st* get() const { return context_.get(); }
    [[nodiscard]] const char* trouble() const { return trouble_; }  // nullptr: none

  private:
    struct Free {
        void operator()(ssl_ctx_st* context) const;
    };
    std::unique_ptr<ssl_ctx_st, Free> context_;
    const char* trouble_ = nullptr;
};

class RedisTls {
  public:
    RedisTls(const RedisTlsContext& context, const std::string& host);

    [[nodiscard]] bool ready() const { return ready_; }
    // What came from the wire (nothing, to begin): what it means is added to `plain`, what has to
    // be sent to `wire`. Errors: malformed; closed when the peer said goodbye.
    Result<void> take(std::string_view received, std::string& plain, std::string& wire);
    // Only when ready().
    Result<void> seal(std::string_view plain, std::string& wire);

  private:
    struct Free {
        void operator()(ssl_st* tls) const;
    };
    void drain(std::string& wire);

    std::unique_ptr<ssl_st, Free> tls_;
    bool ready_ = false;
};

}  // namespace gw::state
