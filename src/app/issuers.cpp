#include "app/issuers.hpp"

namespace gw::app {
namespace {

// RFC 7518, 3.2: a key of HMAC has at least the bits of its hash.
constexpr std::size_t kSecretBytes = 32;

void warn_of_weak_rules(const identity::TokenOptions& tokens, observe::Log& log) {
    if (tokens.has_keys() && tokens.issuer.empty()) {
        log.warn("tokens of every issuer are accepted that one of the keys has signed",
                 {{"setting", "tokens.issuer"}, {"remedy", "set JWT_ISSUER"}});
    }
    if (!tokens.secret.empty() && tokens.secret.size() < kSecretBytes) {
        log.warn("the secret of tokens is short enough to be guessed",
                 {{"setting", "tokens.secret"},
                  {"remedy", "have JWT_SECRET made by `openssl rand -base64 48`"}});
    }
}

void warn_of_ended_keys(const Settings& settings, WallTime now, observe::Log& log) {
    for (const std::string_view name : identity::ended_keys(settings.api_keys, now)) {
        log.warn("an API key of the configuration has expired, and is refused",
                 {{"setting", "api_keys." + std::string(name)},
                  {"expires", settings.api_keys.at(std::string(name)).expires.text},
                  {"remedy", "take it out, or set `expires` to a later moment"}});
    }
}

}  // namespace

Issuers::Issuers(Foundation& base, Workers& workers, std::function<void()> changed)
    : base_(base),
      workers_(workers),
      changed_(std::move(changed)),
      callers_(
          base.loop, base.log, base.h1, base.name_servers,
          [this](const std::string& document) { return adopt(document); },
          [this] { workers_.each([](Worker& worker) { worker.keys_were_read(); }); },
          [this] { forget(); }),
      sign_in_([this] { operators_.ask(); }),
      operators_(
          base.loop, base.log, base.h1, base.name_servers,
          [this](const std::string& document) { return sign_in_.adopt(document); }, [] {},
          [this] { sign_in_.forget_keys(); }) {
    workers_.each([this](Worker& worker) {
        worker.ask_for_keys_by([this] { base_.loop.post([this] { callers_.ask(); }); });
    });
    base_.exposition.read_key_set_failures_by([this] { return callers_.failures(); });
    base_.exposition.read_key_set_age_by([this] { return callers_.age(); });
}

void Issuers::follow() {
    const Settings& settings = *base_.settings;
    warn_of_weak_rules(settings.tokens, base_.log);
    warn_of_ended_keys(settings, base_.loop.clock().wall, base_.log);
    // Whoever replaces an issuer may do so because its keys are stolen.
    if (url_ != settings.tokens.key_set_url) {
        url_ = settings.tokens.key_set_url;
        document_.clear();
    }
    callers_.follow(settings.tokens.key_set_url,
                    {settings.tokens.key_set_refresh, settings.tokens.key_set_age_max},
                    settings.key_set_tls);
    const control::SignInOptions& options = settings.admin_sign_in;
    sign_in_.configure(options);
    operators_.follow(options.key_set_url, {options.key_set_refresh, options.key_set_age_max},
                      settings.sign_in_tls);
    publish();
}

// Fetched keys first: they have names, and those without one are tried for every token.
void Issuers::publish() {
    std::vector<identity::Key> keys;
    std::vector<identity::SkippedKey> skipped;
    if (!document_.empty()) {
        keys = identity::parse_key_set(document_, skipped).value_or(std::vector<identity::Key>{});
    }
    for (const identity::SkippedKey& key : skipped) {
        base_.log.warn("a key of the key set is not used",
                       {{"kid", key.name}, {"reason", key.why}});
    }
    keys.insert(keys.end(), base_.keys.begin(), base_.keys.end());
    keys_ = std::make_shared<const identity::KeySet>(std::move(keys));
    workers_.each([this](Worker& worker) { worker.adopt_keys(keys_); });
}

bool Issuers::adopt(const std::string& document) {
    std::vector<identity::SkippedKey> skipped;
    const auto keys = identity::parse_key_set(document, skipped);
    // A set of no use is an issuer's fault more often than its will, and would lock everybody out.
    if (!keys || keys->empty()) {
        return false;
    }
    if (document != document_) {
        document_ = document;
        publish();
        changed_();
    }
    return true;
}

// What is fetched next is another document, be it the same.
void Issuers::forget() {
    document_.clear();
    publish();
    changed_();
}

net::Task<void> Issuers::stop() {
    callers_.stop();
    co_await callers_.all_done();
    operators_.stop();
    co_await operators_.all_done();
}

}  // namespace gw::app
