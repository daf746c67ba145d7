// Which origins' pages may read answers, and what a browser is told that asks (Fetch, 3.2: the CORS
// protocol). Made of configuration, immutable, shared by all workers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/cors_options.hpp"

namespace gw::gateway {

class Cors {
  public:
    explicit Cors(const CorsOptions& options);

    // origin: the field's value. An exact match, or a true subdomain of a pattern with the same
    // scheme and port; "null" never is.
    [[nodiscard]] bool allows(std::string_view origin) const;
    // Everybody, without credentials: answers do not depend on who asks.
    [[nodiscard]] bool any() const { return any_; }
    [[nodiscard]] bool credentials() const { return credentials_; }
    // Values of fields, as they go out.
    [[nodiscard]] const std::string& methods() const { return methods_; }
    [[nodiscard]] const std::string& headers() const { return headers_; }
    [[nodiscard]] const std::string& exposed() const { return exposed_; }
    [[nodiscard]] const std::string& max_age() const { return max_age_; }

  private:
    struct Subdomains {
        std::string scheme;  // "https://"
        std::string domain;  // ".example.com:8443"
    };
    std::vector<std::string> exact_;
    std::vector<Subdomains> below_;
    bool any_ = false;
    bool credentials_;
    std::string methods_;
    std::string headers_;
    std::string exposed_;
    std::string max_age_;
};

}  // namespace gw::gateway
