#include "net/tls_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/ensure.hpp"
#include "base/ip_address.hpp"
#include "config/file.hpp"

namespace gw::net {
namespace {

constexpr std::array<unsigned char, 9> kAlpn{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) {
    return -1;
}

std::string complaint() {
    const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != nullptr ? reason : "unknown reason";
}

constexpr std::size_t kBytesMax = 16UL * 1024 * 1024;  // all authorities of a system are below one

std::string content_of(const std::string& path) {
    return path.empty() ? "" : config::read_file(path, kBytesMax).value_or("");
}

// FNV-1a, each part after its length.
std::uint64_t hash_of(const std::vector<std::string>& parts) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (const std::string& part : parts) {
        for (const char c : std::to_string(part.size()) + ":" + part) {
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
        }
    }
    return hash;
}

}  // namespace

void TlsClient::Free::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

std::expected<std::shared_ptr<const TlsClient>, std::vector<TlsClientFlaw>> TlsClient::load(
    const TlsClientOptions& options, const std::string& host) {
    auto made = std::make_shared<TlsClient>();
    made->context_.reset(SSL_CTX_new(TLS_client_method()));
    SSL_CTX* const context = made->context_.get();
    ensure(context != nullptr, "OpenSSL makes no context");
    SSL_CTX_set_min_proto_version(
        context, options.version_min == TlsVersion::v13 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // connections are kept instead
    SSL_CTX_set_default_passwd_cb(context, no_password);
    SSL_CTX_set_alpn_protos(context, kAlpn.data(), static_cast<unsigned>(kAlpn.size()));
    SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);

    ERR_clear_error();
    std::vector<TlsClientFlaw> flaws;
    const auto unusable = [&flaws](std::string_view setting, const std::string& path,
                                   const char* remedy) {
        flaws.push_back(
            {setting,
             {"names " + config::quote(path) + ", which cannot be used: " + complaint(), remedy}});
    };
    const auto readable = [&flaws](std::string_view setting, const std::string& path) {
        const auto flaw = config::flaw_of_file(path);
        if (flaw) {
            flaws.push_back({setting,
                             {"names " + config::quote(path) + ", which " + flaw->what,
                              "give the path of a PEM file that this process may read"}});
        }
        return !flaw;
    };
    if (options.ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (readable("ca_file", options.ca_file) &&
               SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
        unusable("ca_file", options.ca_file, "give the path of a PEM file with certificates");
    }
    if (options.cert_file.empty() != options.key_file.empty()) {
        flaws.push_back({options.cert_file.empty() ? "cert_file" : "key_file",
                         {"is not set", "a certificate and its key belong together: set both"}});
    } else if (!options.cert_file.empty() && readable("cert_file", options.cert_file) &&
               readable("key_file", options.key_file)) {
        if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
            unusable("cert_file", options.cert_file,
                     "give the path of a PEM file with a certificate");
        } else if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(),
                                               SSL_FILETYPE_PEM) != 1 ||
                   SSL_CTX_check_private_key(context) != 1) {
            unusable("key_file", options.key_file,
                     "give the key that the certificate was made with, without a password");
        }
    }
    ERR_clear_error();
    if (!flaws.empty()) {
        return std::unexpected(std::move(flaws));
    }
    made->name_ = options.server_name.empty() ? host : options.server_name;
    made->by_address_ = IpAddress::parse(made->name_).has_value();
    made->verify_ = options.verify;
    made->id_ = 1 | hash_of({made->name_, options.verify ? "verify" : "trust all",
                             options.version_min == TlsVersion::v13 ? "1.3" : "1.2",
                             content_of(options.ca_file), content_of(options.cert_file),
                             content_of(options.key_file)});
    return made;
}

ssl_st* TlsClient::begin() const {
    SSL* const tls = SSL_new(context_.get());
    ensure(tls != nullptr, "OpenSSL makes no connection");
    SSL_set_connect_state(tls);
    if (!by_address_) {
        SSL_set_tlsext_host_name(tls, name_.c_str());
    }
    if (verify_) {
        SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ensure((by_address_ ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name_.c_str())
                            : SSL_set1_host(tls, name_.c_str())) == 1,
               "a name that cannot be verified");
    }
    return tls;
}

}  // namespace gw::net
