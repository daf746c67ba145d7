#include "net/tls_contexts.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/ensure.hpp"
#include "config/file.hpp"
#include "net/tls_session.hpp"

namespace gw::net {
namespace {

// RFC 9325, 4.2: forward secrecy and AEAD only; those of TLS 1.3 all are.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr std::string_view kSessionPlace = "api-gateway";
// Of what a client shows, its chain included: those in use have two to six KiB.
constexpr long kClientChainMax = 16L * 1024;
constexpr int kClientDepthMax = 5;  // authorities between a client and the one that is trusted

// A key behind a password would otherwise be asked for at the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) {
    return -1;
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    return out;
}

int choose_certificate(SSL* tls, int* /*alert*/, void* argument) {
    const char* const name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_SSL_CTX(tls, static_cast<const TlsContexts*>(argument)->context_for(name));
    return SSL_TLSEXT_ERR_OK;
}

// Nothing in common ends the handshake (RFC 7301, 3.2).
int choose_protocol(SSL* /*tls*/, const unsigned char** chosen, unsigned char* length,
                    const unsigned char* offered, unsigned offered_length, void* argument) {
    const std::string_view ours = static_cast<const TlsContexts*>(argument)->alpn();
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, length, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned>(ours.size()), offered,
                              offered_length) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

// The keys are the worker's, not the configuration's: they outlive it.
int ticket_key(SSL* tls, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
               EVP_MAC_CTX* mac, int issue) {
    const auto& server = *static_cast<const TlsServer*>(SSL_get_app_data(tls));
    return server.tickets->prepare(name, iv, cipher, mac, issue != 0);
}

// A ticket that opens is not good for that alone: it has an age, and a client may have shown a
// certificate that has ended since. Then the handshake is a full one.
SSL_TICKET_RETURN judge_ticket(SSL* tls, SSL_SESSION* session, const unsigned char* /*name*/,
                               std::size_t /*size*/, SSL_TICKET_STATUS status, void* /*argument*/) {
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    const auto& server = *static_cast<const TlsServer*>(SSL_get_app_data(tls));
    const std::time_t now = std::chrono::system_clock::to_time_t(server.clock->wall);
    X509* const shown = SSL_SESSION_get0_peer(session);
    std::time_t then = now;
    if (SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) < now ||
        (shown != nullptr && X509_cmp_time(X509_get0_notAfter(shown), &then) != 1)) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    }
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

int show_staple(SSL* tls, void* argument) {
    const auto& staple = *static_cast<const TlsStaple*>(argument);
    const auto& server = *static_cast<const TlsServer*>(SSL_get_app_data(tls));
    if (!staple.good_at(server.clock->wall)) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    void* const copy = OPENSSL_memdup(staple.response.data(), staple.response.size());
    if (copy == nullptr) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    SSL_set_tlsext_status_ocsp_resp(tls, copy, static_cast<long>(staple.response.size()));
    return SSL_TLSEXT_ERR_OK;
}

// The library's own words for what it has just complained of.
std::string complaint() {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != nullptr ? reason : "unknown reason";
}

std::optional<config::Flaw> unreadable(const std::string& path) {
    if (path.empty()) {
        return config::Flaw{"is not set", "a certificate and its key belong together: set both"};
    }
    constexpr const char* kRemedy = "give the path of a PEM file that this process may read";
    if (const auto flaw = config::flaw_of_file(path)) {
        return config::Flaw{"names " + config::quote(path) + ", which " + flaw->what, kRemedy};
    }
    if (std::ifstream file(path); file.peek() == std::ifstream::traits_type::eof()) {
        return config::Flaw{"names " + config::quote(path) + ", which is empty", kRemedy};
    }
    return std::nullopt;
}

std::vector<std::string> names_in(X509* certificate) {
    std::vector<std::string> names;
    auto* const alternatives = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS) {
            const ASN1_STRING* const text = name->d.dNSName;
            names.push_back(lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                   static_cast<std::size_t>(ASN1_STRING_length(text))}));
        }
    }
    GENERAL_NAMES_free(alternatives);
    return names;
}

std::string sha256(std::string_view text) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    ensure(EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1,
           "no SHA-256");
    return {reinterpret_cast<const char*>(digest.data()), length};
}

std::string digest_of(X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    ensure(X509_digest(certificate, EVP_sha256(), digest.data(), &length) == 1, "no SHA-256");
    return {reinterpret_cast<const char*>(digest.data()), length};
}

WallTime expiry_of(X509* certificate) {
    tm when{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when) != 1) {
        return {};
    }
    return std::chrono::system_clock::from_time_t(::timegm(&when));
}

}  // namespace

TlsContexts::~TlsContexts() = default;

void TlsContexts::Free::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

void TlsContexts::FreeStore::operator()(x509_store_st* store) const {
    X509_STORE_free(store);
}

std::optional<config::Flaw> TlsContexts::read_client_authorities(const std::string& file) {
    authorities_.reset(X509_STORE_new());
    ensure(authorities_ != nullptr, "OpenSSL makes no store");
    if (auto flaw = unreadable(file)) {
        return flaw;
    }
    ERR_clear_error();
    if (X509_STORE_load_file(authorities_.get(), file.c_str()) != 1) {
        return config::Flaw{"names " + config::quote(file) +
                                ", which holds no certificates that can be used: " + complaint(),
                            "give the path of a PEM file with the authorities' certificates"};
    }
    STACK_OF(X509_OBJECT)* const all = X509_STORE_get0_objects(authorities_.get());
    for (int i = 0; i < sk_X509_OBJECT_num(all); ++i) {
        if (X509* const one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i))) {
            session_place_ += digest_of(one);
        }
    }
    return std::nullopt;
}

void TlsContexts::ask_clients(ssl_ctx_st* context, ClientVerify how) const {
    SSL_CTX_set1_cert_store(context, authorities_.get());
    SSL_CTX_set_verify(
        context,
        SSL_VERIFY_PEER | (how == ClientVerify::require ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
    SSL_CTX_set_verify_depth(context, kClientDepthMax);
    SSL_CTX_set_max_cert_list(context, kClientChainMax);
    // Clients with several certificates choose by these names.
    STACK_OF(X509_OBJECT)* const all = X509_STORE_get0_objects(authorities_.get());
    for (int i = 0; i < sk_X509_OBJECT_num(all); ++i) {
        if (X509* const one = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(all, i))) {
            SSL_CTX_add_client_CA(context, one);
        }
    }
}

void TlsContexts::set_up(ssl_ctx_st* context, const TlsOptions& options) const {
    SSL_CTX_set_min_proto_version(
        context, options.version_min == TlsVersion::v13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    // Whoever resumes gets a new one, and most clients keep one connection.
    SSL_CTX_set_num_tickets(context, 1);
    ensure(SSL_CTX_set_cipher_list(context, kCiphers12) == 1, "OpenSSL lacks our ciphers");
    ensure(SSL_CTX_set1_groups_list(context, kGroups) == 1, "OpenSSL lacks our groups");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need no memory
    SSL_CTX_set_timeout(
        context, std::chrono::floor<std::chrono::seconds>(TicketRing::life(options.ticket_rotation))
                     .count());
    SSL_CTX_set_session_id_context(context,
                                   reinterpret_cast<const unsigned char*>(session_place_.data()),
                                   static_cast<unsigned>(session_place_.size()));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, ticket_key);
    SSL_CTX_set_session_ticket_cb(context, nullptr, judge_ticket, nullptr);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_tlsext_servername_callback(context, choose_certificate);
    // The library gives back what it is given: nothing is written through it.
    auto* const self = const_cast<TlsContexts*>(this);
    SSL_CTX_set_tlsext_servername_arg(context, self);
    SSL_CTX_set_alpn_select_cb(context, choose_protocol, self);
    if (asks_clients_) {
        ask_clients(context, options.client_verify);
    }
}

std::expected<std::shared_ptr<const TlsContexts>, std::vector<TlsFlaw>> TlsContexts::load(
    const TlsOptions& options, const std::vector<std::string>& alpn) {
    auto made = std::make_shared<TlsContexts>();
    for (const std::string& protocol : alpn) {
        made->alpn_ += static_cast<char>(protocol.size());
        made->alpn_ += protocol;
    }
    std::vector<TlsFlaw> flaws;
    made->session_place_ = kSessionPlace;
    made->asks_clients_ = options.client_verify != ClientVerify::off;
    if (made->asks_clients_) {
        made->session_place_ += options.client_verify == ClientVerify::require ? "!" : "?";
        if (auto flaw = made->read_client_authorities(options.client_ca_file)) {
            flaws.push_back({TlsFlaw::kWhole, "client_ca_file", *std::move(flaw)});
        }
        made->session_place_ = sha256(made->session_place_);
        made->fingerprint_ = made->session_place_;
    }
    const std::vector<TlsCertificateOptions> all = options.all();
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto& [cert_file, key_file, ocsp_file] = all[i];
        const std::size_t before = flaws.size();
        if (auto flaw = unreadable(cert_file)) {
            flaws.push_back({i, "cert_file", *std::move(flaw)});
        }
        if (auto flaw = unreadable(key_file)) {
            flaws.push_back({i, "key_file", *std::move(flaw)});
        }
        if (flaws.size() > before) {
            continue;
        }
        ERR_clear_error();
        Context context(SSL_CTX_new(TLS_server_method()));
        ensure(context != nullptr, "OpenSSL makes no context");
        made->set_up(context.get(), options);
        if (SSL_CTX_use_certificate_chain_file(context.get(), cert_file.c_str()) != 1) {
            flaws.push_back({i,
                             "cert_file",
                             {"names " + config::quote(cert_file) +
                                  ", which holds no usable certificate: " + complaint(),
                              "give a PEM file that begins with the server's certificate"}});
            continue;
        }
        if (SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
            const bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
            flaws.push_back(
                {i,
                 "key_file",
                 {"names " + config::quote(key_file) +
                      (other ? ", which is not the key of " + config::quote(cert_file)
                             : ", which holds no usable private key: " + complaint()),
                  other ? "give the key that the certificate was made with"
                        : "give a PEM file with a private key and without a password"}});
            ERR_clear_error();
            continue;
        }
        std::unique_ptr<const TlsStaple> staple;
        if (!ocsp_file.empty()) {
            auto loaded = load_staple(ocsp_file, context.get());
            if (!loaded) {
                flaws.push_back({i, "ocsp_file", std::move(loaded.error())});
                continue;
            }
            staple = *std::move(loaded);
            SSL_CTX_set_tlsext_status_cb(context.get(), show_staple);
            SSL_CTX_set_tlsext_status_arg(context.get(), const_cast<TlsStaple*>(staple.get()));
            made->fingerprint_ += sha256(staple->response);
        }
        X509* const certificate = SSL_CTX_get0_certificate(context.get());
        TlsCertificate facts{cert_file, names_in(certificate), expiry_of(certificate)};
        for (const std::string& name : facts.names) {
            made->by_name_.emplace(name, context.get());  // the first that holds it
        }
        made->fingerprint_ += digest_of(certificate);
        made->certificates_.push_back(std::move(facts));
        made->staples_.push_back(std::move(staple));
        made->contexts_.push_back(std::move(context));
    }
    if (!flaws.empty()) {
        return std::unexpected(std::move(flaws));
    }
    ensure(!made->contexts_.empty(), "TLS without a certificate");
    return made;
}

ssl_ctx_st* TlsContexts::holder_of(std::string_view name) const {
    std::string asked = lower(name);
    if (asked.ends_with('.')) {
        asked.pop_back();
    }
    if (const auto found = by_name_.find(asked); found != by_name_.end()) {
        return found->second;
    }
    const std::size_t dot = asked.find('.');
    const auto found =
        dot != std::string::npos ? by_name_.find("*" + asked.substr(dot)) : by_name_.end();
    return found != by_name_.end() ? found->second : nullptr;
}

ssl_ctx_st* TlsContexts::context_for(std::string_view name) const {
    ssl_ctx_st* const holder = holder_of(name);
    return holder != nullptr ? holder : contexts_.front().get();
}

bool TlsContexts::is_only_others(std::string_view name, const ssl_ctx_st* context) const {
    const ssl_ctx_st* const holder = holder_of(name);
    if (holder == nullptr || holder == context) {
        return false;
    }
    const auto shown = std::ranges::find(contexts_, context, &Context::get);
    ensure(shown != contexts_.end(), "a certificate of another configuration");
    const std::string asked = lower(name);
    const std::string wild = "*" + asked.substr(std::min(asked.find('.'), asked.size()));
    return std::ranges::none_of(
        certificates_[static_cast<std::size_t>(shown - contexts_.begin())].names,
        [&](const std::string& held) { return held == asked || held == wild; });
}

}  // namespace gw::net
