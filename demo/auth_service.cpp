#include <httplib.h>

#include <ctime>
#include <map>
#include <mutex>
#include <set>

#include "server.hpp"
#include "services.hpp"
#include "tokens.hpp"

namespace demo {
namespace {

using httplib::Request;
using httplib::Response;

struct User {
    std::string id;
    std::string email;
    std::string password;  // hashed
    std::string tenant;
    std::string role;
    std::string venue;
};

class Accounts {
  public:
    explicit Accounts(const std::string& key_file) : signer_(key_file) {
        const char* issuer = std::getenv("JWT_ISSUER");
        issuer_ = issuer != nullptr ? issuer : "https://auth.tickettoken.com";
        for (const auto& [name, tenant, venue] :
             {std::tuple{"alpha", kAlpha, kAlphaVenue}, std::tuple{"beta", kBeta, kBetaVenue}}) {
            const std::string at = "@" + std::string(name) + ".example";
            add((name == std::string("alpha") ? "alice" : "bob") + at, tenant, "customer", "");
            add("admin" + at, tenant, "admin", "");
            add("manager" + at, tenant, "venue-manager", venue);
        }
    }

    void login(const Request& request, Response& response) {
        const auto body = body_of(request, response);
        if (!body) {
            return;
        }
        const std::optional<User> user = find(text_in(*body, "email"));
        // Hashed without the lock: it takes milliseconds.
        if (!user || !password_fits(text_in(*body, "password"), user->password)) {
            return refuse(response, 401, "invalid_credentials",
                          "unknown address or wrong password");
        }
        const std::lock_guard lock(mutex_);
        answer(response, 200, tokens_for(*user, new_uuid()));
    }

    void sign_up(const Request& request, Response& response) {
        const auto body = body_of(request, response);
        if (!body) {
            return;
        }
        const std::string email = text_in(*body, "email");
        const std::string password = text_in(*body, "password");
        if (!email.contains('@') || password.size() < 8) {
            return refuse(response, 422, "validation_failed",
                          "email, and a password of at least 8 characters");
        }
        const std::string asked = text_in(*body, "tenantId");
        const std::string tenant = is_uuid(asked) ? asked : kAlpha;
        const User user{new_uuid(), email, hash_password(password), tenant, "customer", ""};
        const std::lock_guard lock(mutex_);
        if (!users_.emplace(email, user).second) {
            return refuse(response, 409, "conflict", "the address is taken");
        }
        answer(response, 201, tokens_for(user, new_uuid()));
    }

    // A refresh token works once. Whoever shows it again has stolen it, or was stolen from: its
    // whole family ends.
    void refresh(const Request& request, Response& response) {
        const auto body = body_of(request, response);
        if (!body) {
            return;
        }
        const json::object claims = signer_.verify(text_in(*body, "refreshToken"));
        const std::string family = text_in(claims, "family");
        const std::lock_guard lock(mutex_);
        if (text_in(claims, "type") != "refresh" || !families_.contains(family)) {
            return refuse(response, 401, "token_invalid", "no refresh token of ours");
        }
        if (!unused_.erase(text_in(claims, "jti"))) {
            families_.erase(family);
            return refuse(response, 401, "token_reused",
                          "the refresh token was used before: log in again");
        }
        for (const auto& [email, user] : users_) {
            if (user.id == text_in(claims, "sub")) {
                return answer(response, 200, tokens_for(user, family));
            }
        }
        refuse(response, 401, "token_invalid", "no such user");
    }

    void log_out(const Request& request, Response& response) {
        const auto body = body_of(request, response);
        if (!body) {
            return;
        }
        const json::object claims = signer_.verify(text_in(*body, "refreshToken"));
        const std::lock_guard lock(mutex_);
        families_.erase(text_in(claims, "family"));
        response.status = 204;
    }

    void whoami(const Request& request, Response& response) const {
        const std::string field = request.get_header_value("Authorization");
        const json::object claims =
            field.starts_with("Bearer ") ? signer_.verify(field.substr(7)) : json::object{};
        if (text_in(claims, "type") != "access") {
            return refuse(response, 401, "token_invalid", "a valid access token is needed");
        }
        answer(response, 200, claims);
    }

    [[nodiscard]] const Signer& signer() const { return signer_; }

  private:
    void add(const std::string& email, const std::string& tenant, const std::string& role,
             const std::string& venue) {
        users_[email] =
            User{new_uuid(), email, hash_password("demo-password"), tenant, role, venue};
    }

    std::optional<User> find(const std::string& email) {
        const std::lock_guard lock(mutex_);
        const auto user = users_.find(email);
        return user == users_.end() ? std::nullopt : std::optional(user->second);
    }

    json::object tokens_for(const User& user, const std::string& family) {
        constexpr std::int64_t kAccessSeconds = 15 * 60;
        constexpr std::int64_t kRefreshSeconds = 7 * 24 * 3600;
        const std::int64_t now = std::time(nullptr);
        json::array permissions{"tickets:purchase", "tickets:view-own", "tickets:transfer-own",
                                "profile:update-own"};
        if (user.role == "admin") {
            permissions = {"*"};
        } else if (user.role == "venue-manager") {
            permissions = {"events:create",    "events:update", "events:delete", "tickets:view",
                           "tickets:validate", "reports:view",  "reports:export"};
        }
        json::object claims{
            {"iss", issuer_},           {"aud", issuer_},    {"sub", user.id},
            {"tenant_id", user.tenant}, {"role", user.role}, {"permissions", permissions},
            {"type", "access"},         {"iat", now},        {"exp", now + kAccessSeconds},
            {"jti", new_uuid()}};
        if (!user.venue.empty()) {
            claims["venues"] = json::array{json::string(user.venue)};
        }
        const std::string access = signer_.sign(claims);
        const std::string id = new_uuid();
        claims["type"] = "refresh";
        claims["exp"] = now + kRefreshSeconds;
        claims["jti"] = id;
        claims["family"] = family;
        families_.insert(family);
        unused_.insert(id);
        return {{"accessToken", access},
                {"refreshToken", signer_.sign(claims)},
                {"tokenType", "Bearer"},
                {"expiresIn", kAccessSeconds},
                {"user",
                 {{"id", user.id},
                  {"email", user.email},
                  {"tenantId", user.tenant},
                  {"role", user.role}}}};
    }

    Signer signer_;
    std::string issuer_;
    std::mutex mutex_;
    std::map<std::string, User> users_;  // by address
    std::set<std::string> families_;     // that have not ended
    std::set<std::string> unused_;       // refresh tokens
};

}  // namespace

std::unique_ptr<httplib::Server> auth_service(const std::string& key_file) {
    auto accounts = std::make_shared<Accounts>(key_file);
    auto server = make_server("auth-service", "/auth");
    server->Post("/auth/login",
                 [accounts](const Request& q, Response& a) { accounts->login(q, a); });
    server->Post("/auth/register",
                 [accounts](const Request& q, Response& a) { accounts->sign_up(q, a); });
    server->Post("/auth/refresh",
                 [accounts](const Request& q, Response& a) { accounts->refresh(q, a); });
    server->Post("/auth/logout",
                 [accounts](const Request& q, Response& a) { accounts->log_out(q, a); });
    server->Get("/auth/me", [accounts](const Request& q, Response& a) { accounts->whoami(q, a); });
    for (const char* path : {"/.well-known/jwks.json", "/auth/.well-known/jwks.json"}) {
        server->Get(path, [accounts](const Request&, Response& a) {
            answer(a, 200, accounts->signer().key_set());
        });
    }
    server->Get("/auth/public-key.pem", [accounts](const Request&, Response& a) {
        a.set_content(accounts->signer().public_pem(), "application/x-pem-file");
    });
    return server;
}

}  // namespace demo
