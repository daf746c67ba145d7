// What concerns one connection to the port for redis-cli, whichever backend is behind it: AUTH,
// HELLO, CLIENT, QUIT and GATEWAY. Everything else is the store's to answer, once who asks may.
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gw::state {

// Asks who is behind the port. Redis knows no such command, so that nobody takes one for a gateway.
inline constexpr std::string_view kWhoCommand = "GATEWAY";
inline constexpr std::string_view kWhoAnswer = "api-gateway ";  // and the version

// Without telling by its duration where they differ.
bool same_secret(std::string_view a, std::string_view b);

class RespSession {
  public:
    using Arguments = std::vector<std::string>;

    RespSession(std::uint64_t id, bool needs_password) : id_(id), allowed_(!needs_password) {}

    struct Answer {
        std::string reply;
        bool last = false;  // the connection ends with it
    };
    // Nothing: it is for the store. arguments: at least one; password: the one in force now, empty
    // for none.
    std::optional<Answer> answer(const Arguments& arguments, std::string_view password);

    // May it ask the store?
    [[nodiscard]] bool allowed() const { return allowed_; }
    // What the client has called itself (CLIENT SETNAME), "" for nothing.
    [[nodiscard]] std::string_view name() const { return name_; }

  private:
    // "", or an error.
    std::string log_in(std::string_view user, std::string_view given, std::string_view password);
    std::string authenticate(const Arguments& arguments, std::string_view password);
    std::string hello(const Arguments& arguments, std::string_view password);
    std::optional<std::string> client(const Arguments& arguments);

    std::uint64_t id_;
    bool allowed_;
    std::string name_;
};

}  // namespace gw::state
