// The process's environment variables as a value, so that tests need none.
//
// Two kinds never appear in it: variables that are set to nothing (they count as not set), and the
// service links that Kubernetes puts into every container (REDIS_PORT=tcp://10.0.0.1:6379 and its
// relatives), whose names collide with ours.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace gw::config {

class Environment {
  public:
    using Values = std::map<std::string, std::string, std::less<>>;

    Environment() = default;
    explicit Environment(Values values);
    static Environment of_process();

    // Null if not set.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    [[nodiscard]] const Values& values() const { return values_; }

  private:
    Values values_;
};

// Is this one of the variables Kubernetes makes of each Service in the namespace?
bool is_service_link(std::string_view name, std::string_view value);

}  // namespace gw::config
