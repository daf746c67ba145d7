#include "state/resp_session.hpp"

#include <openssl/crypto.h>  // allow(homes): a comparison of secrets, not of the store's alone
#include <openssl/sha.h>     // allow(homes): the same

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "base/version.hpp"
#include "state/resp.hpp"

namespace gw::state {
namespace {

constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
constexpr std::string_view kWrong = "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kNoPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you "
    "sure your configuration is correct?";

using Sum = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Sum sum_of(std::string_view text) {
    Sum sum{};
    ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), sum.data());
    return sum;
}

std::string wrong_count(std::string_view command) {
    return resp_error("ERR wrong number of arguments for '" + std::string(command) + "' command");
}

// As Redis: what would break a line of a list of clients.
bool is_client_name(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

bool same_secret(std::string_view a, std::string_view b) {
    // Sums have one length, whatever the secrets have.
    const Sum left = sum_of(a);
    const Sum right = sum_of(b);
    return ::CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::optional<RespSession::Answer> RespSession::answer(const Arguments& arguments,
                                                       std::string_view password) {
    const auto is = [&](std::string_view name) { return equal_ignore_case(arguments[0], name); };
    // A page in a browser, or a service that can be told where to ask, speaks HTTP to this port and
    // writes commands into its body: no more of it is read, as with Redis.
    if (is("POST") || is("Host:")) {
        return Answer{resp_error("ERR this port speaks the protocol of Redis, and no HTTP"), true};
    }
    if (is("QUIT")) {
        return Answer{resp_ok(), true};
    }
    if (is("HELLO")) {
        return Answer{hello(arguments, password)};
    }
    if (is("AUTH") && (!password.empty() || !allowed_)) {
        return Answer{authenticate(arguments, password)};
    }
    if (!allowed_) {
        return Answer{resp_error(kNoAuth)};
    }
    if (is(kWhoCommand) && arguments.size() == 1) {
        return Answer{resp_bulk(std::string(kWhoAnswer) + std::string(kVersion))};
    }
    if (is("CLIENT") && arguments.size() > 1) {
        if (auto reply = client(arguments)) {
            return Answer{std::move(*reply)};
        }
    }
    return std::nullopt;
}

std::string RespSession::log_in(std::string_view user, std::string_view given,
                                std::string_view password) {
    if (password.empty() && user != "default") {
        return resp_error(kWrong);
    }
    // Both are always compared.
    const bool same = same_secret(given, password);
    if (!password.empty() && (user != "default" || !same)) {
        return resp_error(kWrong);
    }
    allowed_ = true;
    return "";
}

std::string RespSession::authenticate(const Arguments& arguments, std::string_view password) {
    if (arguments.size() != 2 && arguments.size() != 3) {
        return wrong_count("auth");
    }
    // The password was taken away since this connection was made.
    if (password.empty() && arguments.size() == 2) {
        allowed_ = true;
        return resp_error(kNoPassword);
    }
    constexpr std::string_view kDefault = "default";
    const std::string_view user = arguments.size() == 3 ? std::string_view(arguments[1]) : kDefault;
    std::string error = log_in(user, arguments.back(), password);
    return error.empty() ? resp_ok() : error;
}

std::string RespSession::hello(const Arguments& arguments, std::string_view password) {
    if (arguments.size() > 1 && arguments[1] != "2") {
        const bool number = parse_decimal(arguments[1]).has_value();
        return resp_error(number ? "NOPROTO unsupported protocol version"
                                 : "ERR Protocol version is not an integer or out of range");
    }
    std::string name = name_;
    for (std::size_t i = 2; i < arguments.size();) {
        const auto is = [&](std::string_view word) {
            return equal_ignore_case(arguments[i], word);
        };
        if (is("AUTH") && i + 2 < arguments.size()) {
            if (std::string error = log_in(arguments[i + 1], arguments[i + 2], password);
                !error.empty()) {
                return error;
            }
            i += 3;
        } else if (is("SETNAME") && i + 1 < arguments.size() && is_client_name(arguments[i + 1])) {
            name = arguments[i + 1];
            i += 2;
        } else {
            return resp_error("ERR Syntax error in HELLO option '" + arguments[i].substr(0, 128) +
                              "'");
        }
    }
    if (!allowed_) {
        return resp_error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
            "select the RESP protocol version at the same time");
    }
    name_ = std::move(name);
    return resp_array({resp_bulk("server"), resp_bulk("redis"), resp_bulk("version"),
                       resp_bulk("7.0.0"), resp_bulk("proto"), resp_integer(2), resp_bulk("id"),
                       resp_integer(static_cast<std::int64_t>(id_)), resp_bulk("mode"),
                       resp_bulk("standalone"), resp_bulk("role"), resp_bulk("master"),
                       resp_bulk("modules"), resp_array({})});
}

std::optional<std::string> RespSession::client(const Arguments& arguments) {
    const auto is = [&](std::string_view name) { return equal_ignore_case(arguments[1], name); };
    const std::size_t count = arguments.size();
    if (is("GETNAME") && count == 2) {
        return name_.empty() ? resp_nil() : resp_bulk(name_);
    }
    if (is("SETNAME") && count == 3) {
        if (!is_client_name(arguments[2])) {
            return resp_error(
                "ERR Client names cannot contain spaces, newlines or special "
                "characters.");
        }
        name_ = arguments[2];
        return resp_ok();
    }
    if (is("ID") && count == 2) {
        return resp_integer(static_cast<std::int64_t>(id_));
    }
    const bool has_no_effect =
        (is("SETINFO") && count == 4) || ((is("NO-EVICT") || is("NO-TOUCH")) && count == 3);
    return has_no_effect ? std::optional(resp_ok()) : std::nullopt;
}

}  // namespace gw::state
