#include "state/redis_tls.hpp"

// allow(homes): TLS to Redis alone; the listeners' lives in net
#include <openssl/err.h>
// allow(homes): as above
#include <openssl/ssl.h>

#include <array>

#include "base/ensure.hpp"
#include "base/ip_address.hpp"

namespace gw::state {
namespace {

constexpr std::size_t kPieceMax = 16UL * 1024;  // a record

std::unexpected<Error> broken(const char* detail) {
    ERR_clear_error();
    return fail(Errc::malformed, Fault::store, detail);
}

}  // namespace

void RedisTlsContext::Free::operator()(ssl_ctx_st* context) const {
    SSL_CTX_free(context);
}

void RedisTls::Free::operator()(ssl_st* tls) const {
    SSL_free(tls);
}

RedisTlsContext::RedisTlsContext(const RedisPlace& place)
    : context_(SSL_CTX_new(TLS_client_method())) {
    ensure(context_ != nullptr, "OpenSSL makes no context");
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (place.ca_file.empty()) {
        SSL_CTX_set_default_verify_paths(context);
    } else if (SSL_CTX_load_verify_file(context, place.ca_file.c_str()) != 1) {
        trouble_ = "the file of certificates for Redis cannot be used";
    }
    if (!place.cert_file.empty() &&
        (SSL_CTX_use_certificate_chain_file(context, place.cert_file.c_str()) != 1 ||
         SSL_CTX_use_PrivateKey_file(context, place.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
         SSL_CTX_check_private_key(context) != 1)) {
        trouble_ = "the certificate or key for Redis cannot be used";
    }
    ERR_clear_error();
}

RedisTls::RedisTls(const RedisTlsContext& context, const std::string& host)
    : tls_(SSL_new(context.get())) {
    ensure(tls_ != nullptr, "OpenSSL makes no connection");
    SSL* const tls = tls_.get();
    BIO* const in = BIO_new(BIO_s_mem());
    BIO* const out = BIO_new(BIO_s_mem());
    ensure(in != nullptr && out != nullptr, "OpenSSL makes no buffers");
    BIO_set_mem_eof_return(in, -1);
    BIO_set_mem_eof_return(out, -1);
    SSL_set_bio(tls, in, out);
    SSL_set_connect_state(tls);
    if (IpAddress::parse(host)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str());
    } else {
        SSL_set_tlsext_host_name(tls, host.c_str());
        SSL_set1_host(tls, host.c_str());
    }
}

Result<void> RedisTls::take(std::string_view received, std::string& plain, std::string& wire) {
    SSL* const tls = tls_.get();
    ERR_clear_error();
    if (!received.empty() &&
        BIO_write(SSL_get_rbio(tls), received.data(), static_cast<int>(received.size())) !=
            static_cast<int>(received.size())) {
        return broken("TLS took no bytes");
    }
    if (!ready_) {
        const int done = SSL_do_handshake(tls);
        drain(wire);
        if (done != 1) {
            if (SSL_get_error(tls, done) == SSL_ERROR_WANT_READ) {
                return {};
            }
            return broken(SSL_get_verify_result(tls) != X509_V_OK
                              ? "the certificate of Redis is not trusted"
                              : "the TLS handshake with Redis failed");
        }
        ready_ = true;
    }
    std::array<char, kPieceMax> piece{};
    while (true) {
        const int got = SSL_read(tls, piece.data(), static_cast<int>(piece.size()));
        if (got > 0) {
            plain.append(piece.data(), static_cast<std::size_t>(got));
            continue;
        }
        const int why = SSL_get_error(tls, got);
        drain(wire);
        if (why == SSL_ERROR_WANT_READ) {
            return {};
        }
        if (why == SSL_ERROR_ZERO_RETURN) {
            return fail(Errc::closed, Fault::store, "Redis closed the connection");
        }
        return broken("TLS with Redis broke");
    }
}

Result<void> RedisTls::seal(std::string_view plain, std::string& wire) {
    ERR_clear_error();
    while (!plain.empty()) {
        const std::string_view piece = plain.substr(0, kPieceMax);
        // A memory buffer takes everything at once.
        if (SSL_write(tls_.get(), piece.data(), static_cast<int>(piece.size())) !=
            static_cast<int>(piece.size())) {
            return broken("TLS with Redis broke");
        }
        plain.remove_prefix(piece.size());
        drain(wire);
    }
    return {};
}

void RedisTls::drain(std::string& wire) {
    BIO* const out = SSL_get_wbio(tls_.get());
    std::array<char, kPieceMax> piece{};
    while (BIO_pending(out) > 0) {
        const int got = BIO_read(out, piece.data(), static_cast<int>(piece.size()));
        if (got <= 0) {
            return;
        }
        wire.append(piece.data(), static_cast<std::size_t>(got));
    }
}

}  // namespace gw::state
